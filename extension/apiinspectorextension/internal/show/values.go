// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/internal/inspect"
)

// The decisions over a value, as api.Value has them.
const (
	Kept       = "kept"
	Masked     = "masked"
	Hashed     = "hashed"
	Encrypted  = "encrypted"
	Dropped    = "dropped"
	Truncated  = "truncated"
	Unreadable = "unreadable"
	Added      = "added"
)

// Outcome names what a decision of the redaction did to a value.
func Outcome(action, outcome string) string {
	switch outcome {
	case "malformed", "unsupported", "limit", "no_key", "panic":
		return Unreadable
	case "truncated":
		return Truncated
	}
	switch action {
	case "mask":
		return Masked
	case "drop":
		return Dropped
	case "hmac":
		return Hashed
	case "encrypt":
		return Encrypted
	case "truncate":
		return Truncated
	}
	return Kept
}

// why are the decisions over one exchange.
type why []inspect.Decision

// find returns what was decided over the value that stands under a name in one of some
// places. Names that a redaction does not tell are "*" there.
func (w why) find(name string, places ...string) (decision, rule string) {
	for i := range w {
		d := &w[i]
		if !slices.Contains(places, d.Place) || !samePath(d.Path, name) {
			continue
		}
		if o := Outcome(d.Action, d.Outcome); o != Kept && decision == "" {
			decision, rule = o, d.Rule
		}
	}
	return decision, rule
}

// in returns what was decided over the only value of a place.
func (w why) in(place string) (decision, rule string) {
	for i := range w {
		if o := Outcome(w[i].Action, w[i].Outcome); w[i].Place == place && o != Kept {
			return o, w[i].Rule
		}
	}
	return "", ""
}

func samePath(decided, name string) bool {
	if strings.EqualFold(decided, name) || decided == "*" && !jsonwalk.Name(name) {
		return true
	}
	// A structured value has the path below its key.
	if rest, ok := strings.CutPrefix(decided, name); ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
		return true
	}
	cut, ok := strings.CutSuffix(decided, "…")
	return ok && strings.HasPrefix(name, cut)
}

// side is an attribute as text.
func side(a *inspect.Attribute) *api.Side {
	if a == nil {
		return nil
	}
	s := &api.Side{Type: a.Type, Len: a.Len}
	switch v := a.Value.(type) {
	case nil:
		return s
	case []byte:
		text := clean(string(v))
		if !utf8.Valid(v) {
			text = base64.StdEncoding.EncodeToString(v)
		}
		s.Text, s.Cut = &text, len(v) < a.Len
	case string:
		text := clean(v)
		s.Text, s.Cut = &text, len(v) < a.Len
	default:
		text := clean(textOf(v))
		s.Text = &text
	}
	return s
}

// textSide is a text that is no attribute of its own.
func textSide(text string) *api.Side {
	text = clean(text)
	return &api.Side{Type: "string", Len: len(text), Text: &text}
}

// judge says what became of a value, by both sides and what was decided.
func judge(before, after *api.Side, decided string, redacted bool) string {
	switch {
	case after == nil && before == nil:
		return Dropped
	case after == nil:
		return Dropped
	case before == nil && !redacted:
		return Already(textIn(after))
	case before == nil:
		if decided != "" {
			return decided
		}
		return Added
	case before.Text != nil && after.Text != nil && before.Type == after.Type:
		if *before.Text == *after.Text && before.Len == after.Len {
			return Kept
		}
	case decided == "" && before.Type == after.Type && before.Len == after.Len:
		return Already(textIn(after))
	}
	if decided != "" && decided != Dropped {
		return decided
	}
	if after.Text != nil && strings.HasPrefix(*after.Text, "hmac:") {
		return Hashed
	}
	return Masked
}

// Already is the decision over a value that nothing in the Collector has changed, as far as is
// known: an application may have redacted it before. A mask leaves nothing in clear.
func Already(text string) string {
	switch {
	case inspect.IsMask(text):
		return Masked
	case inspect.IsToken(text):
		return Hashed
	}
	return Kept
}

func textIn(s *api.Side) string {
	if s.Text == nil {
		return ""
	}
	return *s.Text
}

// attributes finds attributes by key, and remembers which were shown.
type attributes struct {
	list  []inspect.Attribute
	shown []bool
}

func attributesOf(list []inspect.Attribute) *attributes {
	return &attributes{list, make([]bool, len(list))}
}

func (a *attributes) take(key string) *inspect.Attribute {
	if a == nil {
		return nil
	}
	for i := range a.list {
		if a.list[i].Key == key {
			a.shown[i] = true
			return &a.list[i]
		}
	}
	return nil
}

// takePrefix takes all whose keys have a prefix.
func (a *attributes) takePrefix(prefix string) (out []*inspect.Attribute) {
	if a == nil {
		return nil
	}
	for i := range a.list {
		if strings.HasPrefix(a.list[i].Key, prefix) {
			a.shown[i] = true
			out = append(out, &a.list[i])
		}
	}
	return out
}

func (a *attributes) rest() (out []*inspect.Attribute) {
	if a == nil {
		return nil
	}
	for i := range a.list {
		if !a.shown[i] {
			out = append(out, &a.list[i])
		}
	}
	return out
}
