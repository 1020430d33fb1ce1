// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// giveBack puts what the handler has left on its copy of the request, from, on the one
// that we were given: that is where whoever stands outside looks for the route, a form
// that was parsed, the path or address that a middleware inside has put right; and
// net/http for the temporary files of MultipartForm. It reports whether there are any
// that were not known there.
//
// Context and body are those of the copy: what the handler has put in their place is
// given back, too. A requestBody needs not be named.
func giveBack(ctx context.Context, to, from *http.Request, body io.ReadCloser) (files bool) {
	files = to.MultipartForm == nil && from.MultipartForm != nil && len(from.MultipartForm.File) > 0
	theirs := to.Body
	_, ours := from.Body.(*requestBody)
	if !ours && !sameBody(from.Body, body) {
		theirs = from.Body
	} else if from.Context() == ctx && leftAlone(to, from) {
		return false // middleware outside may have given up waiting, and look at it at the same time
	}
	if mayHaveTrailers(to) {
		// Whoever still reads the body puts them on both requests, any time.
		giveBackFields(to, from)
	} else {
		if from.Context() == ctx {
			from = from.WithContext(to.Context())
		}
		trailer := to.Trailer
		*to = *from
		to.Trailer = trailer
	}
	to.Body = theirs
	return files
}

// sameBody compares bodies; of those that cannot be compared it is assumed.
func sameBody(a, b io.ReadCloser) (same bool) {
	defer func() {
		if recover() != nil {
			same = true
		}
	}()
	return a == b
}

// leftAlone reports whether a handler has changed nothing on its copy of a request.
func leftAlone(to, from *http.Request) bool {
	return to.Method == from.Method && to.URL == from.URL && to.Host == from.Host && to.RequestURI == from.RequestURI && to.RemoteAddr == from.RemoteAddr &&
		to.ContentLength == from.ContentLength && to.Pattern == from.Pattern && to.MultipartForm == from.MultipartForm &&
		sameMap(to.Header, from.Header) && sameMap(to.Form, from.Form) && sameMap(to.PostForm, from.PostForm)
}

// sameMap reports whether two maps are one.
func sameMap(a, b map[string][]string) bool {
	return *(*unsafe.Pointer)(unsafe.Pointer(&a)) == *(*unsafe.Pointer)(unsafe.Pointer(&b))
}

// giveBackFields is giveBack without what else may be written at the same time.
func giveBackFields(to, from *http.Request) {
	to.Method, to.URL, to.Host, to.RequestURI, to.RemoteAddr = from.Method, from.URL, from.Host, from.RequestURI, from.RemoteAddr
	to.Header, to.ContentLength = from.Header, from.ContentLength
	to.Form, to.PostForm, to.MultipartForm = from.Form, from.PostForm, from.MultipartForm
	to.Pattern = from.Pattern
	for rest := from.Pattern; ; {
		var name string
		var ok bool
		if _, rest, ok = strings.Cut(rest, "{"); !ok {
			return
		}
		if name, rest, ok = strings.Cut(rest, "}"); !ok {
			return
		}
		name = strings.TrimSuffix(name, "...")
		if v := from.PathValue(name); v != "" {
			to.SetPathValue(name, v)
		}
	}
}

// mayHaveTrailers reports whether a request may have trailers that it does not announce:
// net/http puts them on its own request when the body has been read to its end.
func mayHaveTrailers(r *http.Request) bool {
	return r.ContentLength < 0 && r.Body != nil && r.Body != http.NoBody
}

// trailedBody hands on the trailers of a body that nobody else looks at.
type trailedBody struct {
	io.ReadCloser

	to, from *http.Request
}

func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && b.to.Trailer == nil {
		b.to.Trailer = b.from.Trailer
	}
	return n, err
}

// requestBody is the body that the handler reads. It reads nothing on its own.
type requestBody serverCore

// wrapBody puts it on the request that the handler gets.
func (c *serverCore) wrapBody() {
	if r := c.r; r.Body != nil && r.Body != http.NoBody {
		c.body, c.trailed = r.Body, c.orig != nil && mayHaveTrailers(r)
		r.Body = (*requestBody)(c)
	}
}

func (b *requestBody) Read(p []byte) (int, error) {
	c := (*serverCore)(b)
	n, err := c.body.Read(p)
	if err == io.EOF && c.trailed {
		c.mu.Lock() // the body may be read by several goroutines
		if c.r.Trailer == nil {
			c.r.Trailer = c.orig.Trailer // net/http puts there what was not announced
		}
		c.mu.Unlock()
	}
	c.planRequest()
	c.req.add(p[:max(0, min(n, len(p)))], err)
	if c.tracing != nil && c.tracing.readEvents {
		messageEvent(c.span, "read", ReadBytesKey, n)
	}
	return n, err
}

func (b *requestBody) Close() error { return b.body.Close() }

// planRequest decides on the first read, when a router has chosen the route.
func (c *serverCore) planRequest() {
	if c.cfg == nil || c.planned.Load() || !c.planned.CompareAndSwap(false, true) {
		return
	}
	if limit, want := c.mayWant(c.r, true); want {
		c.req.start(limit, c.r.ContentLength, c.cfg.budget)
	}
}

// headerWatchers are the types of writers that were asked about by watchesHeader.
var headerWatchers sync.Map

// watchesHeader reports whether a writer has a WriteHeader that does something by itself.
// net/http's says nothing new; that of a writer that only embeds another sends the header,
// to which the first Write might still have added, as many a compressor does; and
// httptest.ResponseRecorder then does not look for the type.
func watchesHeader(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	if known, ok := headerWatchers.Load(t); ok {
		return known.(bool)
	}
	watches := false
	if m, ok := t.MethodByName("WriteHeader"); ok && !strings.HasPrefix(t.String(), "*http.") && t.String() != "*httptest.ResponseRecorder" {
		pc := m.Func.Pointer()
		file, _ := runtime.FuncForPC(pc).FileLine(pc)
		watches = file != "<autogenerated>"
	}
	headerWatchers.Store(t, watches)
	return watches
}
