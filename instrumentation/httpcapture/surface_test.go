// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// The surface that a changed import path needs; it must compile.
var (
	_ func(http.Handler, string, ...otelhttp.Option) http.Handler      = httpcapture.NewHandler
	_ func(string, ...otelhttp.Option) func(http.Handler) http.Handler = httpcapture.NewMiddleware
	_ http.RoundTripper                                                = httpcapture.NewTransport(nil)
	_ otelhttp.Filter                                                  = httpcapture.Filter(nil)
	_ *otelhttp.Labeler                                                = (*httpcapture.Labeler)(nil)
	_ []otelhttp.Event                                                 = []httpcapture.Event{httpcapture.ReadEvents, httpcapture.WriteEvents}
	_                                                                  = []any{httpcapture.ReadBytesKey, httpcapture.ReadErrorKey, httpcapture.WroteBytesKey, httpcapture.WriteErrorKey}
	_                                                                  = [2]string{httpcapture.ScopeName, httpcapture.Version}
)

// TestWholeSurface: every exported name of otelhttp is here, too.
func TestWholeSurface(t *testing.T) {
	t.Parallel()
	pkg, err := build.Import("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", ".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".", "otelhttp"} { // the latter under otelhttp's own name
		ours := exported(t, dir, nil)
		for name := range exported(t, pkg.Dir, pkg.GoFiles) {
			if !ours[name] {
				t.Errorf("otelhttp.%s is missing in %s", name, dir)
			}
		}
	}
}

// TestSameSpanAsOtelhttp: with the same options the span is otelhttp's, but for
// what we add.
func TestSameSpanAsOtelhttp(t *testing.T) {
	t.Parallel()
	options := func(c *collector) []otelhttp.Option {
		return []otelhttp.Option{
			otelhttp.WithTracerProvider(c), httpcapture.WithPropagators(propagation.TraceContext{}),
			httpcapture.WithSpanOptions(trace.WithAttributes()), httpcapture.WithServerName("shop.example"),
			httpcapture.WithMessageEvents(httpcapture.ReadEvents, httpcapture.WriteEvents),
			httpcapture.WithSpanNameFormatter(func(op string, r *http.Request) string { return op + " " + r.Pattern }),
			httpcapture.WithFilter(func(*http.Request) bool { return true }),
			httpcapture.WithPublicEndpointFn(func(*http.Request) bool { return false }),
			nil,
			httpcapture.WithBodies(httpcapture.BodiesAll), // plain otelhttp ignores it
		}
	}
	type seen struct {
		Name, Scope, Parent string
		Kind                trace.SpanKind
		Events              []string
		Attrs               map[string]any
	}
	look := func(wrap func(http.Handler, string, ...otelhttp.Option) http.Handler, skipNil bool) seen {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.Handle("POST /a/{b}", echo)
		opts := options(c)
		if skipNil {
			opts = append(opts[:8:8], opts[9:]...)
		}
		r := httptest.NewRequest(http.MethodPost, "/a/1", strings.NewReader("hello"))
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		wrap(mux, "op", opts...).ServeHTTP(httptest.NewRecorder(), r)
		sp := c.span(t)
		s := seen{Name: sp.Name(), Scope: sp.InstrumentationScope().Name, Parent: sp.Parent().SpanID().String(), Kind: sp.SpanKind(), Attrs: attrMap(sp.Attributes())}
		for _, e := range sp.Events() {
			s.Events = append(s.Events, e.Name)
		}
		return s
	}
	plain, ours := look(otelhttp.NewHandler, true), look(httpcapture.NewHandler, false)
	for k := range ours.Attrs {
		if _, ok := plain.Attrs[k]; !ok {
			delete(ours.Attrs, k)
		}
	}
	if diff := cmp.Diff(plain, ours); diff != "" {
		t.Errorf("span (-otelhttp +httpcapture):\n%s", diff)
	}
}

// TestReadme keeps the code of the README the same as the examples, which compile.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, f := range []string{"example_test.go"} {
		b, err := os.ReadFile(filepath.Clean(f))
		if err != nil {
			t.Fatal(err)
		}
		examples.Write(b)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	all := squeeze(examples.String())
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 3 {
		t.Fatalf("%d blocks of code", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(all, squeeze(b[1])) {
			t.Errorf("not in example_test.go:\n%s", b[1])
		}
	}
	// Every option is in the table.
	for _, f := range []string{"options.go", "env.go", "declarative.go"} {
		src, err := os.ReadFile(filepath.Clean(f))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (\w+)\([^)]*\) Option`).FindAllStringSubmatch(string(src), -1) {
			if !strings.Contains(string(readme), "`"+m[1]) {
				t.Errorf("option %s is not in the README", m[1])
			}
		}
	}
}

// exported lists the exported names that the files of a directory declare at the
// top level.
func exported(t *testing.T, dir string, files []string) map[string]bool {
	t.Helper()
	if files == nil {
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = pkg.GoFiles
	}
	names := map[string]bool{}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[d.Name.Name] = d.Name.IsExported()
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[spec.Name.Name] = spec.Name.IsExported()
					case *ast.ValueSpec:
						for _, n := range spec.Names {
							names[n.Name] = n.IsExported()
						}
					}
				}
			}
		}
	}
	maps.DeleteFunc(names, func(_ string, is bool) bool { return !is })
	if len(names) < 20 {
		t.Fatalf("%d names in %s", len(names), dir)
	}
	return names
}
