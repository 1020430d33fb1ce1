// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// pair is the value of one placeholder.
type pair struct{ name, value string }

// unknownValue stands for a placeholder that has neither value nor default.
const unknownValue = "UNKNOWN"

// Limits of a rule's answer, in bytes and placeholders.
const (
	maxBody         = 64 << 10
	maxPlaceholders = 256
	maxValue        = 1 << 10 // of a placeholder
)

// template is a text with placeholders: {{name}} or {{name|default}}. What stands for one
// is not read again.
type template struct{ parts []part }

// part is a text, followed by a placeholder if it has a name.
type part struct{ text, name, def string }

func parseTemplate(s string) (t template, n int) {
	for {
		open := strings.Index(s, "{{")
		if open < 0 {
			break
		}
		length := strings.Index(s[open+2:], "}}")
		if length < 0 {
			break
		}
		name, def, has := strings.Cut(s[open+2:open+2+length], "|")
		if !has {
			def = unknownValue
		}
		t.parts = append(t.parts, part{s[:open], strings.TrimSpace(name), def})
		s = s[open+length+4:]
		n++
	}
	t.parts = append(t.parts, part{text: s})
	return t, n
}

func (t *template) text(values []pair) string {
	if len(t.parts) == 1 {
		return t.parts[0].text
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		b.WriteString(p.text)
		if i < len(t.parts)-1 {
			b.WriteString(p.value(values))
		}
	}
	return b.String()
}

func (p *part) value(values []pair) string {
	for i := range values {
		if values[i].name == p.name {
			return values[i].value
		}
	}
	return p.def
}

// document is a JSON document with placeholders in its strings. Everything else stays as it
// is written: the order of members, the digits of numbers.
type document struct {
	raw   []byte // if there is no placeholder
	holes []hole
}

// hole is what stands before a string with placeholders, and the string.
type hole struct {
	before []byte
	string template
}

// parseDocument takes a valid JSON document. Names of members are no templates.
func parseDocument(raw []byte) (d document, problem string) {
	if len(raw) > maxBody {
		return d, fmt.Sprintf("the body has %d bytes: %d at most", len(raw), maxBody)
	}
	var short bytes.Buffer
	if json.Compact(&short, raw) != nil {
		return d, "the body is no JSON"
	}
	raw = short.Bytes()
	done, count := 0, 0
	for i := 0; i < len(raw); i++ {
		if raw[i] != '"' {
			continue
		}
		end := i + 1
		for raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		end++
		isName := end < len(raw) && raw[end] == ':'
		var s string
		if !isName && json.Unmarshal(raw[i:end], &s) == nil && strings.Contains(s, "{{") {
			if t, n := parseTemplate(s); n > 0 {
				count += n
				d.holes = append(d.holes, hole{raw[done:i], t})
				done = end
			}
		}
		i = end - 1
	}
	if count > maxPlaceholders {
		return d, fmt.Sprintf("the body has %d placeholders: %d at most", count, maxPlaceholders)
	}
	d.raw = raw[done:]
	return d, ""
}

// render returns the document with the values in it. It belongs to the caller if there are
// placeholders, and must not be changed if there are none.
func (d *document) render(values []pair) []byte {
	if len(d.holes) == 0 {
		return d.raw
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range d.holes {
		h := &d.holes[i]
		b.Write(h.before)
		if enc.Encode(h.string.text(values)) == nil {
			b.Truncate(b.Len() - 1) // the line break
		}
	}
	b.Write(d.raw)
	return b.Bytes()
}

// validName reports whether s is a field name (RFC 9110, section 5.1).
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// validValue reports whether s can be sent as a field value.
func validValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
