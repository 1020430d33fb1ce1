// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// op is one step of a handler.
func (g gen) op(e *exchange) op {
	switch g.IntN(12) {
	case 0, 1:
		return g.readOp()
	case 2:
		return g.headerOp()
	case 3:
		return g.statusOp()
	case 4, 5, 6:
		return g.writeOp(e)
	case 7:
		return g.copyOp()
	case 8:
		return g.flushOp()
	case 9:
		return g.controlOp(e)
	case 10:
		return g.lookOp()
	}
	return g.helperOp()
}

func (g gen) readOp() op {
	n := g.size()
	switch g.IntN(5) {
	case 0:
		return op{name: fmt.Sprint("read ", n), do: func(s *stage) string {
			b := make([]byte, n)
			got, err := io.ReadFull(s.r.Body, b)
			return s.read(got, b, err)
		}, reads: true}
	case 1:
		return op{name: "close body", do: func(s *stage) string { return fmt.Sprint(s.r.Body.Close()) }, reads: true}
	case 2:
		return op{name: "read with max bytes", do: func(s *stage) string {
			// The whole body at most: beyond the limit net/http is told through an interface
			// of its own, which no wrapper can forward.
			b, err := io.ReadAll(http.MaxBytesReader(s.w, s.r.Body, 1<<20))
			return s.read(len(b), b, err)
		}, reads: true}
	}
	return readAll
}

var readAll = op{name: "read all", do: func(s *stage) string {
	b, err := io.ReadAll(s.r.Body)
	return s.read(len(b), b, err) + fmt.Sprint(s.r.Trailer)
}, reads: true}

func (g gen) headerOp() op {
	name, value := g.header()
	switch g.IntN(8) {
	case 0:
		name, value = "Content-Type", g.contentType()
	case 1:
		name, value = "Content-Length", strconv.Itoa(g.size())
	case 2:
		name, value = "Trailer", "X-Declared"
	case 3:
		name, value = "X-Declared", "late"
	case 4:
		name = http.TrailerPrefix + "X-Undeclared"
	case 5:
		return op{name: "no sniffing", do: func(s *stage) string { s.w.Header()["Content-Type"] = nil; return "" }}
	case 6:
		return op{name: "odd header", do: func(s *stage) string {
			s.w.Header()["x-not-Canonical"] = []string{"1", "2"}
			s.w.Header()["Bad Name"] = []string{"dropped"}
			s.w.Header().Set("X-Split", "a\r\nb")
			return fmt.Sprint(len(s.w.Header()))
		}}
	}
	if name == "Content-Encoding" && g.chance(50) {
		name = "X-Plain"
	}
	return op{name: fmt.Sprintf("header %s: %.40s", name, value), do: func(s *stage) string {
		s.w.Header().Add(name, value)
		return s.w.Header().Get(name)
	}}
}

func (g gen) statusOp() op {
	status := oneOf(g, 200, 200, 201, 204, 304, 404, 418, 500, 503, 299, 999, 102, 103, 103, 99)
	return op{name: fmt.Sprint("status ", status), do: func(s *stage) string { s.w.WriteHeader(status); return "" }}
}

func (g gen) writeOp(e *exchange) op {
	p := g.content(g.size())
	if g.chance(40) {
		e.longString = e.longString || len(p) > 2048
		return op{name: fmt.Sprint("write string ", len(p)), do: func(s *stage) string {
			n, err := io.WriteString(s.w, p)
			return s.wrote(p, int64(n), err)
		}}
	}
	return op{name: fmt.Sprint("write ", len(p)), do: func(s *stage) string {
		n, err := s.w.Write([]byte(p))
		return s.wrote(p, int64(n), err)
	}}
}

// brokenReader fails after its content.
type brokenReader struct{ io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrClosedPipe
	}
	return n, err
}

func (g gen) copyOp() op {
	p := g.content(g.size())
	switch g.IntN(4) {
	case 0:
		return op{name: fmt.Sprint("copy from a broken reader ", len(p)), do: func(s *stage) string {
			n, err := io.Copy(s.w, brokenReader{strings.NewReader(p)})
			return s.wrote(p, n, err)
		}}
	case 1:
		return op{name: fmt.Sprint("serve content ", len(p)), do: func(s *stage) string {
			before := s.sent.Len()
			http.ServeContent(&noted{s}, s.r, "f.txt", time.Unix(1, 0), strings.NewReader(p))
			return fmt.Sprint(s.sent.Len() - before)
		}}
	}
	if g.chance(30) {
		return op{name: fmt.Sprint("read from a writer-to ", len(p)), do: func(s *stage) string {
			rf, ok := s.w.(io.ReaderFrom)
			if !ok {
				return "no reader-from"
			}
			n, err := rf.ReadFrom(strings.NewReader(p))
			return s.wrote(p, n, err)
		}}
	}
	return op{name: fmt.Sprint("copy ", len(p)), do: func(s *stage) string {
		n, err := io.Copy(s.w, struct{ io.Reader }{strings.NewReader(p)}) // by ReadFrom
		return s.wrote(p, n, err)
	}}
}

