// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pairs lists every candidate with its value; values are not passed over.
func pairs(src string) (out []string) {
	b := []byte(src)
	for sc := Scan(b); ; {
		if !sc.Next() {
			return out
		}
		c := &sc.Candidate
		start, end, _ := c.Value(b)
		s := src[c.Key:c.KeyEnd] + "|" + src[start:end]
		for _, w := range c.Words[:c.N] {
			s = src[w:c.KeyEnd] + "," + s
		}
		out = append(out, s)
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                             nil,
		"a: 1\nb = 2":                  {"a|1", "b|2"},
		"k=v l=w":                      {"k|v", "v l,l|w"},
		"x k=v, l=w":                   {"x k,k|v", "l|w"},
		"k: a b, c: d":                 {"k|a b, c: d", "c|d"},
		"x, k: a b, c: d":              {"k|a b", "c|d"},
		`{"a":"b\"c","d":1}`:           {`a|b\"c`, "d|1"},
		`\"a\":\"b\",`:                 {"a|b"},
		`&quot;a&quot;:&quot;b&quot;}`: {"a|b"},
		"card number: 1":               {"card number,number|1"},
		"the long card number: 1":      {"the long card number,long card number,card number,number|1"},
		":a=>'b', c: 'd'":              {"a|b", "c|d"},
		"a:\n  b: 1\n  c: 2\nd: 3":     {"a|b: 1\n  c: 2", "b|1", "c|2", "d|3"},
		"a: |\n  x\n  y\nb: 1":         {"a||\n  x\n  y", "b|1"},
		"a:\n- 1\n- 2\nb: 3":           {"a|- 1\n- 2", "b|3"},
		"a: x\n y\nb: 1":               {"a|x\n y", "b|1"},
		"tool --key v1 -k v2":          {"key|v1", "k|v2"},
		"curl -H 'A: b; c=d' -x":       {"H|A: b; c=d", "A|b; c=d", "c|d"},
		"<a>x</a> <b/>":                {"a|x"},
		"u%3Fa%3Db%26c":                {"a,u%3Fa|b"},
		`a="x" y`:                      {`a|"x" y`},
		`a='x'"y z"w`:                  {`a|'x'"y z"w`},
		`z a="x" y`:                    {"z a,a|x"},
		`a="x", b="y"`:                 {"a|x", "b|y"},
		"a: 'x'}\nb: 1":                {"a|x", "b|1"},
		"a={x: [1, '}']} b":            {"a|{x: [1, '}']}", "x|[1, '}']"},
		"a=Bearer x y":                 {"a|Bearer x y"},
		"z a=Bearer x y":               {"z a,a|Bearer x"},
		"a == b":                       {"a|b"},
		"x (a)=(b c) d":                {"a|(b c)"},
		"x (a) = (b)":                  nil,
		"x (a)=b":                      nil,
		"-i pass:b c -o d":             {"i|pass:b", "-i pass,pass|b c", "o|d"},
		"A_B=c psql -h d e":            {"A_B|c", "h|d"},
		"A_B=c tool x --y":             {"A_B|c"},
		"A_B=c d e":                    {"A_B|c d e"},
		"a_b=c tool --y":               {"a_b|c tool --y"},
		`a: "x`:                        {"a|x"},
		`a = """x "y" z""" b`:          {`a|"""x "y" z""" b`},
		`"a" /* : */ : /* " */ "b"`:    {"a|b"},
		"a：b":                          {"a|b"},
		"https://h/?a=b&c=d e":         {"https|//h/?a=b&c=d e", "a|b", "c|d"},
	} {
		if d := cmp.Diff(want, pairs(in)); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

// TestArrowInValue: the ">" of an arrow whose "-" was passed over with a value is no
// mark behind a key.
func TestArrowInValue(t *testing.T) {
	t.Parallel()
	src := []byte("password= -> x: y")
	sc := Scan(src)
	for sc.Next() {
		if start, end, next := sc.Value(src); string(src[start:end]) == "-" {
			sc.SkipTo(next)
		}
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	src := "a,\"b,\"\"c\"\"\n\",d\r\n,e"
	var got []string
	for pos, last := 0, false; pos < len(src) || !last; {
		c := ReadCell([]byte(src), pos, ',')
		got = append(got, src[c.Start:c.End])
		if pos = c.Next; c.Cut {
			break
		}
	}
	if d := cmp.Diff([]string{"a", "b,\"\"c\"\"\n", "d", "", "e"}, got); d != "" {
		t.Error(d)
	}
	for in, want := range map[string]byte{"a,b;c,d": ',', "a;b;c\n1,2,3,4,5": ';', "a\tb": '\t', "a|b": '|'} {
		if d, _ := Delimiter([]byte(in)); d != want {
			t.Errorf("%q: %q", in, d)
		}
	}
}

// FuzzText checks offsets and that whatever encoding/json finds JSON has its end
// found here.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		`{"a":"b\"c","d":[1,{}]}`, "a: |\n  x\nb='c' --d e <f>g</f> %3Dh &quot;i&quot;: `j` “k”=“l”", "a=b&amp;c=d;e,f", `\"a\":\"b\"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		n := 0
		for sc := Scan(b); ; {
			if !sc.Next() {
				break
			}
			c := &sc.Candidate
			if c.Key < 0 || c.Key >= c.KeyEnd || c.KeyEnd > len(b) || c.Val < c.KeyEnd || c.Val > len(b) {
				t.Fatalf("%q: %+v", s, c)
			}
			for _, w := range c.Words[:c.N] {
				if w < 0 || w >= c.KeyEnd {
					t.Fatalf("%q: word at %d of %+v", s, w, c)
				}
			}
			start, end, next := c.Value(b)
			if start < c.KeyEnd || end < start || next < end || next > len(b) {
				t.Fatalf("%q: value [%d:%d] next %d of %+v", s, start, end, next, c)
			}
			if n++; n > 2*len(b) {
				t.Fatalf("%q: no progress at %+v", s, c)
			}
		}
		for pos := 0; pos < len(b); {
			c := ReadCell(b, pos, ',')
			if c.Start < pos || c.End < c.Start || c.Next <= pos && !c.Cut || c.Next > len(b) {
				t.Fatalf("%q: %+v at %d", s, c, pos)
			}
			if pos = c.Next; c.Cut {
				break
			}
		}
		if len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b) {
			want := len(strings.TrimRight(s, " \t\r\n"))
			if end, ok := JSONEnd(b, 0); (!ok || end != want) && strings.Count(s, "{")+strings.Count(s, "[") < maxNesting {
				t.Fatalf("%q: JSON ends at %d, %v", s, end, ok)
			}
		}
	})
}

