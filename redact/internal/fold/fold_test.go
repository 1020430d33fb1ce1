// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestKeyEqualsPassword(t *testing.T) {
	t.Parallel()
	for _, k := range []string{
		"password", "Password", "PASSWORD", "pass_word", "pass-word", "pass.word", "pass word", "PassWord",
		"ｐａｓｓｗｏｒｄ", "ＰＡＳＳ＿ＷＯＲＤ", "paſſword", "pass\u200bword", "pass\u00adword", "\ufeffpassword",
		"password\u0000", " password\t", "\u00a0password\u3000", "pa\u0301ssword", "pássword", "раssword", "pαssword",
		"pass\xffword", "pass\ufffdword", "pass\xed\xa0\x80word", "pass\u2011word", "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝", "paßword",
		"pass\u180eword", "pass\U000e0061word", "pass\u3164word", "ⓟassword", "pass\u034fword", "p\u0336assword",
	} {
		if got := Key(k); got != "password" {
			t.Errorf("Key(%q) = %q, want password", k, got)
		}
	}
	for _, k := range []string{"passwords", "bypass", "pass", "xpassword", "пароль"} {
		if got := Key(k); got == "password" {
			t.Errorf("Key(%q) = password", k)
		}
	}
	// Kelvin sign, Turkish dotted capital i, dotless i, final sigma, sharp s.
	for _, p := range [][2]string{
		{"to\u212aen", "token"}, {"P\u0130N", "pin"}, {"p\u0131n", "pin"}, {"κωδικός", "ΚΩΔΙΚΌΣ"}, {"ПАРОЛЬ", "пароль"},
		{"straße", "STRASSE"}, {"contrase\u00f1a", "contrasen\u0303a"}, {"ключ", "КЛЮЧ"}, {"ﬁeld", "FIELD"},
	} {
		if a, b := Key(p[0]), Key(p[1]); a != b {
			t.Errorf("Key(%q) = %q, Key(%q) = %q", p[0], a, p[1], b)
		}
	}
}

// Every code point alone, and within letters, folds to something that folds to
// itself.
func TestIdempotentOverUnicode(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		once := AppendKey(nil, []byte("a"+string(r)+"b"))
		if twice := AppendKey(nil, once); !bytes.Equal(once, twice) {
			t.Fatalf("%U: %q then %q", r, once, twice)
		}
		if c := unicode.SimpleFold(r); c != r && c != 0x345 && r != 0x345 { // a mark, dropped, whose capital is a letter
			if other := AppendKey(nil, []byte("a"+string(c)+"b")); !bytes.Equal(once, other) {
				t.Fatalf("%U and its case variant %U fold to %q and %q", r, c, once, other)
			}
		}
	}
}

// naive is AppendKey written for clarity.
func naive(key string) string {
	if strings.IndexFunc(key, func(r rune) bool { return r >= 0x80 }) < 0 {
		return strings.ToLower(strings.Map(func(r rune) rune {
			if r <= ' ' || r == 0x7F || strings.ContainsRune("_-.", r) {
				return -1
			}
			return r
		}, key))
	}
	var out []byte
	// Package norm leaves characters after an invalid byte composed.
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(shortest(key), "")) {
		if r < 0x80 {
			out = AppendKey(out, []byte{byte(r)})
		} else {
			out = appendRune(out, r)
		}
	}
	return string(out)
}

// shortest writes characters in more bytes than UTF-8 allows as they should be.
func shortest(key string) string {
	var out []byte
	for i := 0; i < len(key); {
		end := i + 1
		for end < len(key) && key[end]&0xC0 == 0x80 {
			end++
		}
		var v int
		switch n := end - i; {
		case n >= 2 && key[i]&0xFE == 0xC0:
			end, v = i+2, int(key[i]&1)<<6|int(key[i+1]&0x3F)
		case n >= 3 && key[i] == 0xE0 && key[i+1] < 0xA0:
			end, v = i+3, int(key[i+1]&0x3F)<<6|int(key[i+2]&0x3F)
		case n >= 4 && key[i] == 0xF0 && key[i+1] < 0x90:
			end, v = i+4, int(key[i+1]&0x3F)<<12|int(key[i+2]&0x3F)<<6|int(key[i+3]&0x3F)
		default:
			out = append(out, key[i:end]...)
			i = end
			continue
		}
		if utf8.ValidRune(rune(v)) {
			out = utf8.AppendRune(out, rune(v))
		}
		i = end
	}
	return string(out)
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "user[password]", "ａ．ｂ", "Api-Key", "\xff\xc0\xa2", "p\xe0\x81\xa1\xc1\xb3\xf0\x80\x81\xb3", "e\u0301\u200d", "İſK"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkKey(t, s) })
}

