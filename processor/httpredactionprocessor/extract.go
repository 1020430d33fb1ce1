// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/jsonfind"
)

const (
	// maxExtract is the size in bytes of a member that extract takes over; what is
	// larger stays where it is.
	maxExtract = 64 << 10
	// maxExtractMembers bounds how many attributes one object becomes.
	maxExtractMembers = 64
	maxExtractDepth   = 8
	maxExtractKey     = 128
)

type extractRule struct {
	body   string // canonical key of the body attribute
	path   []string
	to     string // "" = the names of the members, or the last name of the path
	remove bool
}

func (e ExtractConfig) compile() (extractRule, error) {
	r := extractRule{to: e.To, remove: e.Remove}
	path, ok := strings.CutPrefix(e.From, "request.body.")
	if ok {
		r.body = httpattr.RequestBody
	} else if path, ok = strings.CutPrefix(e.From, "response.body."); ok {
		r.body = httpattr.ResponseBody
	}
	if ok {
		r.path, ok = jsonfind.ParsePath(path)
	}
	if !ok {
		return r, fmt.Errorf("from: %q is not a member of a body; write request.body.$.name or response.body.$.name", e.From)
	}
	return r, nil
}

// run moves the member. It reports whether attrs changed. An attribute that is
// there already is kept.
func (r extractRule) run(w *walker, attrs pcommon.Map) (changed bool) {
	var value string
	w.find(attrs, func(ki *keyInfo) bool { return ki.canonical == r.body }, func(_ *keyInfo, v pcommon.Value) bool {
		doc := bodyText(v)
		m, ok := jsonfind.Find(doc, r.path)
		if !ok || m.ValueEnd-m.ValueStart > maxExtract || !json.Valid([]byte(m.Value(doc))) {
			return false
		}
		value = m.Value(doc)
		if r.remove {
			changed = true
			if v.Type() == pcommon.ValueTypeBytes {
				setBytes(v, []byte(m.Cut(doc)))
			} else {
				v.SetStr(m.Cut(doc))
			}
		}
		return true
	})
	if value == "" {
		return false
	}
	if r.to == "" && value[0] == '{' {
		n := 0
		jsonfind.Members(value, func(name, val string) bool {
			if n < maxExtractMembers && usableName(name) && putMetadata(attrs, name, val) {
				n++
			}
			return true
		})
		return changed || n > 0
	}
	to := r.to
	if to == "" {
		to = r.path[len(r.path)-1]
	}
	return putMetadata(attrs, to, value) || changed
}

// usableName refuses names that cannot be attribute keys.
func usableName(name string) bool {
	return name != "" && len(name) <= maxExtractKey && utf8.ValidString(name) && !strings.Contains(name, "\x00")
}

func putMetadata(attrs pcommon.Map, name, text string) bool {
	key := httpattr.MetadataPrefix + name
	if _, ok := attrs.Get(key); ok {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	v := pcommon.NewValueEmpty()
	if !fromJSON(dec, v, 0) {
		return false
	}
	v.MoveTo(attrs.PutEmpty(key))
	return true
}

// fromJSON reads one JSON value in order. It reports false for what is not JSON or
// nests too deep.
func fromJSON(dec *json.Decoder, v pcommon.Value, depth int) bool {
	tok, err := dec.Token()
	if err != nil || depth > maxExtractDepth {
		return false
	}
	switch t := tok.(type) {
	case string:
		v.SetStr(t)
	case bool:
		v.SetBool(t)
	case json.Number:
		if i, err := t.Int64(); err == nil {
			v.SetInt(i)
		} else if f, err := t.Float64(); err == nil {
			v.SetDouble(f)
		} else {
			v.SetStr(t.String())
		}
	case json.Delim:
		if t == '{' {
			m := v.SetEmptyMap()
			for dec.More() {
				name, err := dec.Token()
				key, ok := name.(string)
				if err != nil || !ok || !fromJSON(dec, m.PutEmpty(key), depth+1) {
					return false
				}
			}
		} else {
			s := v.SetEmptySlice()
			for dec.More() {
				if !fromJSON(dec, s.AppendEmpty(), depth+1) {
					return false
				}
			}
		}
		if _, err := dec.Token(); err != nil && err != io.EOF {
			return false
		}
	}
	return true
}