var lineEnds = regexp.MustCompile(`\r+\n`)

func FuzzCSV(f *testing.F) {
	f.Add("a", "b\"c", "d\n,e")
	f.Fuzz(func(t *testing.T, x, y, z string) {
		var sb strings.Builder
		w := csv.NewWriter(&sb)
		if err := w.Write([]string{x, y, z}); err != nil {
			return
		}
		w.Flush()
		b := []byte(sb.String())
		var got []string
		for pos := 0; pos < len(b); {
			c := ReadCell(b, pos, ',')
			v := string(b[c.Start:c.End])
			if c.Quoted {
				v = strings.ReplaceAll(v, `""`, `"`)
			}
			got = append(got, v)
			if pos = c.Next; c.Last {
				break
			}
		}
		r := csv.NewReader(strings.NewReader(sb.String()))
		want, err := r.Read()
		if err != nil {
			return
		}
		norm := func(s []string) string { // encoding/csv takes one of "\r\r\n" away
			return lineEnds.ReplaceAllString(strings.Join(s, "\x00"), "\n")
		}
		if norm(got) != norm(want) {
			t.Fatalf("%q: got %q want %q", sb.String(), got, want)
		}
	})
}

// TestLinear doubles bad inputs: the time must not grow with the square.
func TestLinear(t *testing.T) {
	if os.Getenv("APISPAN_TIMING") == "" {
		t.Skip("measures time; make test runs it apart, without the race detector")
	}
	for _, unit := range []string{
		"a:", "a=", "=", ":", "'", `"`, `\`, "<a", ">", "<a>", "%", "%25", "%3D", "--a ", "a ", "a\n", "{", "[", "}", "a:'", `a="`, "a:\n ", "a={",
		"&quot;", "a: |\n", "a=\"b\"", "'a':", ",", "a,", "`", "“", "a: 'b' ", "/*", "*/:", "a=Bearer ", "\xef\xbc\x9a", "x </", "<a></", `{"`,
	} {
		measure := func(n int) time.Duration {
			b := []byte(strings.Repeat(unit, n/len(unit)))
			best := time.Hour
			for range 3 {
				start := time.Now()
				sc := Scan(b)
				for sc.Next() {
				}
				best = min(best, time.Since(start))
			}
			return best
		}
		small, big := measure(1<<14), measure(1<<18)
		if big > 80*small && big > 50*time.Millisecond {
			t.Errorf("%q: %v for 16 KB, %v for 256 KB", unit, small, big)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	src := []byte(strings.Repeat("2026-01-01T00:00:00Z INFO order accepted user_name=ada order_id=1234567 note=\"two words\"\nplain prose without any key in it, for a change\n", 120))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		sc := Scan(src)
		for sc.Next() {
		}
	}
}
