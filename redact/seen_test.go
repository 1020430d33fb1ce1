// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// TestSeenBefore reads pieces of all syntaxes, in all places, with working memory that
// has seen all of them and with fresh one: what is remembered of a value must not
// change what becomes of it, nor what is counted, also where the limits are reached.
func TestSeenBefore(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"a", " ", "%22", "%3D", "%7B", "%25", "https://", "/", "?a=b", "&", "a=b", ";", ",", "a: ", "\n", "- ", "---\n", "<a>", "</a>", `<a b="c">`, "<!--", "&lt;",
		"&#34;", `"`, `\"`, "{", "[", `{"a":1}`, `["S"]`, "eyJhIjoiYiJ9", "--a ", "-u ada:S3cret9 ", "cookie: ", "cookie", "@", "|", "password", "password=", "token/",
		"secret: ", "S3cret9", "INSERT INTO t (password) VALUES (", "$1", "'S'", ")", "name", "4111111111111111", "ada@b.example ", "é", `";s:`, "a,b\n",
	}
	places := []struct{ kind, head, tail string }{
		{"text/plain", "", ""},
		{"text/plain", "cookie: ", ""},
		{"url", "https://h/?", ""},
		{"path", "/a/", ""},
		{"application/x-www-form-urlencoded", "a=", "&c=d"},
		{"text/csv", "a,cookie:\n", "\n"},
		{"application/xml", "<r>", "</r>"},
	}
	for name, p := range map[string]*Policy{"keys": mustPolicy(t, keysOnly()), "default": mustPolicy(t, Config{Defaults: true})} {
		var inputs [][2]string
		for _, a := range pieces {
			for _, b := range pieces {
				for _, pl := range places {
					inputs = append(inputs, [2]string{pl.kind, pl.head + strings.Repeat(a+b, 3) + pl.tail})
				}
			}
			for _, pl := range places { // up to the limits
				inputs = append(inputs, [2]string{pl.kind, pl.head + strings.Repeat(a+"&%3D<", 200) + pl.tail})
			}
		}
		read := func(s *Scratch, in [2]string) (string, Stats) {
			s.Begin(Exchange{RequestContentType: in[0]})
			var out string
			switch in[0] {
			case "url":
				out, _ = s.URL(in[1])
			case "path":
				out, _ = s.Path(in[1])
			default:
				out, _ = s.Body(Request, in[1])
			}
			return out, s.Stats()
		}
		seen := newScratch(p)
		for _, in := range inputs {
			read(seen, in)
		}
		for _, in := range inputs {
			want, counted := read(newScratch(p), in)
			for range 2 {
				if got, n := read(seen, in); got != want || n != counted {
					t.Errorf("%s, %s %.80q: %.80q %v, was %.80q %v", name, in[0], in[1], got, n, want, counted)
				}
			}
		}
	}
}

// TestSeenAtLimits is TestSeenBefore for one short value each, with little left of the
// limits: a value must not be known because it could not be read, and what is known
// takes of the limits what reading it takes.
func TestSeenAtLimits(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Defaults: true})
	const rooms = 4 * leafRoom
	for _, value := range []string{"a=%26lt;", "&lt;a&gt;", "<a>b: c", "a%3Db=c", "x%3A y", "a: <b>", "&quot;b&quot;: S", "eyJhIjoiYiJ9eyJh", "a=b&c=%3Cd", "p%61ss: x%3Dy", "b: 4111111&#49;11111111", "b: 4111111%3111111111"} {
		read := func(s *Scratch, room, words int) (out string, left [2]int) {
			out, _ = s.applyString(value, ctx{place: placeRequestBody}, func(s *Scratch, src []byte, c ctx) {
				s.nestLeft, s.wordsLeft = room, words
				s.asLeaf(src, c)
				left = [2]int{s.nestLeft, s.wordsLeft}
			})
			return out, left
		}
		seen, fresh := newScratch(p), newScratch(p)
		for i := range 2 * rooms { // up and down
			room := min(i, 2*rooms-i)
			for words := range 3 {
				fresh.clearCaches()
				want, left := read(fresh, room, words)
				for range 2 {
					if got, l := read(seen, room, words); got != want || l != left {
						t.Fatalf("%q with %d bytes and %d words left: %q %v, was %q %v", value, room, words, got, l, want, left)
					}
				}
			}
		}
	}
}
