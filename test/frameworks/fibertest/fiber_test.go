// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fibertest

import (
	"bufio"
	"bytes"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"testing"

	"github.com/gofiber/contrib/otelfiber/v2"
	"github.com/gofiber/fiber/v2"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/fibercapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

func serve(t *testing.T, provider *sdktrace.TracerProvider, capture bool, opts ...httpcapture.Option) string {
	t.Helper()
	return start(t, fiber.Config{}, provider, capture, nil, opts...)
}

func start(t *testing.T, cfg fiber.Config, provider *sdktrace.TracerProvider, capture bool, more func(*fiber.App), opts ...httpcapture.Option) string {
	t.Helper()
	cfg.DisableStartupMessage = true
	app := fiber.New(cfg)
	app.Use(fiberrecover.New(), otelfiber.Middleware(otelfiber.WithTracerProvider(provider)))
	if capture {
		app.Use(fibercapture.Middleware(opts...))
	}
	app.Post("/echo/:id", func(c *fiber.Ctx) error {
		adaptertest.Handle(c.UserContext(), c.Params("id"))
		c.Set("X-Answer", "1")
		return c.Status(http.StatusCreated).SendString("echo:" + string(c.Body()))
	})
	app.Get("/empty", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) })
	app.Get("/fail", func(*fiber.Ctx) error { return fiber.NewError(http.StatusTeapot, "teapot") })
	app.Get("/panic", func(*fiber.Ctx) error { panic("handler") })
	app.Get("/skip", func(c *fiber.Ctx) error {
		httpcapture.Skip(c.UserContext())
		return c.SendString("skipped")
	})
	app.Get("/stream", func(c *fiber.Ctx) error {
		c.Set("Content-Type", "text/plain")
		c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
			for _, s := range []string{"one,", "two,", "three"} {
				_, _ = w.WriteString(s)
				_ = w.Flush()
			}
		})
		return nil
	})
	app.Get("/redirect", func(c *fiber.Ctx) error { return c.Redirect("/empty") })
	if more != nil {
		more(app)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = app.Listener(lis) }()
	t.Cleanup(func() { _ = app.Shutdown(); _ = lis.Close(); <-done })
	return "http://" + lis.Addr().String()
}

func TestAdapter(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Serve: serve, Route: "/echo/:id", NoStream: true})
}

// TestStreamedRequest: what the handler leaves in the stream stays there; what fasthttp
// has read for it is recorded.
func TestStreamedRequest(t *testing.T) {
	spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
	address := start(t, fiber.Config{StreamRequestBody: true, BodyLimit: 10}, spans.Provider, true, func(app *fiber.App) {
		app.Post("/unread", func(c *fiber.Ctx) error { return c.SendString("ok") })
		app.Post("/reader", func(c *fiber.Ctx) error {
			n, _ := io.Copy(io.Discard, c.Context().RequestBodyStream())
			return c.JSON(n)
		})
	}, httpcapture.WithBodies(httpcapture.BodiesAll))
	big := bytes.Repeat([]byte("x"), 100_000)
	for path, want := range map[string]map[string]any{
		"/unread": {"http.request.body.content": nil, "apispan.request.body.incomplete": true, "http.response.body.content": "ok"},
		"/reader": {"http.request.body.content": nil, "apispan.request.body.incomplete": true, "http.response.body.content": "100000"},
		"/echo/7": {"http.request.body.content": string(big[:8192]), "apispan.request.body.truncated": true, "http.route": "/echo/:id"},
	} {
		resp, err := http.Post(address+path, "text/plain", bytes.NewReader(big)) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		adaptertest.Want(t, path, adaptertest.Attrs(spans.Next(t)), want)
	}
}

// TestForm: a form that fasthttp has parsed is left alone, and works.
func TestForm(t *testing.T) {
	spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
	address := start(t, fiber.Config{}, spans.Provider, true, func(app *fiber.App) {
		app.Post("/form", func(c *fiber.Ctx) error { return c.SendString("got " + c.FormValue("a")) })
	}, httpcapture.WithBodies(httpcapture.BodiesAll))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("a", "b")
	_ = form.Close()
	resp, err := http.Post(address+"/form", form.FormDataContentType(), &body) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	adaptertest.Want(t, "form", adaptertest.Attrs(spans.Next(t)), map[string]any{
		"http.request.body.content": nil, "http.response.body.content": "got b",
	})
}

// TestUnrouted has no route, and its error once on the span.
func TestUnrouted(t *testing.T) {
	spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
	address := start(t, fiber.Config{}, spans.Provider, true, func(app *fiber.App) {
		app.Get("/gone/:id", func(*fiber.Ctx) error { return fiber.ErrNotFound })
		app.Get("/ws", func(c *fiber.Ctx) error {
			c.Status(http.StatusSwitchingProtocols)
			c.Context().Hijack(func(c net.Conn) { _, _ = c.Write([]byte("hello")) })
			return nil
		})
	}, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithResponseHeaders("X-None"))
	for path, body := range map[string]string{"/missing": "Cannot GET /missing", "/gone/1": "Not Found"} {
		resp, err := http.Get(address + path) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		span := spans.Next(t)
		adaptertest.Want(t, path, adaptertest.Attrs(span), map[string]any{"http.response.body.content": body})
		if len(span.Events()) != 1 {
			t.Errorf("%s: %d events", path, len(span.Events()))
		}
	}
	conn, err := net.Dial("tcp", address[len("http://"):]) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ws\r\n\r\n"))
	all, _ := io.ReadAll(conn)
	if !bytes.HasSuffix(all, []byte("hello")) {
		t.Errorf("%q", all)
	}
	adaptertest.Want(t, "ws", adaptertest.Attrs(spans.Next(t)), map[string]any{"apispan.hijacked": true, "http.response.body.content": nil})
}

// TestNotRecording costs nothing.
func TestNotRecording(t *testing.T) {
	if adaptertest.Race {
		t.Skip("allocations differ under the race detector")
	}
	allocs := func(capture bool) float64 {
		app := fiber.New()
		if capture {
			app.Use(fibercapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders()))
		} else {
			app.Use(func(c *fiber.Ctx) error { c.UserContext(); return c.Next() })
		}
		app.Get("/", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) })
		h, rc := app.Handler(), &fasthttp.RequestCtx{}
		rc.Request.SetRequestURI("/")
		return testing.AllocsPerRun(200, func() { h(rc) })
	}
	if without, with := allocs(false), allocs(true); with > without {
		t.Errorf("%v allocations, %v without the adapter", with, without)
	}
}
