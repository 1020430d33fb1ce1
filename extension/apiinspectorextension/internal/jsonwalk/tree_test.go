// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package jsonwalk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// plainly writes a document in one line: type and text of scalars, keys as they stand.
func plainly(n *Node) string {
	if n == nil {
		return "none"
	}
	if len(n.Kids) == 0 {
		return n.Type[:1] + "(" + n.Text + ")"
	}
	var parts []string
	for i := range n.Kids {
		part := plainly(&n.Kids[i])
		if n.Type == "object" {
			part = n.Kids[i].Key + "=" + part
		}
		parts = append(parts, part)
	}
	return "<" + strings.Join(parts, " ") + ">"
}

func TestTree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		doc, want string
		cut       bool
	}{
		{`{"a":1.00,"b":["x",null,true],"c":{}}`, `<a=n(1.00) b=<s(x) n(null) b(true)> c=o({})>`, false},
		{`{"a":1,"a":2}`, `<a=n(1) a=n(2)>`, false},
		{`{"__proto__":{"x":1}}`, `<__proto__=<x=n(1)>>`, false},
		{`{"a":"\u0041\n"}`, "<a=s(A\n)>", false},
		{` [ ] `, `a([ ])`, false},
		{`12`, `n(12)`, false},
		{`{"a":1} {"b":2}`, `<<a=n(1)> <b=n(2)>>`, false},
		// Cut: what stands before is there.
		{`{"a":1,"b":"secr`, `<a=n(1) b=s(secr)>`, true},
		{`{"a":[1,2`, `<a=<n(1) n(2)>>`, true},
		{`{"a":[1,tr`, `<a=<n(1)>>`, true},
		{`{"a":1,"b`, `<a=n(1)>`, true},
		{`{"a":1,"b":`, `<a=n(1)>`, true},
		{`{"a":{`, `<a=o({)>`, true},
		{`{`, `o({)`, true},
		{`{"a":"x\`, `<a=s(x\)>`, true},
		// No JSON.
		{`a=b`, `none`, false}, {`1 2`, `none`, false}, {`{"a" 1}`, `none`, false}, {`{a:1}`, `none`, false}, {`[1,]`, `none`, false}, {`[1 2]`, `none`, false}, {``, `none`, false},
		{`{"a":tru}`, `none`, false},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), `none`, false},
		{"[" + strings.Repeat("1,", 200) + "1]", `none`, false},
	} {
		root, cut := Tree([]byte(c.doc), 100)
		if got := plainly(root); got != c.want || cut != c.cut {
			t.Errorf("%.60s: %s, cut %v; want %s, %v", c.doc, got, cut, c.want, c.cut)
		}
	}
}

// A tree has the leaves that Walk finds, in its order, whatever the document is.
func FuzzTree(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"c"}],"d":null}`, `{"a":1,"b":"secr`, `[[],{},""]`, `{"":{"":""}}`, "{\"a\":\"\xff\"}", `{"a":1}{"b":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var want []string
		whole := Walk(doc, func(l Leaf) bool {
			want = append(want, l.Type+Text(l.Path)+l.Text)
			return true
		})
		root, cut := Tree(doc, 1<<20)
		if root == nil {
			if whole {
				t.Fatalf("a document of %d leaves is no tree", len(want))
			}
			return
		}
		if json.Valid(doc) && cut {
			t.Fatal("a whole document is cut")
		}
		if !whole {
			return // a tree has more: what is cut itself
		}
		var got []string
		var walk func(n *Node, path []Step)
		walk = func(n *Node, path []Step) {
			if len(n.Kids) == 0 {
				text := n.Text
				if n.Type == "object" || n.Type == "array" {
					text = map[string]string{"object": "{}", "array": "[]"}[n.Type]
				}
				got = append(got, n.Type+Text(path)+text)
			}
			for i := range n.Kids {
				s := Step{Key: n.Kids[i].Key, Index: -1}
				if n.Type == "array" {
					s = Step{Index: i}
				}
				walk(&n.Kids[i], append(path, s))
			}
		}
		walk(root, nil)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("leaves:\n%q\nwant\n%q", got, want)
		}
	})
}
