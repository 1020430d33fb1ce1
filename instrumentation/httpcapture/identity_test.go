// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
)

func TestIdentityAndMetadata(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// From below a child span, as code deep in an application would.
			ctx, child := trace.SpanFromContext(r.Context()).TracerProvider().Tracer("t").Start(r.Context(), "child")
			httpcapture.SetIdentity(ctx, httpcapture.Identity{UserID: "inside", CompanyID: "old"})
			httpcapture.SetIdentity(ctx, httpcapture.Identity{CompanyID: "new"})
			httpcapture.SetMetadata(ctx, "plan", "pro")
			httpcapture.SetMetadata(ctx, "items", 3)
			httpcapture.SetMetadata(ctx, "items", 4)
			httpcapture.SetMetadata(ctx, "both", "inside")
			httpcapture.SetMetadata(ctx, "panics", panicky{})
			child.End()
			_, _ = io.WriteString(w, "x")
		})
		s := serve(t, wr.wrap(c, h,
			httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromHeader("X-User")),
			httpcapture.WithIdentityFrom(httpcapture.FieldSubscriptionID, httpcapture.FromQuery("sub")),
			httpcapture.WithIdentityFrom(httpcapture.FieldSessionID, httpcapture.FromCookie("sid")),
			httpcapture.WithIdentity(func(e httpcapture.Exchange) httpcapture.Identity {
				return httpcapture.Identity{UserID: "callback", ConsumerID: e.Request.Header.Get("X-User"), Label: "L", Email: "a@b.example"}
			}),
			httpcapture.WithIdentity(func(httpcapture.Exchange) httpcapture.Identity { panic("identity") }),
			httpcapture.WithMetadata(func(e httpcapture.Exchange) map[string]any {
				return map[string]any{"status": e.StatusCode, "both": "callback", "nothing": nil}
			}),
			httpcapture.WithMetadata(func(httpcapture.Exchange) map[string]any { panic("metadata") }),
		))
		do(t, s.Client(), newRequest(t, "GET", s.URL+"/?sub=s1", "", "X-User", "header-user", "Cookie", "sid=topsecret"))
		if got := c.span(t).Name(); got != "child" {
			t.Fatalf("first span is %q", got)
		}
		want(t, c.attrs(t), map[string]any{
			"user.id": "inside", "apispan.company.id": "new", "apispan.subscription.id": "s1",
			"apispan.consumer.id": "header-user", "apispan.consumer.label": "L", "apispan.consumer.email": "a@b.example",
			"session.id":            "sha256:UzNqZ2xkwTllU7K3yS84Eg",
			"apispan.metadata.plan": "pro", "apispan.metadata.items": 4, "apispan.metadata.both": "inside",
			"apispan.metadata.status": 200, "apispan.metadata.panics": nil, "apispan.metadata.nothing": nil,
		})
	})
}

type panicky struct{}

func (panicky) String() string { panic("no") }

func TestIdentityFromBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromJSONBody("$.user.id"))))
		body, _ := json.Marshal(map[string]any{"a": []int{1}, "user": map[string]any{"x": map[string]int{"id": 1}, "id": 42}})
		do(t, s.Client(), newRequest(t, "POST", s.URL, string(body), "Content-Type", "application/json"))
		want(t, c.attrs(t), map[string]any{"user.id": "42", "http.request.body.content": nil, "http.response.body.content": nil,
			"apispan.request.body.incomplete": nil})
	})
}

func TestEventIDHeader(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithEventIDHeader("x-event-id")))
		res, _ := do(t, s.Client(), newRequest(t, "POST", s.URL, "x"))
		id := res.Header.Get("X-Event-Id")
		if len(id) != 36 || id[14] != '5' {
			t.Errorf("id %q is not a UUID", id)
		}
		sp := c.span(t)
		sc := sp.SpanContext()
		if derived := httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil); id != derived {
			t.Errorf("id %s, the exporter derives %s", id, derived)
		}
		want(t, attrMap(sp.Attributes()), map[string]any{"apispan.event.id": id})
	})
}

// TestEventIDPrefix: the header is a link, the attribute the bare id.
func TestEventIDPrefix(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		const prefix = "https://docs.example.com/logs/"
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithEventIDHeader("X-Documentation-Url"), httpcapture.WithEventIDPrefix(prefix)))
		res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
		sp := c.span(t)
		sc := sp.SpanContext()
		id := httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil)
		if got := res.Header.Get("X-Documentation-Url"); got != prefix+id {
			t.Errorf("header %q, want %s%s", got, prefix, id)
		}
		want(t, attrMap(sp.Attributes()), map[string]any{"apispan.event.id": id})
	})
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts   []httpcapture.Option
		header []string
		want   any
	}{
		"nothing forwarded":     {want: "127.0.0.1"},
		"forged":                {header: []string{"X-Forwarded-For", "6.6.6.6"}, want: "127.0.0.1"},
		"through a known proxy": {header: []string{"X-Forwarded-For", "6.6.6.6, 2001:db8::1"}, opts: []httpcapture.Option{httpcapture.WithTrustedProxies("127.0.0.0/8")}, want: "2001:db8::1"},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				s := serve(t, wr.wrap(c, echo, tc.opts...))
				do(t, s.Client(), newRequest(t, "GET", s.URL, "", tc.header...))
				want(t, c.attrs(t), map[string]any{"client.address": tc.want})
			})
		})
	}
}

// TestLabeler: attributes for metrics still reach otelhttp, whose Labeler the
// context node provides.
func TestLabeler(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		found := make(chan bool, 2)
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			l, ok := httpcapture.LabelerFromContext(r.Context())
			l.Add(attribute.String("a", "b"))
			again, _ := otelhttp.LabelerFromContext(r.Context())
			found <- ok && len(again.Get()) == 1
		})
		s := serve(t, wr.wrap(c, h))
		do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
		if !<-found {
			t.Error("no labeler in the context of the handler")
		}
	})
}
