// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings Config
		want     string
	}{
		{Config{APIKey: "k", API: "v3"}, "`metlo::api` is \"v3\": write v1 or v2"},
		{Config{APIKey: "k", API: V2, EncryptionPublicKey: "sEcReT"}, "`metlo::encryption_public_key` is no public key in PEM: it must begin with \"-----BEGIN PUBLIC KEY-----\""},
		{Config{APIKey: "k", API: V2, EncryptionPublicKey: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}, "`metlo::encryption_public_key` is damaged: copy it again"},
		{Config{APIKey: "k", API: V2, EncryptionPublicKey: publicPEM(t, &ecKey(t).PublicKey)}, "`metlo::encryption_public_key` is no RSA key: Metlo wraps keys with RSA-OAEP"},
		{Config{APIKey: "k", EncryptionPublicKey: publicPEM(t, &rsaKey(t).PublicKey)}, "`metlo::encryption_public_key` is set with `metlo::api: v1`, which cannot read encrypted traces: write api: v2"},
	} {
		_, err := tt.settings.NewEncoder(backend.Build{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("New: %v, want %q", err, tt.want)
		} else if strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("the error holds the key: %v", err)
		}
	}
}

func TestSpecAndHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings Config
		path     string
		items    int
		prefix   string
	}{
		{Config{}, "/api/v1/log-request/batch", 50, "["},
		{Config{Single: true}, "/api/v1/log-request/single", 1, ""},
		{Config{API: V2}, "/api/v2/log-request/batch", 50, "["},
		{Config{API: V2, Single: true}, "/api/v2/log-request/single", 1, ""},
	} {
		tt.settings.APIKey = "metlo.key"
		e := newEncoder(t, tt.settings)
		s := e.Spec()
		if s.Path != tt.path || s.MaxItems != tt.items || s.Prefix != tt.prefix || s.MaxRequestBytes >= 2_000_000 {
			t.Errorf("Spec: %+v", s)
		}
		h := make(http.Header)
		e.SetHeader(h)
		if h.Get("Authorization") != "metlo.key" || h.Get("User-Agent") != "apispan/1.2.3" {
			t.Errorf("headers: %v", h)
		}
	}
}

// TestClassify: what may have been taken in part is never sent again.
func TestClassify(t *testing.T) {
	t.Parallel()
	batch, single := newEncoder(t, Config{APIKey: "k"}), newEncoder(t, Config{APIKey: "k", Single: true})
	for status, want := range map[int][2]backend.Class{
		200: {backend.Delivered, backend.Delivered},
		400: {backend.Reject, backend.Reject}, // not the collector's: it is sent no path that it refuses
		422: {backend.Reject, backend.Reject},
		413: {backend.Reject, backend.Reject}, // the parser refuses before any item is read
		401: {backend.Outage, backend.Outage},
		404: {backend.Outage, backend.Outage},
		429: {backend.Retry, backend.Retry},
		500: {backend.GiveUp, backend.GiveUp},
		501: {backend.GiveUp, backend.GiveUp},
		502: {backend.Retry, backend.Retry},
		503: {backend.Retry, backend.Retry},
		504: {backend.Retry, backend.Retry},
	} {
		if got := [2]backend.Class{batch.Classify(status), single.Classify(status)}; got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
	if !batch.RetryNoAnswer(backend.NotSent) || batch.RetryNoAnswer(backend.MaybeTaken) {
		t.Error("without an answer: only what was not sent may be sent again")
	}
}
