// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/apispan/apispan/internal/guardrules"
)

// document is what a vendor answered to one request, as the members that say something
// about rules: services need nothing else of it.
type document map[string]json.RawMessage

// needed are the members of the vendors' documents that rules are made of.
var needed = []string{"rules", "user_rules", "company_rules", "wafConfig", "authenticationConfig", "hostMap"}

// readDocument takes what is needed out of an answer: an array is that of Moesif's rules.
func readDocument(body io.Reader, limit int) (document, error) {
	raw, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, errors.New("broke off")
	case len(raw) > limit:
		return nil, fmt.Errorf("is longer than max_size_mib, %d MiB", limit>>20)
	}
	// Whether it is one of the vendor's, the reader of rules says.
	if err := guardrules.NewBuilder().Read(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	if t := bytes.TrimSpace(raw); t[0] == '[' {
		return document{"rules": t}, nil
	}
	var all document
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, errors.New("is no JSON")
	}
	out := document{}
	for _, name := range needed {
		if v, ok := all[name]; ok && string(v) != "null" {
			out[name] = v
		}
	}
	return out, nil
}

// shelf holds what is handed out.
type shelf struct {
	limit int
	write sync.Mutex // one change at a time

	mu     sync.Mutex
	parts  map[string]map[string]document // by vendor and path
	now    *edition
	next   chan struct{} // closed when now is another
	closed bool
}

// edition is one state of the rules.
type edition struct {
	tag      string // strong, with quotes
	plain    []byte
	packed   []byte // gzip
	rules    int
	problems int
}

func (s *shelf) edition() *edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shelf) rules() int {
	if e := s.edition(); e != nil {
		return e.rules
	}
	return 0
}

func (s *shelf) problems() int {
	if e := s.edition(); e != nil {
		return e.problems
	}
	return 0
}

// changes returns what is in force, and a channel that is closed when it is not any more.
func (s *shelf) changes() (*edition, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
		if s.closed {
			close(s.next)
		}
	}
	return s.now, s.next
}

// close lets all who wait go.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil && !s.closed {
		close(s.next)
	}
	s.closed = true
}

// put takes the documents of a vendor. It fails, and all stays as it is, if they say
// nothing about rules.
func (s *shelf) put(vendor string, parts map[string]document) (changed bool, problems []error, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	all := maps.Clone(s.parts)
	s.mu.Unlock()
	if all == nil {
		all = map[string]map[string]document{}
	}
	all[vendor] = parts
	if !slices.ContainsFunc(slices.Collect(maps.Values(parts)), func(d document) bool { return d["rules"] != nil || d["wafConfig"] != nil }) {
		return false, nil, errors.New("answers with what has no rules: Metlo's open backend has none that block")
	}
	e, problems, err := publish(all)
	if err != nil {
		return false, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = all
	if s.now != nil && s.now.tag == e.tag {
		return false, nil, nil
	}
	s.now = e
	if s.next != nil && !s.closed {
		close(s.next)
		s.next = make(chan struct{})
	}
	return true, problems, nil
}

// publish makes an edition of all documents.
func publish(all map[string]map[string]document) (*edition, []error, error) {
	merged := document{}
	for _, vendor := range slices.Sorted(maps.Keys(all)) {
		for _, path := range slices.Sorted(maps.Keys(all[vendor])) {
			maps.Copy(merged, all[vendor][path])
		}
	}
	if merged["rules"] == nil {
		merged["rules"] = json.RawMessage("[]")
	}
	plain, err := json.Marshal(merged) // members by name, so that equal rules are equal bytes
	if err != nil {
		return nil, nil, errors.New("the rules are no JSON")
	}
	b := guardrules.NewBuilder()
	if err := b.Read(bytes.NewReader(plain)); err != nil {
		return nil, nil, fmt.Errorf("the rules: what was answered %w", err)
	}
	set, problems, err := b.Build()
	if err != nil {
		return nil, nil, fmt.Errorf("the rules: what was answered %w", err)
	}
	sum := sha256.Sum256(plain)
	e := &edition{
		tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, plain: plain,
		rules: set.Rules(), problems: len(problems),
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err == nil && w.Close() == nil && packed.Len() < len(plain) {
		e.packed = packed.Bytes()
	}
	return e, problems, nil
}

// saved is the form in the storage.
func (s *shelf) saved() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := json.Marshal(s.parts)
	if err != nil {
		return nil
	}
	return b
}

// load takes what was saved, of those vendors that are still asked.
func (s *shelf) load(saved []byte, vendors map[string]*vendor) error {
	var all map[string]map[string]document
	if json.Unmarshal(saved, &all) != nil {
		return errors.New("what is stored is no policy")
	}
	maps.DeleteFunc(all, func(name string, _ map[string]document) bool { return vendors[name] == nil })
	if len(all) == 0 {
		return nil
	}
	e, _, err := publish(all)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts, s.now = all, e
	return nil
}
