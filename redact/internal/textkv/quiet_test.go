// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// FuzzQuiet reads a text with and without what is known of marks: no candidate that the
// reader wants may be passed over, and those that come are the same.
func FuzzQuiet(f *testing.F) {
	pieces := strings.Split("a|b|key|card|number|password| |  |\n|\t|=|:|==|=>|:=|%3D|%253D|%3A|\"|'|`|\\|\\\"|&quot;|%22|“|”|/*|*/|**|-|--|-u|--user|-> |<a>|<|>|map[|[|]|.|!|?|é|x:y|：|＝|,|;|0|12|a=b |c: d |user:", "|")
	r := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		var b strings.Builder
		few := make([]string, 1+r.IntN(6))
		for i := range few {
			few[i] = pieces[r.IntN(len(pieces))]
		}
		for range 1 + r.IntN(80) {
			b.WriteString(few[r.IntN(len(few))])
		}
		f.Add([]byte(b.String()))
	}
	var q Quiet
	q.Reset(r.Uint64(), r.Uint64())
	f.Fuzz(func(t *testing.T, src []byte) {
		read := func(sc Scanner, known bool) (wanted []string, left int) {
			if known {
				sc.Hush(&q, 7)
			}
			for sc.Next() {
				c := &sc.Candidate
				start := c.Key
				if c.N > 0 {
					start = min(start, c.Words[c.N-1])
				}
				// As a caller judges: by the bytes of the key and its phrases.
				h := fnv.New32a()
				fmt.Fprintf(h, "%s|%s|%v|%d", src[c.Key:c.KeyEnd], src[start:c.KeyEnd], c.Plain, c.N)
				if h.Sum32()%8 != 0 && c.Secret == 0 {
					left++
					if known {
						sc.Quieten()
					}
					continue
				}
				wanted = append(wanted, fmt.Sprint(c.Key, c.KeyEnd, c.Val, c.Sep, c.N, c.Words[:c.N], c.Plain, c.Secret, c.first, c.outer, c.line))
				_, _, next := c.Value(src)
				if h.Sum32()%16 == 0 {
					sc.SkipTo(next)
				}
			}
			return wanted, left
		}
		want, _ := read(Scan(src), false)
		for range 2 {
			if got, _ := read(Scan(src), true); !slices.Equal(got, want) {
				t.Fatalf("%q\n got %v\nwant %v", src, got, want)
			}
		}
	})
}

// TestQuietPassesOver: what is known is not looked at again.
func TestQuietPassesOver(t *testing.T) {
	t.Parallel()
	var q Quiet
	q.Reset(1, 2)
	src := []byte(strings.Repeat("a=b ", 1000))
	sc := Scan(src)
	sc.Hush(&q, 0)
	n := 0
	for sc.Next() {
		n++
		sc.Quieten()
	}
	if n > 10 {
		t.Errorf("%d of 1000 pairs were looked at", n)
	}
}

// TestEndsKey: no key ends with a byte that Next takes for the end of none.
func TestEndsKey(t *testing.T) {
	t.Parallel()
	found := 0
	for _, head := range []string{"key", `"key`, "(key", "[key", `m["key"`, "**key*", "/* x *", `\"key\`, "&quot;key&quot", "\u201ckey\xe2\x80", "%22key%2", "key ", "key**"} {
		for c := range 256 {
			for _, tail := range []string{"=v", "=(v)", "= v", "=> v", "=\n", "=\"v\""} {
				src := []byte("x\n" + head + string([]byte{byte(c)}) + tail)
				i := len(src) - len(tail)
				s := Scan(src)
				if !s.before(i, i+1, '=') {
					continue
				}
				found++
				if !endsKey[c] || c == '/' && src[i-2] != '*' {
					t.Errorf("%q has a key, which Next passes over", src)
				}
			}
		}
	}
	if found < 1000 {
		t.Error("only", found)
	}
}
