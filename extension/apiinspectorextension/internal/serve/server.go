// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package serve is the inspector's HTTP interface: who may come in, the JSON of package
// api, the stream of what is new, and the page.
package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/fields"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/inspect"
)

// Options are what a Server shows and how.
type Options struct {
	Store   *keep.Store
	Fields  *fields.Inventory
	Access  *Access
	Pages   fs.FS
	Logger  *zap.Logger
	Version string
	// Setup is what the Collector's configuration says; called at each Status.
	Setup func() Setup
	// Limits are those of the store, to tell.
	Limits keep.Config
	// MaxStreams is how many may listen at once.
	MaxStreams int
	TraceURL   string
	// Stopped is closed when the Collector stops: streams end then.
	Stopped <-chan struct{}
}

// Setup is what the Collector's configuration says about what arrives.
type Setup struct {
	// Listens are the addresses where OTLP may be sent.
	Listens []string
	// Bare are the pipelines with an exporter of ours and no redaction; Unseen are components
	// that do not tell the inspector anything, as it is not in their configuration.
	Bare, Unseen []string
}

// Server answers the requests.
type Server struct {
	Options

	since   time.Time
	streams atomic.Int64
	sandbox chan struct{}
	epoch   string // of ids of events: they hold in this process only
	// Trials are the policies that are being tried.
	Trials sync.WaitGroup
}

const maxPost = 256 << 10

// New returns a Server.
func New(o Options) *Server {
	now := time.Now()
	return &Server{Options: o, since: now, epoch: strconv.FormatInt(now.UnixNano(), 36), sandbox: make(chan struct{}, 1)}
}

// Handler returns the handler for what has been let in.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /api/status":                s.status,
		"GET /api/exchanges":             s.list,
		"DELETE /api/exchanges":          s.clear,
		"GET /api/exchanges/{id}":        s.exchange,
		"POST /api/exchanges/{id}/pin":   s.pin,
		"DELETE /api/exchanges/{id}/pin": s.pin,
		"GET /api/export":                s.export,
		"GET /api/endpoints":             s.endpoints,
		"GET /api/endpoints/{id}":        s.endpoint,
		"GET /api/consumers":             s.consumers,
		"GET /api/fields":                s.fields,
		"GET /api/rules":                 s.rules,
		"GET /api/delivery":              s.delivery,
		"POST /api/sandbox":              s.trySandbox,
		"GET /api/stream":                s.stream,
		"GET /api/": func(w http.ResponseWriter, _ *http.Request) {
			fail(w, http.StatusNotFound, "There is no such resource.")
		},
		"GET /": s.page,
	} {
		mux.HandleFunc(pattern, h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		mux.ServeHTTP(w, r)
	})
}

// types are fixed: what the machine thinks of a suffix does not matter.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json", ".ico": "image/x-icon", ".txt": "text/plain; charset=utf-8",
}

// page serves the embedded files.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	kind := types[path.Ext(name)]
	b, err := fs.ReadFile(s.Pages, name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b)
	}
}

func fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	_ = enc.Encode(v) // which escapes <, > and &: harmless even if it is taken for a page
}

// attach answers with a file to keep.
func attach(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// window reads the parameter of that name: how far back to look.
func window(w http.ResponseWriter, r *http.Request) (time.Duration, bool) {
	text := r.URL.Query().Get("window")
	if text == "" {
		return time.Hour, true
	}
	days, isDays := strings.CutSuffix(text, "d")
	d, err := time.ParseDuration(text)
	if n, errDays := strconv.Atoi(days); isDays && errDays == nil && n <= 7 {
		d, err = time.Duration(n)*24*time.Hour, nil
	}
	if err != nil || d < time.Minute || d > 7*24*time.Hour {
		fail(w, http.StatusBadRequest, fmt.Sprintf("The window %q is no time from 1m to 7d: write one such as 15m, 1h or 1d.", text))
		return 0, false
	}
	return d, true
}

// sources are the components by id.
func (s *Server) sources() map[string]inspect.Source {
	out := map[string]inspect.Source{}
	for _, src := range s.Store.Told().Sources {
		out[src.Component] = src
	}
	return out
}

// env is what details need.
func (s *Server) env() *show.Env {
	return &show.Env{Sources: s.sources(), Version: s.Version, Raw: s.Limits.ShowRaw, New: s.Fields.IsNew}
}

// audit writes a line for values from before a redaction that somebody has seen.
func (s *Server) audit(r *http.Request, what string, ids ...string) {
	for _, id := range ids {
		s.Logger.Info("Values from before the redaction were shown", zap.String("exchange", id), zap.String("as", what), zap.String("to", r.RemoteAddr))
	}
}

func (s *Server) now() time.Time {
	if s.Limits.Now != nil {
		return s.Limits.Now()
	}
	return time.Now()
}

// readAll reads a body of at most maxPost bytes.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxPost+1))
	switch {
	case len(b) > maxPost:
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("The request has more than %d bytes.", maxPost))
		return nil, false
	case err != nil:
		fail(w, http.StatusBadRequest, "The request could not be read to its end.")
		return nil, false
	}
	return b, true
}

func (s *Server) clear(w http.ResponseWriter, _ *http.Request) {
	s.Store.Clear()
	s.Fields.Clear()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) pin(w http.ResponseWriter, r *http.Request) {
	k, ok := keep.ParseID(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusBadRequest, badID)
		return
	}
	rec, known, ok := s.Store.Pin(k, r.Method == http.MethodPost)
	switch {
	case !known:
		fail(w, http.StatusNotFound, gone)
	case !ok:
		fail(w, http.StatusConflict, fmt.Sprintf("No more is pinned: at most %d exchanges are, and at most half of the memory (max_bytes). Unpin one first.", keep.MaxPinned))
	default:
		reply(w, show.Row(rec))
	}
}

const (
	badID = "The id is no trace id, hyphen and span id in hexadecimal digits."
	gone  = "The exchange is not in memory any more. The newest ones are kept; pin what you need."
)

func writeIndented(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	_ = enc.Encode(v)
}
