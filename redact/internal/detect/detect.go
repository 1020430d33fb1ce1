// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// Match is one hit: src[Start:End] under the rule that the Spec named.
type Match struct {
	Start, End int
	Rule       uint16
}

// Spec asks for one detector. Exactly one of Name and Regex is set.
type Spec struct {
	// Name is one of the names that List returns.
	Name string
	// Regex is a regular expression in Go's syntax. It must not be able to match
	// the empty string.
	Regex string
	// Rule is copied into each Match.
	Rule uint16
}

// Info describes a built-in detector.
type Info struct {
	Name    string
	Doc     string // one line
	Default bool   // on in a policy with `defaults: true`
}