func checkKey(t *testing.T, s string) {
	t.Helper()
	got := Key(s)
	if want := naive(s); got != want {
		t.Fatalf("Key(%q) = %q, naive %q", s, got, want)
	}
	if again := Key(got); again != got {
		t.Fatalf("not idempotent: %q -> %q -> %q", s, got, again)
	}
	if up := Key(strings.ToUpper(got)); utf8.ValidString(s) && up != got {
		t.Fatalf("case: %q -> %q, upper -> %q", s, got, up)
	}
	// Segments are the key without its split characters, in order.
	var joined []byte
	n := 0
	for seg, rest := NextSegment([]byte(s)); seg != nil; seg, rest = NextSegment(rest) {
		if len(seg) == 0 || segments(seg) != 1 {
			t.Fatalf("segment %q of %q", seg, s)
		}
		joined = append(joined, seg...)
		n++
	}
	strip := strings.NewReplacer("[", "", "]", "", ".", "", ":", "", "/", "", "．", "", "：", "", "［", "", "］", "", "／", "")
	if want := strip.Replace(s); string(joined) != want {
		t.Fatalf("segments of %q join to %q, want %q", s, joined, want)
	}
	if IsPlain([]byte(s)) && s != "" && (n != 1 || len(joined) != len(s)) {
		t.Fatalf("plain %q has %d segments", s, n)
	}
}

// segments counts them.
func segments(key []byte) (n int) {
	for seg, rest := NextSegment(key); seg != nil; seg, rest = NextSegment(rest) {
		n++
	}
	return n
}

func TestQuickKey(t *testing.T) {
	t.Parallel()
	if err := quick.Check(func(s string) bool { checkKey(t, s); return true }, nil); err != nil {
		t.Fatal(err)
	}
	if err := quick.Check(func(b []byte) bool { checkKey(t, string(b)); return true }, nil); err != nil {
		t.Fatal(err)
	}
}

func TestNextSegment(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"user[password]": {"user", "password"}, "password[]": {"password"}, "a.password": {"a", "password"},
		"soap:Password": {"soap", "Password"}, "": nil, "[].": nil, "x": {"x"}, "a/b": {"a", "b"}, "u［p］": {"u", "p"},
		".session": {"session"}, "\xef\xbc": {"\xef\xbc"},
	} {
		var got []string
		for seg, rest := NextSegment([]byte(in)); seg != nil; seg, rest = NextSegment(rest) {
			got = append(got, string(seg))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"__Host-session": "session", "__SECURE-session": "session", "__Host-Http-a": "a", "__Http-a": "a",
		"__Host-": "__Host-", "session": "session", "_Host-x": "_Host-x",
	} {
		if got := string(Cookie([]byte(in))); got != want {
			t.Errorf("Cookie(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"session.0": "session", "session_12": "session", ".AspNetCore.CookiesC1": ".AspNetCore.Cookies", "s-3": "s",
		"session": "", "session1": "", "1": "", ".0": "", "id.20260101": "",
	} {
		stem, ok := CookieStem([]byte(in))
		if ok != (want != "") || ok && string(stem) != want {
			t.Errorf("CookieStem(%q) = %q, %v, want %q", in, stem, ok, want)
		}
	}
}

func TestLongKeyIsLinearAndWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\u200b", 100_000) + "pass" + strings.Repeat("\u0301", 100_000) + "word"
	if got := Key(long); got != "password" {
		t.Fatalf("got %d bytes", len(got))
	}
	if !Oversize([]byte(long)) || Oversize(make([]byte, MaxKeyBytes)) {
		t.Fatal("Oversize")
	}
}

func TestNoAllocs(t *testing.T) {
	buf := make([]byte, 0, 256)
	for _, k := range []string{"X-Forwarded-Client-Cert", "pässword_ſ"} {
		key := []byte(k)
		if n := testing.AllocsPerRun(100, func() { buf = AppendKey(buf[:0], key) }); n > 0 {
			t.Errorf("%q: %v allocations", k, n)
		}
	}
}

func BenchmarkAppendKey(b *testing.B) {
	for _, k := range []string{"card_number", "X-Amz-Security-Token", "pässwörd"} {
		b.Run(k, func(b *testing.B) {
			buf := make([]byte, 0, 256)
			key := []byte(k)
			b.SetBytes(int64(len(key)))
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendKey(buf[:0], key)
			}
		})
	}
}
