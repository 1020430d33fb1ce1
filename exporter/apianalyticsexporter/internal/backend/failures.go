// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"net/http"
	"regexp"
	"strconv"
)

// Failures read from the answers of a backend that it failed, which it tells by a number in
// the header or the content, whatever the status. So a failure may be made of a success, and
// never the reverse; and a successful answer whose content breaks off is none.
type Failures struct {
	header  string
	content *regexp.Regexp
	unknown string
	known   map[int]Failure
}

// Failure is what an answer tells besides its status.
type Failure struct {
	// Class is Retry, Reject or Outage. Delivered, its zero value, means that the status says
	// enough, except that nothing is delivered and no event to blame.
	Class Class
	// Advice is our sentence: what is wrong, with the key and the fix. It holds nothing that
	// the backend wrote.
	Advice string
	// Codes are the backend's own numbers for it; of a failure that was read, the one, or 0
	// if what stands in its place is none.
	Codes []int
}

// NewFailure makes one, see the fields.
func NewFailure(class Class, advice string, codes ...int) Failure {
	return Failure{Class: class, Advice: advice, Codes: codes}
}

// NewFailures makes them of those that are known. The number stands in a field of the header
// or else is the first group of what content finds, which looks at 64 KiB and is never
// logged. unknown is the advice for all other numbers.
func NewFailures(header string, content *regexp.Regexp, unknown string, known ...Failure) *Failures {
	f := &Failures{header: header, content: content, unknown: unknown, known: map[int]Failure{}}
	for _, k := range known {
		for _, code := range k.Codes {
			f.known[code] = NewFailure(k.Class, k.Advice, code)
		}
	}
	return f
}

// Read returns what an answer tells, or false if it tells of no failure.
func (f *Failures) Read(h http.Header, body []byte) (Failure, bool) {
	if f == nil {
		return Failure{}, false
	}
	field := h.Get(f.header)
	code, err := strconv.Atoi(field)
	if m := f.content.FindSubmatch(body); m != nil && (err != nil || code <= 0) {
		code, err = strconv.Atoi(string(m[1]))
		field = string(m[1])
	}
	switch known, ok := f.known[code]; {
	case ok:
		return known, true
	case field == "" || err == nil && code == 0:
		return Failure{}, false
	case err != nil || code < 0:
		code = 0
	}
	return NewFailure(Delivered, f.unknown, code), true
}

// Verdict returns what the failure means, where the status alone would mean class. A number
// that nobody knows is no verdict about an event; only 413 is about its size, whatever else
// is told.
func (f *Failure) Verdict(class Class, status int) Class {
	switch {
	case f.Class != Delivered:
		return f.Class
	case class == Delivered:
		return Retry
	case class == Reject && status != http.StatusRequestEntityTooLarge:
		return Outage
	}
	return class
}
