// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/examples/shop/shopapi"
	"github.com/apispan/apispan/examples/shop/shopdata"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		body := orderJSON(t, nil)
		status, answer := s.do(t, "POST", "/orders", "application/json", body, "Authorization", "Bearer "+ada().Token)
		if status != http.StatusCreated {
			t.Fatalf("status %d", status)
		}
		a := s.served(t, "/orders")
		a.want(t, map[attribute.Key]any{
			"http.request.method":                "POST",
			"http.response.status_code":          int64(201),
			"http.route":                         "/orders",
			"http.request.body.content":          body,
			"http.response.body.content":         answer,
			"http.request.header.content-type":   []string{"application/json"},
			"http.response.header.content-type":  []string{"application/json"},
			"http.response.header.location":      []string{"/orders/o-1001"},
			"user.id":                            "u-ada",
			"apispan.company.id":                 "co-analytical",
			"apispan.subscription.id":            "sub-pro-1",
			"apispan.consumer.id":                "key-ada",
			"apispan.consumer.label":             "Ada Lovelace",
			"apispan.consumer.email":             "ada@example.com",
			"apispan.metadata.order_total_cents": int64(2*3490 + 1250),
			"apispan.metadata.order_items":       int64(2),
			"apispan.metadata.order_currency":    "EUR",
		})
		a.absent(t, "apispan.request.body.truncated", "apispan.response.body.truncated",
			"apispan.request.body.incomplete", "apispan.skip")
		if got := a["http.request.header.authorization"]; strings.Contains(got.String(), ada().Token) {
			t.Error("the bearer token was recorded")
		}

		c := s.span(t, trace.SpanKindClient, "url.full", "/charges")
		c.want(t, map[attribute.Key]any{
			"http.request.method":        "POST",
			"http.response.status_code":  int64(200),
			"http.request.body.content":  `{"amount_cents":8230,"currency":"EUR","card_number":"4111 1111 1111 1111","cvc":"737"}`,
			"http.response.body.content": `{"card":{"last4":"1111"},"id":"ch-8230","status":"succeeded"}` + "\n",
		})
		if got := c["http.request.header.authorization"]; strings.Contains(got.String(), shopdata.PaymentKey) {
			t.Error("the payment key was recorded")
		}
	})
}

// TestModesAgree compares every captured attribute of the two modes.
func TestModesAgree(t *testing.T) {
	t.Parallel()
	captured := func(a attrs) map[attribute.Key]any {
		m := map[attribute.Key]any{}
		for k, v := range a {
			switch s := string(k); {
			case strings.HasSuffix(s, ".date"), strings.HasSuffix(s, ".host"), strings.HasSuffix(s, ".port"):
				// differ from run to run
			case k == "http.response.body.content":
				m[k] = len(v.AsString()) // has a time of creation
			default:
				m[k] = v.AsInterface()
			}
		}
		return m
	}
	var seen []map[attribute.Key]any
	for _, mode := range bothModes {
		s := start(t, mode)
		if status, _ := s.do(t, "POST", "/orders", "application/json", orderJSON(t, nil), "Cookie", "session="+ada().Session); status != 201 {
			t.Fatalf("%s: status %d", mode, status)
		}
		seen = append(seen, captured(s.served(t, "/orders")))
	}
	if len(seen[0]) < 20 {
		t.Errorf("only %d attributes; the comparison proves little", len(seen[0]))
	}
	if d := cmp.Diff(seen[0], seen[1]); d != "" {
		t.Errorf("dropin and alongside differ (-dropin +alongside):\n%s", d)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		const form = "application/x-www-form-urlencoded"
		login := url.Values{"email": {"ada@example.com"}, "password": {shopdata.Password}}.Encode()
		if status, _ := s.do(t, "POST", "/login/form", form, login); status != http.StatusSeeOther {
			t.Fatalf("login: status %d", status)
		}
		a := s.served(t, "/login/form")
		a.want(t, map[attribute.Key]any{
			"http.request.body.content":     login,
			"http.response.header.location": []string{"/me"},
			"user.id":                       "u-ada",
		})
		if strings.Contains(a["http.response.header.set-cookie"].String(), ada().Session) {
			t.Error("the session cookie was recorded")
		}

		checkout := url.Values{"sku": {"LAMP-01"}, "name": {"Ada <b>"}, "card_number": {shopdata.CardSpaced}, "cvc": {shopdata.CVC}}.Encode()
		status, page := s.do(t, "POST", "/checkout", form, checkout)
		if status != http.StatusOK || !strings.Contains(page, "ending in 1111") || !strings.Contains(page, "Ada &lt;b&gt;") {
			t.Fatalf("checkout: status %d, page %q", status, page)
		}
		s.served(t, "/checkout").want(t, map[attribute.Key]any{
			"http.request.body.content":         checkout,
			"http.response.body.content":        page,
			"http.response.header.content-type": []string{"text/html; charset=utf-8"},
		})
	})
}

