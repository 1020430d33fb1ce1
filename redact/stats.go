// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Stats counts what was done since Begin.
type Stats struct {
	// Masked, Dropped, Hashed, Encrypted and Truncated count values by action;
	// FailedClosed counts values replaced because they could not be read.
	Masked, Dropped, Hashed, Encrypted, Truncated, FailedClosed int
}

// Total is the number of values that a rule changed or removed.
func (s Stats) Total() int {
	return s.Masked + s.Dropped + s.Hashed + s.Encrypted + s.Truncated + s.FailedClosed
}
