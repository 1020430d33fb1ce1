// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// child returns the context of the value under key: key rules of the place and of
// the selected scopes, paths, and the verdict inherited through c, the strongest
// first. key is decoded but not folded. Call it once per key.
func (s *Scratch) child(c ctx, key []byte) ctx { return c }

// elem returns the context of the i-th element of an array (a repeated form field,
// an XML sibling). Only paths care.
func (s *Scratch) elem(c ctx, i int) ctx { return c }

// leaf decides over one scalar. dec is its decoded value. Unchanged: keep the raw
// bytes. Changed: write rep, encoded, instead of the value; rep lives in the arena
// and must be written as a string of the syntax (quotes and all, even for a
// number). Removed: remove key and value if the syntax allows it, else write
// maskText.
//
// Under no rule or an allow rule it looks for a document inside the string (JSON,
// form, URL, base64 of JSON, text with key=value) and then runs the detectors, so
// rep may be the old value with small replacements. It counts.
//
// Set c.cut if dec ends where the capture ends (then hmac and encrypt mask).
func (s *Scratch) leaf(c ctx, dec []byte, k kind) (rep []byte, ef Effect) { return nil, Unchanged }

// maskOf counts one replaced subtree under c.v and returns what to write for it:
// Changed with the mask, or Removed. For c.v.act.whole() verdicts.
func (s *Scratch) maskOf(c ctx) (rep []byte, ef Effect) { return nil, Unchanged }

// maskText is the mask of this policy, which needs no escaping in any syntax but
// where "[" does (percent-encode nothing in forms; it is kept readable).
func (s *Scratch) maskText() []byte { return nil }

// content walks src[off:end] of the running walker as a document of unknown type
// in place; contentType is a hint and may be "".
func (s *Scratch) content(off int, src []byte, c ctx, contentType string) {}

// count records one decision.
func (s *Scratch) count(p place, rule uint16, a action, o outcome) {}
