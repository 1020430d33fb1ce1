// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Messages that derive other secrets from a key. None contains a NUL and each
// token message does, so they cannot meet.
const (
	labelKid     = "kid"
	labelEncrypt = "apispan encrypt aes-256-gcm"
	labelEpoch   = "apispan rotate "
)

// maxSealed bounds the values encrypted under one key with random nonces (NIST SP
// 800-38D section 8.3).
const maxSealed = 1 << 32

// secret is a usable key. It is immutable but for the counter.
type secret struct {
	kid    string
	key    []byte
	aead   cipher.AEAD
	sealed atomic.Uint64
}

func newSecret(kid string, key []byte) (*secret, error) {
	if kid == "" {
		kid = base32.StdEncoding.EncodeToString(sum(key, labelKid))[:5]
	}
	block, err := aes.NewCipher(sum(key, labelEncrypt))
	if err != nil {
		return nil, fmt.Errorf("token: key %q: cannot set up encryption: %w", kid, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("token: key %q: cannot set up encryption: %w", kid, err)
	}
	return &secret{kid: kid, key: key, aead: aead}, nil
}

func sum(key []byte, msg string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(msg))
	return h.Sum(nil)
}

// epoch derives the secret of one rotation period.
func (s *secret) epoch(n int64) (*secret, error) {
	p := strconv.FormatInt(n, 10)
	key, err := hkdf.Key(sha256.New, s.key, nil, labelEpoch+p, MinKeyBytes)
	if err != nil {
		return nil, fmt.Errorf("token: key %q: cannot derive: %w", s.kid, err)
	}
	return newSecret(s.kid+"-"+p, key)
}

// snapshot is one state of a Keyring.
type snapshot struct {
	secrets []*secret // by position in Config.Keys; nil = not loaded
	reasons []string  // why not
	base    *secret   // active, before rotation
	active  *secret   // makes new tokens; nil = none
	until   int64     // Unix seconds at which active is out of date; 0 = never
}

// Keyring holds the keys of a policy. It is safe for concurrent use.
type Keyring struct {
	cfg Config
	now func() time.Time
	mu  sync.Mutex // serialises changes of cur
	cur atomic.Pointer[snapshot]
	// source gives the keys with a Source; nil gives none. Guarded by mu.
	source func(name string) []byte
}

// New reads the keys. A key that is there but unusable (short, two with one id)
// is an error. A file or variable that is not there is not: the Keyring starts
// without that key, Status says so, and nothing is tokenised under it until
// Reload finds it.
func New(cfg Config) (*Keyring, error) { return newKeyring(cfg, time.Now) }

func newKeyring(cfg Config, now func() time.Time) (*Keyring, error) {
	if len(cfg.Keys) == 0 {
		return nil, errors.New("token: no keys: add one to hmac.keys")
	}
	if r := cfg.Rotate; r != 0 && (r < time.Hour || r%time.Second != 0) {
		return nil, fmt.Errorf("token: rotate %s: use whole seconds, at least 1h", r)
	}
	for i, k := range cfg.Keys {
		if err := k.validate(i); err != nil {
			return nil, err
		}
	}
	r := &Keyring{cfg: cfg, now: now}
	s, err := r.load(&snapshot{secrets: make([]*secret, len(cfg.Keys))})
	if err != nil && !onlyMissing(err) {
		return nil, err
	}
	r.cur.Store(s)
	return r, nil
}

// onlyMissing reports whether every part of err is a missing source.
func onlyMissing(err error) bool {
	var j interface{ Unwrap() []error }
	if !errors.As(err, &j) {
		return errors.Is(err, errMissing)
	}
	for _, e := range j.Unwrap() {
		if !errors.Is(e, errMissing) {
			return false
		}
	}
	return true
}

