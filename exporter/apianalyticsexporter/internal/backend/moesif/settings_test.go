// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings Config
		want     string
	}{
		{Config{ApplicationID: "a", NoResponseStatus: 600}, "`moesif::no_response_status` is 600: write 0 (no response) or a status from 100 to 599"},
		{Config{ApplicationID: "a", NoResponseStatus: -1}, "`moesif::no_response_status` is -1: write 0 (no response) or a status from 100 to 599"},
	} {
		_, err := tt.settings.NewEncoder(backend.Build{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("New: %v, want %q", err, tt.want)
		} else if strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("the error holds the id: %v", err)
		}
	}
}

func TestSpecAndHeader(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{ApplicationID: "app-id"})
	if s := e.Spec(); s.Path != "/v1/events/batch" || s.MaxItems != 200 || s.MaxItemBytes >= 1_000_000 {
		t.Errorf("Spec: %+v", s)
	}
	h := make(http.Header)
	e.SetHeader(h)
	if h.Get("X-Moesif-Application-Id") != "app-id" || h.Get("User-Agent") != "apispan/1.2.3" {
		t.Errorf("headers: %v", h)
	}
}

func TestLimitQuery(t *testing.T) {
	t.Parallel()
	all := strings.TrimSuffix(strings.Repeat("a=1&", maxQueryKeys), "&")
	for query, want := range map[string]string{
		"": "", "a=1": "a=1", all: all, all + "&": all, all + "&b=2&c": all,
	} {
		if got, cut := limitQuery(query); got != want || cut != (len(got) < len(query)) {
			t.Errorf("%d parameters became %d (cut: %v), want %d",
				strings.Count(query, "&")+1, strings.Count(got, "&")+1, cut, strings.Count(want, "&")+1)
		}
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"text": {"beta,web", "beta,web"}, "list": {[]any{"beta", "", int64(3), "w\"eb"}, "beta,w\"eb"},
		"empty text": {"", ""}, "empty list": {[]any{""}, ""}, "number": {int64(1), ""},
	} {
		ex := &exchange.Exchange{Method: "GET", Metadata: []exchange.KeyValue{{Key: "a", Value: true}, {Key: "tags", Value: tt.value}}}
		out, _ := newEncoder(t, Config{ApplicationID: "a"}).Append(nil, ex)
		var got struct {
			Tags     *string
			Metadata map[string]any
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if tt.want == "" && got.Tags != nil || tt.want != "" && (got.Tags == nil || *got.Tags != tt.want) {
			t.Errorf("%s: tags %v", name, got.Tags)
		}
		if _, kept := got.Metadata["tags"]; !kept {
			t.Errorf("%s: gone from the metadata", name)
		}
	}
}

// TestLargeBodies: a body is cut where the vendor would cut it, and the caller's
// exchange stays whole.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	for size, cut := range map[int]bool{maxBodyBytes: false, maxBodyBytes + 1: true, 2_000_000: true} {
		body := `["` + strings.Repeat("x", size-4) + `"]`
		ex := &exchange.Exchange{Method: "POST", Status: 200, Request: exchange.Message{Body: exchange.Body{Data: body, Captured: true, Size: int64(size)}}}
		out, _ := newEncoder(t, Config{ApplicationID: "a"}).Append(nil, ex)
		var got struct {
			Request struct {
				Body     any    `json:"body"`
				Encoding string `json:"transfer_encoding"`
				Length   int    `json:"content_length"`
			}
			Metadata struct {
				Apispan struct {
					Truncated bool `json:"request_body_truncated"`
				}
			}
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if got.Metadata.Apispan.Truncated != cut || (got.Request.Encoding == "base64") != cut || got.Request.Length != size {
			t.Errorf("%d bytes: encoding %s, truncated %v, length %d", size, got.Request.Encoding, got.Metadata.Apispan.Truncated, got.Request.Length)
		}
		if text, ok := got.Request.Body.(string); ok && base64.StdEncoding.DecodedLen(len(text)) > maxBodyBytes+2 {
			t.Errorf("%d bytes became %d of base64", size, len(text))
		}
		if ex.Request.Body.Truncated || len(ex.Request.Body.Data) != size {
			t.Errorf("%d bytes: the caller's exchange was changed", size)
		}
	}
}

func TestContentLength(t *testing.T) {
	t.Parallel()
	header := func(v string) []exchange.Header {
		return []exchange.Header{{Name: "content-length", Values: []string{v}}}
	}
	for _, tt := range []struct {
		name    string
		message exchange.Message
		want    int64
	}{
		{"size", exchange.Message{Headers: header("9"), Body: exchange.Body{Size: 7}}, 7},
		{"empty", exchange.Message{Body: exchange.Body{Size: 0}}, 0},
		{"header", exchange.Message{Headers: header("9"), Body: exchange.Body{Size: -1, Captured: true, Data: "abc"}}, 9},
		{"bad header", exchange.Message{Headers: header("-9"), Body: exchange.Body{Size: -1, Captured: true, Data: "abc"}}, 3},
		{"huge header", exchange.Message{Headers: header("99999999999999999999"), Body: exchange.Body{Size: -1}}, -1},
		{"capture", exchange.Message{Body: exchange.Body{Size: -1, Captured: true, Data: "abc"}}, 3},
		{"truncated", exchange.Message{Body: exchange.Body{Size: -1, Captured: true, Data: "abc", Truncated: true}}, -1},
		{"nothing", exchange.Message{Body: exchange.Body{Size: -1}}, -1},
	} {
		if got := contentLength(&tt.message); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
