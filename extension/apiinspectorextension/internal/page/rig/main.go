// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Rig serves the page with made-up data to the tests of the page in a browser, which put it
// into each state that the page must show: POST /rig/emit?n=12, /rig/drop, /rig/reset,
// /rig/scenario?name=empty and so on. What a Collector shows is tested with the real one.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/page"
)

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type rig struct {
	mu      sync.Mutex
	seq     int64
	details []*api.Detail // newest first
	status  api.Status
	down    bool
	denied  bool
	streams map[chan string]string // the search of each
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	n := flag.Int("n", 400, "exchanges at the start")
	flag.Parse()
	if err := run(*listen, *n); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen string, n int) error {
	r := &rig{streams: map[chan string]string{}, status: status()}
	r.emit(n)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s/\n", ln.Addr())
	srv := &http.Server{Handler: r.handler(), ReadHeaderTimeout: 10 * time.Second}
	return srv.Serve(ln)
}

func (r *rig) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, req *http.Request) {
		name := cmp.Or(strings.TrimPrefix(req.URL.Path, "/"), "index.html")
		b, err := fs.ReadFile(page.Files(), name)
		if err != nil {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		_, _ = w.Write(b)
	})
	mux.HandleFunc("POST /rig/{do}", r.control)
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.now()) })
	mux.HandleFunc("GET /api/exchanges", r.list)
	mux.HandleFunc("DELETE /api/exchanges", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		r.details = nil
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /api/exchanges/{id}", r.one)
	mux.HandleFunc("POST /api/exchanges/{id}/pin", r.pin)
	mux.HandleFunc("DELETE /api/exchanges/{id}/pin", r.pin)
	mux.HandleFunc("GET /api/stream", r.stream)
	mux.HandleFunc("GET /api/endpoints", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.endpoints()) })
	mux.HandleFunc("GET /api/endpoints/{id}", r.endpoint)
	mux.HandleFunc("GET /api/consumers", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.consumers()) })
	mux.HandleFunc("GET /api/fields", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.fields()) })
	mux.HandleFunc("GET /api/rules", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.rules()) })
	mux.HandleFunc("GET /api/delivery", func(w http.ResponseWriter, _ *http.Request) { answer(w, r.delivery()) })
	mux.HandleFunc("POST /api/sandbox", r.sandbox)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		r.mu.Lock()
		down, denied := r.down, r.denied
		r.mu.Unlock()
		if strings.HasPrefix(req.URL.Path, "/api/") {
			if down {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if denied {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		mux.ServeHTTP(w, req)
	})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(v))
}

// encode writes JSON as a Collector does: a list that is empty is none that is missing.
func encode(v any) []byte {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	fillLists(p.Elem())
	b, _ := json.Marshal(p.Interface())
	return b
}

func fillLists(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // others hold no lists
	case reflect.Pointer:
		if !v.IsNil() {
			fillLists(v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillLists(v.Field(i))
			}
		}
	}
}

func refuse(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}

// control puts the rig into a state.
func (r *rig) control(w http.ResponseWriter, req *http.Request) {
	n := number(req.FormValue("n"), 1)
	switch req.PathValue("do") {
	case "emit":
		r.emit(n)
	case "hostile":
		r.hostile()
	case "drop": // n milliseconds without an answer
		r.mu.Lock()
		r.down = true
		for c := range r.streams {
			close(c)
			delete(r.streams, c)
		}
		r.mu.Unlock()
		time.AfterFunc(time.Duration(n)*time.Millisecond, func() { r.mu.Lock(); r.down = false; r.mu.Unlock() })
	case "quiet": // n exchanges that no stream is told of, then a reset
		r.mu.Lock()
		for range n {
			r.add()
		}
		r.mu.Unlock()
		r.tell("reset", struct{}{}, nil)
	case "flow": // n exchanges a second, for three seconds
		go func() {
			for range 60 {
				r.emit(n / 20)
				time.Sleep(50 * time.Millisecond)
			}
		}()
	case "forget": // all but the newest n fall out
		r.mu.Lock()
		r.details = r.details[:min(n, len(r.details))]
		r.mu.Unlock()
	case "scenario":
		r.mu.Lock()
		err := r.scenario(req.FormValue("name"))
		r.mu.Unlock()
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		r.tell("status", r.now(), nil)
	default:
		refuse(w, http.StatusNotFound, "no such state")
	}
}

func (r *rig) now() api.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Now = time.Now().UTC()
	s.Ring.Exchanges = len(r.details)
	s.Stats.Seen, s.Stats.Kept = r.seq, int64(len(r.details))
	return s
}

func number(s string, other int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return other
}

// emit makes n exchanges and tells those who listen.
func (r *rig) emit(n int) {
	for range n {
		r.mu.Lock()
		d := r.add()
		r.mu.Unlock()
		r.tell("exchange", d.Row, d)
	}
	r.tell("stats", r.now().Stats, nil)
}

func (r *rig) tell(event string, data any, d *api.Detail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := encode(data)
	for c, q := range r.streams {
		if d != nil && !takes(terms(q), d) {
			continue
		}
		select {
		case c <- fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", event, r.seq, text):
		default:
		}
	}
}

