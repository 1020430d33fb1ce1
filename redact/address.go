// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/token"
)

// walkAddresses walks a client address, or a list of them as X-Forwarded-For and
// Forwarded (RFC 7239) have it. Under a client_ip rule every element that is not
// syntax is replaced, whether it is an address or not ("unknown", "_hidden").
func (s *Scratch) walkAddresses(src []byte, c ctx) {
	switch c.v.act {
	case actNone, actAllow:
		s.inspect(src, c)
		return
	case actDrop:
		s.removed = true
	}
	if c.v.act.whole() || c.v.act == actMiss || c.cut {
		rep, _ := s.leaf(c, src, kindString)
		s.replace(0, len(src), rep)
		return
	}
	i := 0
	for i < len(src) {
		for i < len(src) && (jsonSpace[src[i]] || src[i] == ',' || src[i] == ';') {
			i++
		}
		start := i
		quoted := false
		for i < len(src) && (quoted || src[i] != ',' && src[i] != ';') {
			if src[i] == '"' {
				quoted = !quoted
			}
			i++
		}
		s.address(src, start, i, c)
	}
}

// address replaces one element: an address or a Forwarded pair.
func (s *Scratch) address(src []byte, a, b int, c ctx) {
	for b > a && jsonSpace[src[b-1]] {
		b--
	}
	for i := a; i < b; i++ {
		if src[i] != '=' {
			continue
		}
		if name := src[a:i]; hasFold(name, "proto") || hasFold(name, "host") {
			if len(name) <= 5 {
				s.hostUser(src, i+1, b, c)
				return
			}
		}
		a = i + 1
		break
	}
	for b-a >= 2 && src[a] == '"' && src[b-1] == '"' {
		a, b = a+1, b-1
	}
	if a >= b {
		return
	}
	if _, ok := token.ParseIP(src[a:b]); !ok && c.v.act == actTruncate {
		c.v.act = actMask
	}
	if rep, ef := s.leaf(c, src[a:b], kindString); ef != Unchanged {
		s.replace(a, b, rep)
	}
}

// hostUser takes user information in front of a host.
func (s *Scratch) hostUser(src []byte, a, b int, c ctx) {
	for a < b && src[a] == '"' {
		a++
	}
	if i := bytes.LastIndexByte(src[a:b], '@'); i > 0 {
		c.v.act = actMask
		if rep, ef := s.leaf(c, src[a:a+i], kindString); ef != Unchanged {
			s.replace(a, a+i, rep)
		}
	}
}
