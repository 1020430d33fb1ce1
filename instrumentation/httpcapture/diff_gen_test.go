// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

var (
	diffCount = flag.Int("diff.n", 0, "exchanges of each differential test (0: a few hundred)")
	diffSeed  = flag.Uint64("diff.seed", 0, "seed of the differential tests (0: a new one)")
)

// diffSize is how many exchanges to try, and the seed, which is printed.
func diffSize(t *testing.T, usual int) (n int, seed uint64) {
	t.Helper()
	if n = usual; *diffCount > 0 {
		n = *diffCount
	} else if testing.Short() || raceEnabled {
		n = usual / 5
	}
	if seed = *diffSeed; seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-diff.seed=%d -diff.n=%d", seed, n)
	return n, seed
}

// gen makes exchanges. Equal seeds make equal exchanges.
type gen struct{ *rand.Rand }

func newGen(seed uint64, i int) gen { return gen{rand.New(rand.NewPCG(seed, uint64(i)))} }

func (g gen) chance(percent int) bool { return g.IntN(100) < percent }

func oneOf[T any](g gen, list ...T) T { return list[g.IntN(len(list))] }

// size is mostly small, and otherwise around the limits that net/http, otelhttp or
// we have.
func (g gen) size() int {
	switch {
	case g.chance(20):
		return g.IntN(4)
	case g.chance(50):
		return g.IntN(300)
	case g.chance(60):
		return max(0, oneOf(g, 512, 2048, 4096, 8192, 16384, 32768)+g.IntN(7)-3)
	}
	return g.IntN(70_000)
}

// content is text, JSON, text that is cut in a character, or bytes.
func (g gen) content(n int) string {
	if n == 0 {
		return ""
	}
	var unit string
	switch g.IntN(5) {
	case 0:
		unit = "The quick brown fox. "
	case 1:
		unit = `{"id":1,"name":"größer"},`
	case 2:
		unit = "€ü𝄞"
	case 3:
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return string(b)
	default:
		z := zipped(strings.Repeat("zip", n))
		return z[:min(n, len(z))]
	}
	return strings.Repeat(unit, n/len(unit)+1)[:n]
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func (g gen) contentType() string {
	return oneOf(g, "text/plain", "application/json", "application/json; charset=utf-8", "text/event-stream",
		"application/octet-stream", "application/x-www-form-urlencoded", "image/png", "APPLICATION/XML", "text/plain; charset=latin1", ";;", "x")
}

// header is a field that is legal on every version of the protocol.
func (g gen) header() (name, value string) {
	switch g.IntN(6) {
	case 0:
		return oneOf(g, "Authorization", "Cookie", "X-Api-Key"), "secret " + fmt.Sprint(g.IntN(1000))
	case 1:
		return "Content-Encoding", oneOf(g, "gzip", "identity", "br", "deflate, gzip", "")
	case 2:
		return oneOf(g, "X-Odd!#$%&'*+.^_`|~-Name", "x-lower", "X-"+strings.Repeat("Long-", 30)+"Name"), "v"
	case 3:
		return "X-Obs-Text", "caf\xe9 \x80\xff"
	case 4:
		return "X-Long", strings.Repeat("l", g.IntN(6000))
	}
	return fmt.Sprintf("X-H%d", g.IntN(6)), oneOf(g, "", "a", "b, c", "ünïcode", "  inner  blanks")
}

// exchange is what is done on both sides.
type exchange struct {
	method   string
	header   [][2]string
	ctype    string
	body     string
	chunked  bool        // else the length is announced
	missing  int         // bytes of the announced body that never come
	trailer  [][2]string // needs chunked
	expect   bool        // Expect: 100-continue
	keep     bool        // use the connection again
	old      bool        // HTTP/1.0
	maxBytes int64       // of http.MaxBytesHandler outside; 0 = none
	script   []op

	longString bool // one is written that is longer than net/http's buffer
}

// op is one thing a handler does. It returns what the handler could see of it.
type op struct {
	name  string
	do    func(s *stage) string
	reads bool // the body of the request
}

// stage is where a script is played.
type stage struct {
	w        http.ResponseWriter
	r        *http.Request
	sent     bytes.Buffer // accepted by the writer
	got      bytes.Buffer // read from the body
	hijacked bool
	parsed   bool // net/http read from the body
	failed   bool // something that was written was refused
	// The response has a Content-Encoding; it had a Content-Length at some time.
	encoded, announced bool
}

func (s *stage) wrote(p string, n int64, err error) string {
	s.failed = s.failed || err != nil
	s.sent.WriteString(p[:max(0, min(int64(len(p)), n))])
	return fmt.Sprint(n, " ", err)
}

func (s *stage) read(n int, b []byte, err error) string {
	s.got.Write(b[:n])
	return fmt.Sprintf("%d %x %v", n, b[:min(n, 8)], err)
}

func (g gen) exchange() *exchange {
	e := &exchange{
		method: oneOf(g, "GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "ODD"),
		keep:   g.chance(40),
	}
	for range g.IntN(4) {
		n, v := g.header()
		e.header = append(e.header, [2]string{n, v})
	}
	if g.chance(80) {
		e.ctype = g.contentType()
	}
	if g.chance(65) {
		e.body = g.content(g.size())
		if e.chunked = g.chance(40); e.chunked && g.chance(50) {
			e.trailer = [][2]string{{"X-Sum", "42"}, {"X-Empty", ""}}
		}
		switch {
		case g.chance(15):
			e.expect = true
		case g.chance(8) && !e.chunked:
			e.missing = min(len(e.body), 1+g.IntN(20))
		}
	}
	if g.chance(10) {
		e.maxBytes = 1 + int64(g.size())
	}
	if !e.chunked && !e.expect {
		e.old = g.chance(7)
	}
	for range g.IntN(9) {
		e.script = append(e.script, g.op(e))
	}
	switch {
	case g.chance(8):
		e.script = append(e.script, panicOp(oneOf[any](g, http.ErrAbortHandler, io.ErrUnexpectedEOF, "text")))
	case g.chance(5):
		e.script = append(e.script, hijackOp())
	}
	return e
}

func (e *exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s old=%v keep=%v type=%q header=%.60q body=%d chunked=%v missing=%d trailer=%v expect=%v max=%d\n",
		e.method, e.old, e.keep, e.ctype, e.header, len(e.body), e.chunked, e.missing, e.trailer, e.expect, e.maxBytes)
	for _, o := range e.script {
		fmt.Fprintf(&b, "  %s\n", o.name)
	}
	return b.String()
}