func (r *rig) stream(w http.ResponseWriter, req *http.Request) {
	c := make(chan string, 4096)
	q, after := req.FormValue("q"), int64(number(req.FormValue("after"), 1<<40))
	r.mu.Lock()
	r.streams[c] = q
	for _, d := range slices.Backward(r.details) { // what came since the list
		if req.Header.Get("Last-Event-ID") == "" && d.Seq > after && takes(terms(q), d) {
			c <- fmt.Sprintf("event: exchange\nid: %d\ndata: %s\n\n", d.Seq, encode(d.Row))
		}
	}
	r.mu.Unlock()
	defer func() { r.mu.Lock(); delete(r.streams, c); r.mu.Unlock() }()
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	_, _ = fmt.Fprint(w, "retry: 300\n\n")
	if req.Header.Get("Last-Event-ID") != "" {
		_, _ = fmt.Fprint(w, "event: reset\ndata: {}\n\n")
	}
	_ = rc.Flush()
	for {
		select {
		case s, ok := <-c:
			if !ok {
				return
			}
			_, _ = fmt.Fprint(w, s)
			_ = rc.Flush()
		case <-req.Context().Done():
			return
		}
	}
}

func (r *rig) list(w http.ResponseWriter, req *http.Request) {
	q := req.FormValue("q")
	limit := number(req.FormValue("limit"), 200)
	before := int64(number(req.FormValue("before"), 1<<40))
	r.mu.Lock()
	defer r.mu.Unlock()
	ts := terms(q)
	l := api.List{Rows: []api.Row{}, Total: len(r.details), Event: strconv.FormatInt(r.seq, 10), Query: api.Query{Text: q, Terms: []api.Term{}}}
	for _, d := range r.details {
		if !takes(ts, d) {
			continue
		}
		l.Match++
		if d.Seq >= before {
			continue
		}
		if len(l.Rows) == limit {
			l.Next = strconv.FormatInt(l.Rows[limit-1].Seq, 10)
			continue
		}
		l.Rows = append(l.Rows, d.Row)
	}
	for _, t := range ts {
		term := t.Term
		for _, d := range r.details {
			if term.Problem == "" && t.take(d) {
				term.Match++
			}
		}
		l.Query.Terms = append(l.Query.Terms, term)
	}
	answer(w, l)
}

func (r *rig) find(id string) *api.Detail {
	for _, d := range r.details {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (r *rig) one(w http.ResponseWriter, req *http.Request) {
	id, suffix, _ := strings.Cut(req.PathValue("id"), ".")
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.find(id)
	if d == nil {
		refuse(w, http.StatusNotFound, "This exchange is not in memory.")
		return
	}
	switch suffix {
	case "":
		answer(w, d)
	case "curl":
		_, _ = fmt.Fprintf(w, "curl -X %s '%s'", d.Method, d.URL)
	case "http":
		_, _ = fmt.Fprintf(w, "%s\n\n%s\n", d.Request.Start, d.Response.Start)
	default:
		w.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote(id+"."+suffix))
		answer(w, d)
	}
}

func (r *rig) pin(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.find(req.PathValue("id"))
	if d == nil {
		refuse(w, http.StatusNotFound, "This exchange is not in memory.")
		return
	}
	d.Pinned = req.Method == http.MethodPost
	answer(w, d.Row)
}

// condition is a term of a search, of which the rig knows a few.
type condition struct {
	api.Term

	take func(*api.Detail) bool
}

func terms(q string) (out []condition) {
	at := 0
	for _, word := range strings.SplitAfter(q, " ") {
		text := strings.TrimSpace(word)
		c := condition{Term: api.Term{From: at, To: at + len(text)}}
		at += len(word)
		if text == "" {
			continue
		}
		text, not := strings.CutPrefix(text, "-")
		field, value, has := strings.Cut(text, ":")
		value = strings.Trim(value, `"`)
		of := map[string]func(*api.Detail) string{
			"status":   func(d *api.Detail) string { return strconv.Itoa(d.Status) },
			"method":   func(d *api.Detail) string { return d.Method },
			"route":    func(d *api.Detail) string { return d.Route },
			"consumer": func(d *api.Detail) string { return cmp.Or(d.Consumer, "anonymous") },
			"service":  func(d *api.Detail) string { return d.Service },
			"dir":      func(d *api.Detail) string { return d.Direction },
			"trace":    func(d *api.Detail) string { return d.Trace },
		}[field]
		switch {
		case !has:
			of, value = func(d *api.Detail) string { return d.Path + " " + d.Request.Start }, strings.Trim(text, `"`)
		case of == nil:
			c.Problem = fmt.Sprintf("There is no field %q. Fields are status, method, route, …", field)
			of = func(*api.Detail) string { return value }
		}
		prefix := strings.TrimSuffix(value, "xx")
		c.take = func(d *api.Detail) bool {
			return (strings.HasPrefix(of(d), prefix) || !has && strings.Contains(of(d), value)) != not
		}
		out = append(out, c)
	}
	return out
}

func takes(ts []condition, d *api.Detail) bool {
	for _, t := range ts {
		if t.Problem == "" && !t.take(d) {
			return false
		}
	}
	return true
}
