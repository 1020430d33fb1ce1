// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
)

// drawn writes a document in one line, as the page shows it: what stood there, what was
// decided and by which rule, and where it comes from.
func drawn(n *api.Node) string {
	if n == nil {
		return "none"
	}
	out := n.Text
	if n.Gone {
		out = "gone"
	}
	if n.Kids != nil {
		var parts []string
		for i := range n.Kids {
			part := drawn(&n.Kids[i])
			if n.Type == "object" {
				part = n.Kids[i].Key + "=" + part
			}
			parts = append(parts, part)
		}
		out += "<" + strings.Join(parts, " ") + ">"
	}
	if n.Before != nil {
		was := "?" + n.Before.Type
		if n.Before.Text != nil {
			was = *n.Before.Text
		}
		out += fmt.Sprintf("(%s by %s, was %s)", n.Decision, n.Rule, was)
	}
	if n.From != "" {
		out += "←" + n.From
	}
	return out
}

func TestTree(t *testing.T) {
	t.Parallel()
	leaves := []api.Leaf{
		{Path: "$.card", Type: "string", Decision: Masked, Rule: "cards"}, {Path: "$.n", Type: "number", Decision: Kept},
		{Path: "$.debug", Type: "object", Decision: Dropped, Rule: "no-debug"}, {Path: "$.list[1]", Type: "number", Decision: Dropped, Rule: "second"},
		{Path: "$.deep.er.gone", Decision: Dropped, Rule: "deep"}, {Path: "$.other[*].x", Decision: Dropped, Rule: "nowhere"},
	}
	after, before := `{"card":"[REDACTED]","n":1.00,"list":[5]}`, `{"card":"4111","n":1.00,"list":[5,6],"debug":{"sql":"x"},"deep":{"er":{"gone":true}}}`
	for _, c := range []struct {
		name, media, after, before string
		leaves                     []api.Leaf
		want                       string
	}{
		{"only what is left", "application/json", after, "", leaves,
			`<card=[REDACTED](masked by cards, was ?string) n=1.00 list=<5 gone(dropped by second, was ?number)> debug=gone(dropped by no-debug, was ?object) deep=gone<er=gone<gone=gone(dropped by deep, was ?)>>>`},
		{"with what was before", "application/json", after, before, leaves,
			`<card=[REDACTED](masked by cards, was 4111) n=1.00 list=<5 gone(dropped by second, was 6)> debug=gone(dropped by no-debug, was {"sql":"x"}) deep=gone<er=gone<gone=gone(dropped by deep, was true)>>>`},
		{"nothing is left", "application/json", "", `{"a":1}`, []api.Leaf{{Path: "$.a", Type: "number", Decision: Dropped, Rule: "all"}}, `<a=gone(dropped by all, was 1)>`},
		{"a form", "application/x-www-form-urlencoded", "a=1&b=%5BREDACTED%5D", "", []api.Leaf{{Path: "$.b", Decision: Masked, Rule: "b"}, {Path: "c", Decision: Dropped, Rule: "c"}},
			`<a=1 b=[REDACTED](masked by b, was ?) c=gone(dropped by c, was ?)>`},
		{"cut", "application/json", `{"a":"secr`, "", nil, `<a=secr>`},
		{"JSON of another type", "text/plain", `[{}]`, "", nil, `<{}>`},
		{"a number", "text/plain", `12`, "", nil, `none`},
		{"a number as JSON", "application/json", `12`, "", nil, `12`},
		{"HTML", "text/html", `<p>`, "", nil, `none`},
		{"not UTF-8", "application/json", "{\"\xff\":\"\xfe\"}", "", nil, "<\ufffd=\ufffd>"},
	} {
		out := api.Body{Media: c.media, Leaves: c.leaves}
		Tree(&out, []byte(c.after), []byte(c.before))
		if got := drawn(out.Tree); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

// Each value of an event has where it comes from, wherever the event stands in the body.
func TestEventTree(t *testing.T) {
	t.Parallel()
	event := `{"user":"u-1","n":1}`
	origins := []api.Origin{{Path: "$.user", From: "user.id"}, {Path: "$.n", From: "derived"}}
	for body, want := range map[string]string{
		event:                                   `<user=u-1←user.id n=1←derived>`,
		"[" + event + "]":                       `<<user=u-1←user.id n=1←derived>>`,
		`{"events":[` + event + `],"n":2}`:      `<events=<<user=u-1←user.id n=1←derived>> n=2>`,
		event + "\n":                            `<user=u-1←user.id n=1←derived>`,
		`[{"user":"u-1","n":2}]`:                `<<user=u-1 n=2>>`,
		"data=" + event:                         `none`,
		`{"user":"u-1","n":1` + "\u0000" + `]}`: `none`,
	} {
		if got := drawn(EventTree(body, event, origins)); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

// What is very large or very deep is shown as text.
func TestTreeBounds(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"many": "[" + strings.Repeat("1,", maxTree) + "1]", "deep": strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
	} {
		out := api.Body{Media: "application/json"}
		if Tree(&out, []byte(doc), nil); out.Tree != nil {
			t.Errorf("%s: a tree", name)
		}
	}
	wide := "{" + strings.Repeat(`"k":"v",`, 9_999) + `"__proto__":{"x":1}}`
	out := api.Body{Media: "application/json"}
	if Tree(&out, []byte(wide), nil); out.Tree == nil || len(out.Tree.Kids) != 10_000 || out.Tree.Kids[9_999].Key != "__proto__" {
		t.Error("10,000 fields are no tree")
	}
}
