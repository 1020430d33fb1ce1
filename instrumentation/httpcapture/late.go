// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"log"
	"net/http"
	"path"
	"reflect"
	"runtime"
	"strings"
)

// late reports whether a call comes too late: all that net/http would do with it is
// to log who called, which would be us for everybody. So it is logged here, in the
// server's words and in the name of the caller.
func (c *serverCore) late(method string) bool {
	what := "superfluous response."
	where := " call"
	switch {
	case c.taken.Load():
		what, where = "response.", " on hijacked connection"
	case method != "WriteHeader" || !c.wrote.Load():
		return false
	}
	server, _ := c.r.Context().Value(http.ServerContextKey).(*http.Server)
	if server == nil || !onServer(c.w) {
		return false
	}
	printf := log.Printf //nolint:forbidigo // this is net/http's own line, with the caller that net/http cannot see
	if server.ErrorLog != nil {
		printf = server.ErrorLog.Printf
	}
	f := appFrame()
	printf("http: %s%s%s from %s (%s:%d)", what, method, where, f.Function, path.Base(f.File), f.Line)
	return true
}

// onServer reports whether w is net/http's own writer for HTTP/1, the one that logs,
// with nothing around it but what otelhttp lays around it.
func onServer(w http.ResponseWriter) bool {
	for {
		t := reflect.TypeOf(w)
		if t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http" {
			return t.Elem().Name() == "response"
		}
		under := underOtelhttp(w)
		if under == nil {
			return false
		}
		w = under
	}
}

// underOtelhttp is what otelhttp, or we, have laid w around, or nil if w is something
// else.
func underOtelhttp(w http.ResponseWriter) http.ResponseWriter {
	u, ok := w.(interface{ Unwrap() http.ResponseWriter })
	if name := reflect.TypeOf(w).String(); !ok || !strings.Contains(name, "httpsnoop.") && !strings.HasPrefix(name, "*httpcapture.") {
		return nil
	}
	return u.Unwrap()
}

// beneath is the writer that c.w passes calls on to, if it does nothing else.
func (c *serverCore) beneath() http.ResponseWriter {
	w := c.w
	for {
		under := underOtelhttp(w)
		if under == nil {
			return w
		}
		w = under
	}
}

// appFrame is the first caller outside net/http and this package.
func appFrame() (f runtime.Frame) {
	const self = "github.com/apispan/apispan/instrumentation/httpcapture."
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for more := true; more; {
		f, more = frames.Next()
		if !strings.HasPrefix(f.Function, "net/http.") && !strings.HasPrefix(f.Function, self) {
			break
		}
	}
	return f
}
