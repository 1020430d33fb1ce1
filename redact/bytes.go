// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "unsafe"

// str views a string as bytes that are never written.
func str(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// view views bytes as a string for the duration of a call.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
