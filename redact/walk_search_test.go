// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCombinationsLinear looks for inputs whose time grows with the square: pieces of
// all syntaxes, put together at random and repeated. It finds what nobody thought of, and
// is a search, not a part of make test:
//
//	APISPAN_SEARCH=5m go test -run CombinationsLinear -v ./redact
func TestCombinationsLinear(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("APISPAN_SEARCH"))
	if err != nil {
		t.Skip("run with APISPAN_SEARCH=5m")
	}
	policies := map[string]*Policy{"keys": mustPolicy(t, keysOnly()), "default": mustPolicy(t, Config{Defaults: true})}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a search
	tried := 0
	for end := time.Now().Add(long); time.Now().Before(end); tried++ {
		in := combine(rng)
		for name, p := range policies {
			// Sixteen times as long takes sixteen times as long, and not fifty times.
			slow := func() bool { return in.time(p, 512<<10) > 50*in.time(p, 32<<10) }
			if in.time(p, 64<<10) > 10*time.Millisecond && slow() && slow() && slow() && slow() {
				t.Errorf("%s: %+v: %v for 32 KB, %v for 512 KB", name, in, in.time(p, 32<<10), in.time(p, 512<<10))
			}
		}
	}
	t.Logf("%d inputs", tried)
}

// combination is a text that repeats a unit.
type combination struct {
	kind, head, unit, tail string
	numbered, indented     bool // each repetition differs
	quoted                 bool // it is a string of JSON
}

var (
	searchKinds = []string{
		"application/json", "application/json", "text/plain", "text/plain", "application/x-www-form-urlencoded", "application/xml", "text/html",
		"multipart/form-data; boundary=b", "application/x-ndjson", "text/event-stream", "text/csv", "application/yaml", "application/graphql", "url", "path", "",
	}
	searchPieces = strings.Split("a|b|:|=|,|;| |\n|\t|-|- |--|/|\\|\"|'|{|}|[|]|(|)|<|>|&|%|%3D|%22|%7B|+|.|_|@|!|#|*|?|$|0|1|42|x|é|\r\n|  |    |"+
		"password|token|secret|name|value|key|code|pin|note|user|email|id|op|path|null|true|$a:|->|=>|:=|::|;;|"+
		"4111111111111111|eyJ|eyJhIjox|YWJj|YWJjPWRlZg==|cGFzc3dvcmQ9eA==|https://|http://|Bearer |Basic |cookie: |set-cookie: |Authorization: |"+
		"Duplicate entry '|' for key '|duplicate key value is (|constraint '|Key (|)=(|-u |-u|--user |ada:S|docker |contains(|,'| IN ('|GET /|? |"+
		"INSERT INTO t (|VALUES (|SELECT |query{|mutation{a(|curl |export |machine |login |-p |--password |-H '|your code is |mot de passe : |"+
		"<a>|</a>|<password>|</password>|<!--|-->|<![CDATA[|]]>|<input name=|&amp;|&#97;|&lt;|---\n|password: |password=|data: |event: |"+
		"\"op\":|\"value\":|\"name\":|\"password\":|\\n|\\\"|\\u0061|=?UTF-8?B?|?=|[REDACTED]|--b\r\n|Content-Disposition: form-data; name=", "|")
)

func combine(rng *rand.Rand) combination {
	pieces := func(most int) string {
		var b strings.Builder
		for range 1 + rng.IntN(most) {
			b.WriteString(searchPieces[rng.IntN(len(searchPieces))])
		}
		return b.String()
	}
	in := combination{kind: searchKinds[rng.IntN(len(searchKinds))], unit: pieces(5), numbered: rng.IntN(4) == 0, indented: rng.IntN(4) == 0}
	if rng.IntN(2) == 0 {
		in.head = pieces(5)
	}
	if rng.IntN(3) == 0 {
		in.tail = pieces(5)
	}
	in.quoted = in.kind == "application/json" && rng.IntN(2) == 0
	return in
}

func (in combination) text(size int) string {
	var b strings.Builder
	b.WriteString(in.head)
	for i := 0; b.Len() < size; i++ {
		if in.indented {
			b.WriteString(strings.Repeat(" ", min(i, 60)))
		}
		if b.WriteString(in.unit); in.numbered {
			b.WriteString(strconv.Itoa(i))
		}
	}
	b.WriteString(in.tail)
	if in.quoted {
		return `{"m":` + strconv.Quote(b.String()) + "}"
	}
	return b.String()
}

// time is the best of three.
func (in combination) time(p *Policy, size int) time.Duration {
	text := in.text(size)
	best := time.Hour
	for range 3 {
		s := p.NewScratch()
		best = min(best, timeOf(s, in.kind, text))
		s.Release()
	}
	return best
}