func TestUpload(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		auth := []string{"Authorization", "Bearer " + ada().Token}
		if status, _ := s.do(t, "POST", "/orders", "application/json", orderJSON(t, nil), auth...); status != 201 {
			t.Fatalf("order: status %d", status)
		}
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.WriteField("note", "broken")
		part, _ := w.CreateFormFile("photo", "parcel.jpg")
		photo := bytes.Repeat([]byte{0xff, 0xd8, 0x00, 0x41}, 10_000)
		_, _ = part.Write(photo)
		_ = w.Close()
		size := b.Len()
		status, answer := s.do(t, "POST", "/orders/o-1001/attachments", w.FormDataContentType(), b.String(), auth...)
		if status != http.StatusCreated || !strings.Contains(answer, `"bytes":40000`) {
			t.Fatalf("status %d, answer %s", status, answer)
		}
		a := s.served(t, "/orders/{id}/attachments")
		a.want(t, map[attribute.Key]any{
			"http.request.body.size":         int64(size),
			"apispan.request.body.truncated": true,
		})
		content := a["http.request.body.content"]
		if content.Type() == attribute.STRING {
			t.Error("bytes that are not UTF-8 were recorded as a string")
		}
		if got := content.AsByteSlice(); len(got) == 0 || len(got) > 16<<10 || !bytes.HasPrefix(b.Bytes(), got) {
			t.Errorf("recorded %d bytes, want a prefix of at most 16 KiB", len(got))
		}
	})
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		auth := []string{"Authorization", "Bearer " + ada().Token}
		if status, _ := s.do(t, "POST", "/orders", "application/json", orderJSON(t, nil), auth...); status != 201 {
			t.Fatalf("order: status %d", status)
		}
		_, events := s.do(t, "GET", "/orders/o-1001/events", "", "", auth...)
		if n := strings.Count(events, "event: status\n"); n != 4 {
			t.Fatalf("%d events: %q", n, events)
		}
		s.served(t, "/orders/{id}/events").want(t, map[attribute.Key]any{
			"http.response.status_code":         int64(200),
			"http.response.header.content-type": []string{"text/event-stream"},
			"http.response.body.content":        events,
		})
	})
}

// TestStreamIsNotHeldBack reads an event while the handler still waits to send
// the next one.
func TestStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			spans := tracetest.NewInMemoryExporter()
			client, wrap, err := instrument(mode, sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
			if err != nil {
				t.Fatal(err)
			}
			payments := httptest.NewServer(shopapi.PaymentStub())
			defer payments.Close()
			shop := shopapi.New(shopapi.Config{PaymentURL: payments.URL, Client: client, EventInterval: time.Hour})
			server := httptest.NewServer(wrap(shop.Handler()))
			defer server.Close()
			s := &running{url: server.URL, spans: spans}
			auth := []string{"Authorization", "Bearer " + ada().Token}
			if status, _ := s.do(t, "POST", "/orders", "application/json", orderJSON(t, nil), auth...); status != 201 {
				t.Fatalf("order: status %d", status)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/orders/o-1001/events", nil)
			req.Header.Set(auth[0], auth[1])
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			line, err := bufio.NewReader(res.Body).ReadString('\n')
			if err != nil || line != "id: 1\n" {
				t.Fatalf("first line %q, %v", line, err)
			}
			shop.Close() // the handler returns; the server's span ends
			s.served(t, "/orders/{id}/events")
		})
	}
}