// load reads all keys; those that cannot be had keep their state in old.
func (r *Keyring) load(old *snapshot) (*snapshot, error) {
	s := &snapshot{secrets: make([]*secret, len(r.cfg.Keys)), reasons: make([]string, len(r.cfg.Keys))}
	var errs []error
	for i, k := range r.cfg.Keys {
		b, err := k.read(i, r.source)
		if err == nil && old.secrets[i] != nil && bytes.Equal(old.secrets[i].key, b) {
			s.secrets[i] = old.secrets[i] // keeps the counter
			continue
		}
		if err == nil {
			s.secrets[i], err = newSecret(k.ID, b)
		}
		if err != nil {
			errs = append(errs, err)
			s.secrets[i], s.reasons[i] = old.secrets[i], err.Error()
		}
	}
	seen := map[string]int{}
	complete := true
	for i, sec := range s.secrets {
		if sec == nil {
			complete = complete && r.cfg.Keys[i].ID != ""
			continue
		}
		if j, dup := seen[sec.kid]; dup {
			return nil, fmt.Errorf("token: keys[%d] and keys[%d] have the same id %q", j, i, sec.kid)
		}
		seen[sec.kid] = i
	}
	if r.cfg.Active == "" {
		s.base = s.secrets[0]
	} else if i, ok := seen[r.cfg.Active]; ok {
		s.base = s.secrets[i]
	} else if complete && !r.configured(r.cfg.Active) {
		return nil, fmt.Errorf("token: active key %q is not among the keys: correct hmac.active", r.cfg.Active)
	}
	return s, errors.Join(append(errs, r.rotate(s))...)
}

func (r *Keyring) configured(id string) bool {
	for _, k := range r.cfg.Keys {
		if k.ID == id {
			return true
		}
	}
	return false
}

// rotate sets the secret of the present period.
func (r *Keyring) rotate(s *snapshot) error {
	s.active = s.base
	if s.base == nil || r.cfg.Rotate == 0 {
		return nil
	}
	period := int64(r.cfg.Rotate / time.Second)
	n := r.now().Unix() / period
	active, err := s.base.epoch(n)
	s.active, s.until = active, (n+1)*period
	return err
}

// snapshot returns the present state, rotated if it is time.
func (r *Keyring) snapshot() *snapshot {
	s := r.cur.Load()
	if s.until == 0 || r.now().Unix() < s.until {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s = r.cur.Load(); r.now().Unix() < s.until {
		return s
	}
	next := &snapshot{secrets: s.secrets, reasons: s.reasons, base: s.base}
	_ = r.rotate(next) // on error there is no active key: values are masked
	r.cur.Store(next)
	return next
}

// SetSource sets what is asked, by Reload, for the keys with a Source. It returns
// nil while there is no key; what it returns is not changed and not kept.
func (r *Keyring) SetSource(source func(name string) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source = source
}

// Reload reads files and variables again. A key that has vanished or become
// unusable keeps its last good state, so that a file which is being replaced
// does no harm, and is reported in the error.
func (r *Keyring) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.load(r.cur.Load())
	if s != nil {
		r.cur.Store(s)
	}
	return err
}

// Ready reports whether the active key is loaded.
func (r *Keyring) Ready() bool { return r != nil && r.snapshot().active != nil }

// KeyStatus describes one key without its secret.
type KeyStatus struct {
	ID     string // empty while a derived id is not known
	Source string // `file "NAME"`, `environment variable "NAME"` or `value`
	Active bool
	Loaded bool
	Reason string // why the last read failed; empty = it did not
}

// Status lists the keys in configuration order.
func (r *Keyring) Status() []KeyStatus {
	s := r.snapshot()
	out := make([]KeyStatus, len(r.cfg.Keys))
	for i, k := range r.cfg.Keys {
		out[i] = KeyStatus{ID: k.ID, Source: k.source(), Reason: s.reasons[i]}
		if sec := s.secrets[i]; sec != nil {
			out[i].ID, out[i].Loaded, out[i].Active = sec.kid, true, sec == s.base
		}
	}
	return out
}

// find returns the secret with an id, active or retired, of any rotation period.
func (r *Keyring) find(kid string) (*secret, error) {
	s := r.snapshot()
	if kid == "" || s.active != nil && s.active.kid == kid {
		if s.active == nil {
			return nil, errors.New("token: the active key is not loaded")
		}
		return s.active, nil
	}
	for _, sec := range s.secrets {
		if sec != nil && sec.kid == kid {
			return sec, nil
		}
	}
	if id, period, ok := cutLast(kid, '-'); ok && r.cfg.Rotate != 0 {
		if n, err := strconv.ParseInt(period, 10, 64); err == nil && n >= 0 {
			for _, sec := range s.secrets {
				if sec != nil && sec.kid == id {
					return sec.epoch(n)
				}
			}
		}
	}
	if !validID(kid) {
		return nil, errors.New("token: that is not a key id")
	}
	return nil, fmt.Errorf("token: no key %q is loaded: add it to hmac.keys", kid)
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
