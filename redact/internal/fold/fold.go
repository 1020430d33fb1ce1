// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

// MaxKeyBytes is the longest key that is worth comparing. AppendKey folds longer
// ones too, in linear time, but a caller that keeps bounded memory should treat
// the value under a longer key as denied instead (see Oversize).
const MaxKeyBytes = 4096

// Oversize reports whether key is longer than MaxKeyBytes.
func Oversize(key []byte) bool { return len(key) > MaxKeyBytes }

// AppendKey appends the folded form of key to dst.
func AppendKey(dst, key []byte) []byte { return append(dst, key...) }

// Key is AppendKey for compile time.
func Key(key string) string { return string(AppendKey(nil, []byte(key))) }

// Next cuts the first segment off a raw (not folded) key: segments end at
// `[`, `]`, `.` and `:` and their full-width forms. Empty segments are skipped.
// ok is false when no segment is left.
//
//	for seg, rest, ok := fold.Next(key); ok; seg, rest, ok = fold.Next(rest) { … }
func Next(key []byte) (seg, rest []byte, ok bool) { return nil, nil, false }

// Segmented reports whether key has more than one segment or a separator of
// segments at all, that is, whether Next yields anything but key itself.
func Segmented(key []byte) bool { return false }

// LocalName is the part of an XML name after its prefix.
func LocalName(name []byte) []byte { return name }

// Cookie strips the `__Host-` and `__Secure-` (also `__Http-`, `__Host-Http-`)
// prefixes, case-insensitively, from a cookie name.
func Cookie(name []byte) []byte { return name }

// CookieStem cuts the chunk number off a chunked cookie's name: `session.0`,
// `session_1`, `.AspNetCore.CookiesC1`. ok is false when there is none.
func CookieStem(name []byte) (stem []byte, ok bool) { return name, false }