func TestLongAnswerIsCut(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		status, text := s.do(t, "GET", "/export/products.ndjson?access_token="+shopdata.DownloadToken, "", "")
		if status != http.StatusOK || len(text) < 3*(16<<10) {
			t.Fatalf("status %d, %d bytes", status, len(text))
		}
		a := s.served(t, "/export/products.ndjson")
		a.want(t, map[attribute.Key]any{
			"apispan.response.body.truncated": true,
			"http.response.body.size":         int64(len(text)),
		})
		got := a["http.response.body.content"].AsString()
		if !strings.HasPrefix(text, got) || len(got) > 16<<10 || len(got) < 16<<10-4 {
			t.Errorf("recorded %d bytes, want a prefix of 16 KiB less a cut character", len(got))
		}
	})
}

func TestErrors(t *testing.T) {
	t.Parallel()
	auth := []string{"Authorization", "Bearer " + ada().Token}
	eachMode(t, func(t *testing.T, s *running) {
		for _, c := range []struct {
			name, method, path, body string
			header                   []string
			want                     int
		}{
			{"no product", "GET", "/products/NOPE", "", nil, 404},
			{"bad page", "GET", "/search?q=lamp&page=x", "", nil, 400},
			{"no token", "GET", "/me", "", nil, 401},
			{"wrong password", "POST", "/login", `{"email":"ada@example.com","password":"` + shopdata.WrongPassword + `"}`, nil, 401},
			{"broken JSON", "POST", "/orders", `{"items":[}`, auth, 400},
			{"nothing ordered", "POST", "/orders", orderJSON(t, func(o *shopapi.OrderRequest) { o.Items = nil }), auth, 422},
			{"expired card", "POST", "/orders", orderJSON(t, func(o *shopapi.OrderRequest) { o.Payment.Card.Expiry = "01/20" }), auth, 422},
			{"declined", "POST", "/orders", orderJSON(t, func(o *shopapi.OrderRequest) { o.Payment.Card.CardNumber = shopdata.CardDeclined }), auth, 402},
			{"bank down", "POST", "/orders", orderJSON(t, func(o *shopapi.OrderRequest) { o.Items[0].Quantity = 900 }), auth, 502},
			{"server error", "GET", "/recommendations/broken", "", nil, 500},
		} {
			s.spans.Reset()
			status, answer := s.do(t, c.method, c.path, "application/json", c.body, c.header...)
			if status != c.want {
				t.Errorf("%s: status %d, want %d", c.name, status, c.want)
				continue
			}
			a := s.span(t, trace.SpanKindServer, "http.request.method", c.method)
			a.want(t, map[attribute.Key]any{
				"http.response.status_code":         int64(c.want),
				"http.response.header.content-type": []string{"application/problem+json"},
				"http.response.body.content":        answer,
			})
		}
	})
}

func TestCutRequest(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		const half = `{"email":"ada@example.com","pass`
		_, _ = io.WriteString(conn, "POST /login HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"+half)
		_ = conn.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", res.StatusCode)
		}
		s.served(t, "/login").want(t, map[attribute.Key]any{
			"http.request.body.content":       half,
			"apispan.request.body.incomplete": true,
		})
	})
}

func TestHealthChecksAreNotCaptured(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *running) {
		if status, body := s.do(t, "GET", "/healthz", "", ""); status != 200 || body != "ok\n" {
			t.Fatalf("status %d, body %q", status, body)
		}
		if status, _ := s.do(t, "GET", "/products", "", ""); status != 200 {
			t.Fatalf("status %d", status)
		}
		s.served(t, "/products") // comes after the health check's span, if there is one
		for _, sp := range s.spans.GetSpans() {
			a := attrs(toMap(sp.Attributes))
			if a["url.path"].AsString() != "/healthz" || a["apispan.skip"].AsBool() {
				continue
			}
			a.absent(t, "http.response.body.content")
		}
	})
}

func TestUnknownMode(t *testing.T) {
	t.Parallel()
	if _, _, err := instrument("both", sdktrace.NewTracerProvider()); err == nil || !strings.Contains(err.Error(), "dropin or alongside") {
		t.Errorf("error %v does not say what to use", err)
	}
}
