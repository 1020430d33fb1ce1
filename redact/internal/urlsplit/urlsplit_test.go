// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package urlsplit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parts(s string) string {
	u := Split([]byte(s))
	user := "-"
	if u.User >= 0 {
		user = s[u.User:u.Pass] + "," + s[u.Pass:u.UserEnd]
	}
	return strings.Join([]string{s[:u.SchemeEnd], user, s[u.Host:u.HostEnd], s[u.Path:u.PathEnd], s[u.Query:u.QueryEnd], s[u.Frag:u.FragEnd]}, "|")
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                              "|-||||",
		"/a/b?c=d#e":                    "|-||/a/b|c=d|e",
		"https://ada:pw@h.test:8/a?b#c": "https|ada:,pw|h.test:8|/a|b|c",
		"https://ada@h.test":            "https|ada,|h.test|||",
		`https:\\ada:pw@h.test\x`:       `https|ada:,pw|h.test|\x||`,
		"https:ada:pw@h.test/x":         "https|ada:,pw|h.test|/x||",
		"https:///ada:pw@h.test/x":      "https|ada:,pw|h.test|/x||",
		"https://ada:p/w@h.test/x":      "https|ada:,p/w|h.test|/x||",
		"https://ada:p@w@h.test/x":      "https|ada:,p@w|h.test|/x||",
		"https://ada:pw/x?q":            "https|ada:,pw/x|||q|",
		"//h/x":                         "|-|h|/x||",
		"mailto:a@b.test":               "mailto|-||a@b.test||",
		"https://[2001:db8::1]:443/x@y": "https|-|[2001:db8::1]:443|/x@y||",
		"https://h/x@y":                 "https|-|h|/x@y||",
		"/p#a?b":                        "|-||/p||a?b",
		"?q":                            "|-|||q|",
	} {
		if d := cmp.Diff(want, parts(in)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

// FuzzSplit checks order of offsets, and that user information and query are
// where net/url finds them.
func FuzzSplit(f *testing.F) {
	f.Add("https://ada:pw@h.test/a?b=c#d")
	f.Fuzz(func(t *testing.T, s string) {
		u := Split([]byte(s))
		last := 0
		offs := []int{u.SchemeEnd, u.Host, u.HostEnd, u.Path, u.PathEnd, u.Query, u.QueryEnd, u.Frag, u.FragEnd}
		if u.User >= 0 {
			offs = append([]int{u.SchemeEnd, u.User, u.Pass, u.UserEnd}, offs[1:]...)
		} else if u.Host == 0 {
			offs = append(offs[:1:1], offs[3:]...)
		}
		for _, o := range offs {
			if o < last || o > len(s) {
				t.Fatalf("%q: %+v", s, u)
			}
			last = o
		}
		std, err := url.Parse(s)
		if err != nil || std.User == nil {
			return
		}
		if u.User < 0 {
			t.Fatalf("%q: user information not found", s)
		}
	})
}
