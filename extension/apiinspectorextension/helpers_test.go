// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/metadata"
	"github.com/apispan/apispan/internal/inspect"
)

// rig is a running inspector.
type rig struct {
	*inspector

	t     *testing.T
	logs  *observer.ObservedLogs
	addr  string // 127.0.0.1:port
	token string
}

type nopHost struct{}

func (nopHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{}
}

// start runs an inspector on free ports.
func start(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	cfg := defaultConfig()
	cfg.ServerConfig.NetAddr.Endpoint = "localhost:0"
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	i, err := newInspector(set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Start(t.Context(), nopHost{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &rig{inspector: i, t: t, logs: logs, addr: strings.TrimSuffix(strings.TrimPrefix(i.link, "http://"), "/"), token: i.access.Token()}
}

// raw sends a request as it is written, and returns the answer.
func (r *rig) raw(addr, request string) (*http.Response, string) {
	r.t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res, string(b)
}

// do sends a request with the token.
func (r *rig) do(method, path, body string) (*http.Response, []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, b
}

// get reads an answer of the API.
func get[T any](r *rig, path string) T {
	r.t.Helper()
	res, b := r.do(http.MethodGet, path, "")
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s %s", path, res.Status, b)
	}
	var v T
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	return v
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("not within ten seconds: " + what)
}

func keyOf(n int) (k inspect.Key) {
	binary.BigEndian.PutUint64(k.Trace[8:], uint64(n)+1)
	binary.BigEndian.PutUint64(k.Span[:], uint64(n)+1)
	return k
}

func attr(key string, v any) inspect.Attribute {
	a := inspect.Attribute{Key: key, Value: v, Type: "string"}
	switch v := v.(type) {
	case string:
		a.Len = len(v)
	case []any:
		a.Type, a.Len = "array", len(v)
	case int64:
		a.Type, a.Len = "int", 8
	}
	return a
}

const (
	policyComponent = "http_redaction"
	vendor          = "api_analytics/moesif"
	cardNumber      = "4111111111111111"
	masked          = "[REDACTED]"
)

// shown shows one exchange as the components of a Collector do: a card number is masked,
// the event is sent.
func (r *rig) shown(n int, edit func(x *inspect.Exchange)) inspect.Key {
	k := keyOf(n)
	body := fmt.Sprintf(`{"card":%q,"name":"Ada <script>","n":%d}`, masked, n)
	x := &inspect.Exchange{
		Summary: inspect.Summary{
			Key: k, Service: "shop", Method: "POST", Route: "/pay/{id}", Path: fmt.Sprintf("/pay/%d", n), Host: "shop.example.com", Status: 201,
			Start: time.Now(), Duration: 12 * time.Millisecond, RequestBytes: int64(len(body)), ResponseBytes: 11, ConsumerID: "acme", UserID: "u-1", Weight: 1, Bodies: true,
		},
		ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a", Scheme: "https", Query: "a=1", Protocol: "1.1", RedactionPolicy: "59b3f65a", Metadata: map[string]any{"plan": "gold"},
		Request: inspect.Message{
			Headers: []inspect.Header{{Name: "authorization", Values: []string{masked}}, {Name: "content-type", Values: []string{"application/json"}}},
			Body:    inspect.Body{Data: []byte(body), Captured: true, Size: int64(len(body))},
		},
		Response: inspect.Message{Body: inspect.Body{Data: []byte(`{"ok":true}`), Captured: true, Size: 11}},
	}
	if edit != nil {
		edit(x)
	}
	list := func(card, auth string) []inspect.Attribute {
		out := []inspect.Attribute{
			attr("http.request.method", x.Method), attr("url.path", x.Path), attr("url.query", x.Query), attr("http.response.status_code", int64(x.Status)),
			attr("http.request.header.authorization", []any{auth}), attr("http.request.header.content-type", []any{"application/json"}),
			attr("http.request.body.content", strings.Replace(string(x.Request.Body.Data), masked, card, 1)), attr("http.response.body.content", string(x.Response.Body.Data)),
			attr("user.id", x.UserID), attr("apispan.consumer.id", x.ConsumerID),
		}
		for name, v := range x.Metadata {
			out = append(out, attr("apispan.metadata."+name, v))
		}
		return out
	}
	before := &inspect.Span{Name: "POST /pay/{id}", Kind: "server", Start: x.Start, End: x.Start.Add(x.Duration), Attributes: list(cardNumber, "Bearer s3cr3t-token")}
	if !r.Raw() {
		for i := range before.Attributes {
			before.Attributes[i].Value = nil
		}
	}
	r.Before(k, before)
	r.After(k, &inspect.Span{Name: "POST /pay/{id}", Kind: "server", Start: x.Start, End: x.Start.Add(x.Duration), Attributes: append(list(masked, masked), attr("apispan.redaction.policy", "59b3f65a"))},
		policyComponent, []inspect.Decision{
			{Rule: "pattern:card", Place: "request_body", Path: "$.card", Action: "mask", Outcome: "ok", N: 1},
			{Rule: "default:authorization", Place: "request_header", Path: "authorization", Action: "mask", Outcome: "ok", N: 1},
		})
	sum := x.Summary
	r.Saw(vendor, []inspect.Tally{inspect.NewNames(nil).Tally(&sum)})
	r.Read(k, vendor, x)
	metadata, err := json.Marshal(x.Metadata)
	if err != nil {
		r.t.Fatal(err)
	}
	event := []byte(fmt.Sprintf(`{"request":{"verb":"POST","uri":"https://shop.example.com/pay/%d?a=1","body":%s},"user_id":"u-1","metadata":%s}`, n, x.Request.Body.Data, metadata))
	item := inspect.Fingerprint(event)
	r.Encoded(k, vendor, &inspect.Event{ID: x.ID, Item: item, Data: event, Media: "application/json"})
	r.Sent(vendor, &inspect.Request{
		Items: []uint64{item}, At: time.Now(), Method: "POST", URL: "https://api.moesif.net/v1/events/batch", Headers: []inspect.Header{{Name: "x-moesif-application-id", Values: []string{"[hidden]"}}},
		Prefix: "[", Separator: ",", Suffix: "]", Bytes: len(event) + 2, Status: 201, Outcome: "delivered", Took: 30 * time.Millisecond, Attempt: 1,
	})
	return k
}

func (r *rig) attachAll(dry bool) {
	r.Attach(inspect.Source{Component: policyComponent, Policy: "59b3f65a", Text: "version: 1\n", Rules: []string{"pattern:card", "deny:never"}})
	r.Attach(inspect.Source{Component: vendor, Backend: "moesif", Target: "api.moesif.net", DryRun: dry})
}

// matches is how many exchanges a list takes.
func matches(r *rig, path string) int { return get[api.List](r, path).Match }