// noted writes to the stage and takes note.
type noted struct{ *stage }

func (n *noted) Header() http.Header { return n.w.Header() }
func (n *noted) WriteHeader(s int)   { n.w.WriteHeader(s) }

func (n *noted) Write(p []byte) (int, error) {
	k, err := n.w.Write(p)
	n.wrote(string(p), int64(k), err)
	return k, err
}

func (g gen) flushOp() op {
	if g.chance(50) {
		return op{name: "flush", do: func(s *stage) string {
			f, ok := s.w.(http.Flusher)
			if ok {
				f.Flush()
			}
			return fmt.Sprint(ok)
		}}
	}
	return op{name: "controller flush", do: func(s *stage) string { return fmt.Sprint(http.NewResponseController(s.w).Flush()) }}
}

func (g gen) controlOp(e *exchange) op {
	far := time.Now().Add(time.Hour)
	switch g.IntN(5) {
	case 0:
		return op{name: "read deadline", do: func(s *stage) string { return fmt.Sprint(http.NewResponseController(s.w).SetReadDeadline(far)) }}
	case 1:
		return op{name: "write deadline", do: func(s *stage) string { return fmt.Sprint(http.NewResponseController(s.w).SetWriteDeadline(far)) }}
	case 2:
		if !e.expect { // which fails differently depending on what is on its way
			return op{name: "full duplex", do: func(s *stage) string { return fmt.Sprint(http.NewResponseController(s.w).EnableFullDuplex()) }}
		}
	case 3:
		return op{name: "push", do: func(s *stage) string {
			p, ok := s.w.(http.Pusher)
			if !ok {
				return "no pusher"
			}
			return fmt.Sprint(p.Push("/pushed", nil))
		}}
	}
	return op{name: "close notify", do: func(s *stage) string {
		c, ok := s.w.(http.CloseNotifier) //nolint:staticcheck // still in use
		return fmt.Sprint(ok && c.CloseNotify() != nil)
	}}
}

// lookOp reports all that the handler can know about its request and writer.
func (g gen) lookOp() op {
	return op{name: "look", do: func(s *stage) string {
		r := s.r
		h := r.Header.Clone()
		h.Del("X-Case")
		_, deadline := r.Context().Deadline()
		can := ifaces(s.w)
		can[1], can[4] = false, false // otelhttp drops two; TestInterfaces is about them
		return fmt.Sprint(r.Method, r.URL.Path, r.RequestURI, r.Proto, r.ContentLength, r.TransferEncoding, r.Close, h, r.Trailer,
			r.Body == nil, r.Body == http.NoBody, r.GetBody == nil, r.TLS != nil, deadline, r.Pattern, can,
			r.Context().Value(http.ServerContextKey) != nil, r.Context().Value(http.LocalAddrContextKey) != nil, s.w.Header())
	}}
}

func (g gen) helperOp() op {
	switch g.IntN(4) {
	case 0:
		return op{name: "http.Error", do: func(s *stage) string { http.Error(&noted{s}, "no", http.StatusBadRequest); return "" }}
	case 1:
		return op{name: "redirect", do: func(s *stage) string { http.Redirect(&noted{s}, s.r, "/x", http.StatusFound); return "" }}
	case 2:
		return op{name: "parse form", do: func(s *stage) string {
			s.parsed = true
			err := s.r.ParseMultipartForm(1000)
			if f := s.r.MultipartForm; f != nil {
				_ = f.RemoveAll()
			}
			return fmt.Sprint(err, len(s.r.PostForm), len(s.r.Form))
		}, reads: true}
	}
	return op{name: "multipart writer", do: func(s *stage) string {
		m := multipart.NewWriter(&noted{s})
		_ = m.SetBoundary("bound")
		err := m.WriteField("a", "b")
		return fmt.Sprint(err, m.Close())
	}}
}

func panicOp(v any) op {
	return op{name: fmt.Sprint("panic ", v), do: func(*stage) string { panic(v) }}
}

func hijackOp() op {
	return op{name: "hijack", do: func(s *stage) string {
		conn, rw, err := http.NewResponseController(s.w).Hijack()
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		s.hijacked = true
		_, _ = rw.WriteString("HTTP/1.1 299 Mine\r\nConnection: close\r\n\r\nraw")
		_ = rw.Flush()
		_, err = s.w.Write([]byte("x"))
		return fmt.Sprint(err)
	}}
}
