// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/metlo/metlotest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

var makeRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := makeRSA()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicPEM(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

type pair struct{ Name, Value string }

type trace struct {
	Request struct {
		URL struct {
			Host, Path string
			Parameters []pair
		} `json:"url"`
		Headers []pair
		Body    string
		Method  string
	}
	Response struct {
		Status  int
		Headers []pair
		Body    string
	}
	Encryption struct {
		Key          string
		GeneratedIvs map[string][]int
	}
	SessionMeta map[string]any
}

// open decrypts a trace in place, as Metlo does.
func (tr *trace) open(t *testing.T, private *rsa.PrivateKey) {
	t.Helper()
	wrapped, err := base64.StdEncoding.DecodeString(tr.Encryption.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, private, wrapped, nil)
	if err != nil || len(key) != 32 {
		t.Fatalf("the key: %d bytes, %v", len(key), err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	decrypt := func(name string, s *string) {
		var iv []byte
		for _, b := range tr.Encryption.GeneratedIvs[name] {
			iv = append(iv, byte(b))
		}
		sealed, err := base64.StdEncoding.DecodeString(*s)
		if err != nil || len(iv) != 12 {
			t.Fatalf("%.12s: nonce of %d bytes, %v", name, len(iv), err)
		}
		if used[string(iv)] {
			t.Errorf("%.12s: a nonce is used twice", name)
		}
		used[string(iv)] = true
		plain, err := aead.Open(nil, iv, sealed, nil)
		if err != nil {
			t.Fatalf("%.12s: %v", name, err)
		}
		*s = string(plain)
	}
	for place, list := range map[string][]pair{
		"reqQuery": tr.Request.URL.Parameters, "reqHeaders": tr.Request.Headers, "resHeaders": tr.Response.Headers,
	} {
		for i := range list {
			decrypt(place+"."+list[i].Name, &list[i].Name)
			decrypt(place+"."+list[i].Value, &list[i].Value)
		}
	}
	decrypt("reqBody", &tr.Request.Body)
	decrypt("resBody", &tr.Response.Body)
	if len(used) != len(tr.Encryption.GeneratedIvs) {
		t.Errorf("%d values, %d nonces", len(used), len(tr.Encryption.GeneratedIvs))
	}
}

// TestEncryption: the owner of the private key reads what an unencrypted trace
// says, and nobody else reads any of the content.
func TestEncryption(t *testing.T) {
	t.Parallel()
	private := rsaKey(t)
	encrypted := newEncoder(t, Config{APIKey: "k", API: V2, EncryptionPublicKey: publicPEM(t, &private.PublicKey)})
	unencrypted := newEncoder(t, Config{APIKey: "k", API: V2})
	ex := &exchange.Exchange{
		Method: "POST", Scheme: "https", Host: "api.example.com", Path: "/v1/users", Query: "qname=qvalue&qempty=",
		Status: 200, ClientAddress: "203.0.113.7", UserAgent: "agentvalue", UserID: "uservalue",
		Request: exchange.Message{
			Headers: []exchange.Header{{Name: "x-reqname", Values: []string{"reqvalue1", "reqvalue2"}}},
			Body:    exchange.Body{Data: `{"reqbody":"é"}`, Captured: true},
		},
		Response: exchange.Message{
			Headers: []exchange.Header{{Name: "x-respname", Values: []string{"respvalue"}}},
			Body:    exchange.Body{Data: "respbody", Captured: true},
		},
	}
	item, drop := encrypted.Append(nil, ex)
	plain, _ := unencrypted.Append(nil, ex)
	if drop != backend.Keep {
		t.Fatalf("dropped: %s", drop)
	}
	for _, problem := range metlotest.Check(item) {
		t.Error(problem)
	}
	for _, word := range []string{"qname", "qvalue", "qempty", "x-reqname", "reqvalue", "reqbody", "x-respname", "respvalue", "respbody", "agent", "uservalue"} {
		if bytes.Contains(item, []byte(word)) {
			t.Errorf("%q is in the encrypted trace", word)
		}
		if !bytes.Contains(plain, []byte(word)) {
			t.Errorf("%q is not in the trace without encryption, so nothing is proven", word)
		}
	}
	var got, want trace
	if err := json.Unmarshal(item, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain, &want); err != nil {
		t.Fatal(err)
	}
	got.open(t, private)
	got.Encryption, want.SessionMeta = want.Encryption, nil
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("decrypted (-want +got):\n%s", d)
	}
	if again, _ := encrypted.Append(nil, ex); bytes.Equal(again, item) {
		t.Error("two traces are encrypted alike")
	}
}

// TestEncryptionLeavesNothing runs the shared cases: no header, parameter or body of
// any of them is in the encrypted trace.
func TestEncryptionLeavesNothing(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, Config{APIKey: "k", API: V2, EncryptionPublicKey: publicPEM(t, &rsaKey(t).PublicKey)})
	for name, ex := range backendtest.SharedCases(t) {
		item, drop := e.Append(nil, ex)
		if drop != backend.Keep {
			continue
		}
		for _, problem := range metlotest.Check(item) {
			t.Errorf("%s: %s", name, problem)
		}
		for _, m := range []exchange.Message{ex.Request, ex.Response} {
			if d := m.Body.Data; len(d) > 8 && strings.Contains(string(item), d) {
				t.Errorf("%s: a body is in clear", name)
			}
			for _, h := range m.Headers {
				for _, v := range h.Values {
					if len(v) > 4 && strings.Contains(string(item), v) {
						t.Errorf("%s: a value of %s is in clear", name, h.Name)
					}
				}
			}
		}
	}
}
