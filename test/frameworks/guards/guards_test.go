// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package guards holds the guard to the same answers in every framework.
package guards

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/fibercapture"
	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/guard"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// frameworks serve everything alike behind a guard: a request with the header X-Fail gets an
// error, one with X-Panic a panic.
var frameworks = map[string]func(t *testing.T, g *guard.Guard, served *atomic.Int64) string{
	"net/http": func(t *testing.T, g *guard.Guard, served *atomic.Int64) string {
		return start(t, g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			b, _ := io.ReadAll(r.Body)
			switch {
			case r.Header.Get("X-Fail") != "":
				w.WriteHeader(http.StatusInternalServerError)
			case r.Header.Get("X-Panic") != "":
				panic(http.ErrAbortHandler)
			default:
				_, _ = w.Write(append([]byte("served:"), b...))
			}
		})))
	},
	"gin": func(t *testing.T, g *guard.Guard, served *atomic.Int64) string {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(gin.RecoveryWithWriter(io.Discard), gincapture.Guard(g))
		e.NoRoute(func(c *gin.Context) {
			served.Add(1)
			b, _ := io.ReadAll(c.Request.Body)
			switch {
			case c.GetHeader("X-Fail") != "":
				c.Status(http.StatusInternalServerError)
			case c.GetHeader("X-Panic") != "":
				panic("boom")
			default:
				c.String(http.StatusOK, "served:%s", b)
			}
		})
		return start(t, e)
	},
	"echo": func(t *testing.T, g *guard.Guard, served *atomic.Int64) string {
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}), echocapture.Guard(g))
		e.Any("/*", func(c echo.Context) error {
			served.Add(1)
			b, _ := io.ReadAll(c.Request().Body)
			switch {
			case c.Request().Header.Get("X-Fail") != "":
				return errors.New("fails")
			case c.Request().Header.Get("X-Panic") != "":
				panic("boom")
			}
			return c.String(http.StatusOK, "served:"+string(b))
		})
		return start(t, e)
	},
	"fiber": func(t *testing.T, g *guard.Guard, served *atomic.Int64) string {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Use(fiberrecover.New(), fibercapture.Guard(g))
		app.All("/*", func(c *fiber.Ctx) error {
			served.Add(1)
			switch {
			case c.Get("X-Fail") != "":
				return errors.New("fails")
			case c.Get("X-Panic") != "":
				panic("boom")
			}
			return c.SendString("served:" + string(c.Body()))
		})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() { _ = app.Listener(ln) }()
		t.Cleanup(func() { _ = app.Shutdown() })
		return "http://" + ln.Addr().String()
	},
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// patient lets no decision fail because the machine is busy.
var patient = guard.WithTimeout(time.Minute)

type vector struct {
	Name, Note         string
	Rules, Config, WAF json.RawMessage
	Request            struct {
		Method, Path, User, Company, Remote, Body string
		Headers                                   map[string]string
	}
	Want struct {
		Action, Rule string
		Status       int
		Headers      map[string]string
		NoHeaders    []string `json:"no_headers"`
		Body         json.RawMessage
		Raw          *string
	}
	Problems []string
}

// TestVectors runs the guard's own cases through each framework.
func TestVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../instrumentation/guard/testdata/vectors/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 50)
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		var v vector
		require.NoError(t, json.Unmarshal(data, &v))
		if v.Request.Remote != "" {
			continue // the address is that of a real connection here
		}
		for name, serve := range frameworks {
			t.Run(v.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				v.run(t, name, serve)
			})
		}
	}
}

func (v *vector) run(t *testing.T, name string, serve func(*testing.T, *guard.Guard, *atomic.Int64) string) {
	t.Helper()
	var docs [][]byte
	for _, d := range []json.RawMessage{v.Config, v.Rules, v.WAF} {
		if d != nil {
			docs = append(docs, d)
		}
	}
	rules, err := guard.Parse(docs...)
	require.NoError(t, err)
	who := guard.WithIdentity(func(*http.Request) httpcapture.Identity {
		return httpcapture.Identity{UserID: v.Request.User, CompanyID: v.Request.Company}
	})
	for _, mode := range []guard.Mode{guard.Shadow, guard.Enforce} {
		var served atomic.Int64
		url := serve(t, guard.New(guard.Static(rules), patient, who, guard.WithMode(mode)), &served)
		method := v.Request.Method
		if method == "" {
			method = http.MethodGet
		}
		resp, body := v.send(t, method, url)
		if mode == guard.Shadow || v.Want.Action != "block" {
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.EqualValues(t, 1, served.Load())
			if method != http.MethodHead {
				assert.Equal(t, "served:"+v.Request.Body, body)
			}
		} else {
			assert.Equal(t, v.Want.Status, resp.StatusCode)
			assert.Zero(t, served.Load())
			if v.Want.Body != nil {
				assert.JSONEq(t, string(v.Want.Body), body)
			}
			if v.Want.Raw != nil {
				assert.Equal(t, *v.Want.Raw, body)
			}
		}
		for field, value := range v.Want.Headers {
			switch {
			case mode == guard.Enforce:
				assert.Equal(t, value, resp.Header.Get(field), field)
			case field != "Content-Type":
				assert.Empty(t, resp.Header.Get(field), field)
			}
		}
		for _, field := range v.Want.NoHeaders {
			assert.Empty(t, resp.Header.Get(field), "%s: %s", name, field)
		}
	}
}

func (v *vector) send(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	path := v.Request.Path
	if path == "" {
		path = "/"
	}
	var body io.Reader
	if v.Request.Body != "" {
		body = strings.NewReader(v.Request.Body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, body)
	require.NoError(t, err)
	req.Host = "shop.example"
	for field, value := range v.Request.Headers {
		req.Header.Set(field, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(got)
}

// TestStatuses: what is answered by an error or a panic counts as that for rate limits.
func TestStatuses(t *testing.T) {
	t.Parallel()
	const limit = `{"wafConfig":[{"uuid":"r","ruleType":"rate_limit","action":{"rateLimit":{"threshold":2,"interval":"hour_1","duration":{"hour":1}}},
		"conditionGroups":[{"rule":"all","conditions":[{"field":"status_code","operator":"eq","value":500}]}]}]}`
	for name, serve := range frameworks {
		for _, header := range []string{"X-Fail", "X-Panic"} {
			t.Run(name+"/"+header, func(t *testing.T) {
				t.Parallel()
				rules, err := guard.Parse([]byte(limit))
				require.NoError(t, err)
				require.Empty(t, rules.Problems())
				var served atomic.Int64
				url := serve(t, guard.New(guard.Static(rules), patient, guard.WithMode(guard.Enforce)), &served)
				send := func(fail bool) int {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
					require.NoError(t, err)
					if fail {
						req.Header.Set(header, "1")
					}
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						return 0
					}
					require.NoError(t, resp.Body.Close())
					return resp.StatusCode
				}
				for range 3 {
					assert.Equal(t, http.StatusOK, send(false))
				}
				for range 2 {
					assert.Contains(t, []int{0, 500}, send(true))
				}
				assert.Equal(t, http.StatusForbidden, send(false))
			})
		}
	}
}
