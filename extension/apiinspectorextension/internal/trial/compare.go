// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

// maxText bounds a value that is shown.
const maxText = 2 << 10

// difference is what changes of one exchange.
type difference struct{ api.Difference }

// compare adds what differs between an attribute as it is now and as the policy leaves it:
// of a document or a form the values inside, else the whole.
func (d *difference) compare(location, key string, is *inspect.Attribute, then any, kept bool, fresh, all []redact.Decision) {
	was, there := "", is != nil
	if there {
		was = show.Text(is.Value)
	}
	will := show.Text(then)
	if there == kept && (!kept || same(was, will)) {
		return
	}
	name := location
	if name == "" {
		name = show.Place(key)
	}
	if there && kept {
		if a, ok := show.Parts(key, was); ok {
			if b, ok := show.Parts(key, will); ok {
				d.parts(name, key, a, b, fresh, all)
				return
			}
		}
	}
	v := api.Value{Name: name, Key: key}
	if there {
		v.Before = side(was)
	}
	if kept {
		v.After = side(will)
	}
	v.Decision, v.Rule = decided(v.After == nil, fresh, all, "")
	d.add(v)
}

// parts compares the values inside a document, by their paths.
func (d *difference) parts(name, key string, was, will []show.Part, fresh, all []redact.Decision) {
	now := map[string][]string{}
	for _, p := range was {
		now[p.Path] = append(now[p.Path], p.Text)
	}
	for _, p := range will {
		old, ok := now[p.Path]
		if ok {
			if len(old) == 1 {
				delete(now, p.Path)
			} else {
				now[p.Path] = old[1:]
			}
			if same(old[0], p.Text) {
				continue
			}
		}
		v := api.Value{Name: name + " " + p.Path, Key: key, After: side(p.Text)}
		if ok {
			v.Before = side(old[0])
		}
		v.Decision, v.Rule = decided(false, fresh, all, p.Path)
		d.add(v)
	}
	for _, p := range was {
		if old := now[p.Path]; len(old) > 0 {
			now[p.Path] = old[1:]
			v := api.Value{Name: name + " " + p.Path, Key: key, Before: side(old[0])}
			v.Decision, v.Rule = decided(true, fresh, all, p.Path)
			d.add(v)
		}
	}
}

func (d *difference) add(v api.Value) {
	if len(d.Values) < maxValues {
		d.Values = append(d.Values, v)
	}
}

// same reports whether two values mean the same. Tokens are made with another key here.
func same(a, b string) bool {
	return a == b || inspect.IsToken(a) && inspect.IsToken(b) || sealed(a) && sealed(b)
}

func sealed(s string) bool { return strings.HasPrefix(s, "enc:") }

func side(text string) *api.Side {
	s := &api.Side{Type: "string", Len: len(text)}
	if len(text) > maxText {
		text, s.Cut = text[:maxText], true
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	s.Text = &text
	return s
}

// decided is what the policy decided over a value, if that can be told: by its path, else
// by what was decided while it was read.
func decided(gone bool, fresh, all []redact.Decision, path string) (decision, rule string) {
	for _, list := range [][]redact.Decision{fresh, all} {
		for i := range list {
			w := &list[i]
			if path != "" && !show.Selects(w.Path, path) {
				continue
			}
			if o := show.Outcome(w.Action, w.Outcome); o != show.Kept {
				return o, w.Rule
			}
		}
		if path == "" {
			break
		}
	}
	if gone {
		return show.Dropped, ""
	}
	return show.Masked, ""
}
