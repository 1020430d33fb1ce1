// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"net/netip"
)

// ParseIP reads a client address as it stands in attributes, logs and headers:
// with blanks, quotes, port, brackets or zone around it, or as IPv4-mapped IPv6.
// The result is unmapped and has no zone, so that equal hosts are equal. ok is
// false for everything else, host names too.
func ParseIP(text []byte) (a netip.Addr, ok bool) {
	text = bytes.Trim(text, " \t\r\n\"'")
	if len(text) == 0 || len(text) > 128 {
		return netip.Addr{}, false
	}
	if text[0] == '[' {
		i := bytes.IndexByte(text, ']')
		if i < 0 || i+1 < len(text) && !isPort(text[i+1:]) {
			return netip.Addr{}, false
		}
		text = text[1:i]
	} else if i := bytes.IndexByte(text, ':'); i >= 0 && bytes.IndexByte(text[i+1:], ':') < 0 {
		if !isPort(text[i:]) {
			return netip.Addr{}, false
		}
		text = text[:i]
	}
	if a, ok = parseV4(text); ok {
		return a, true
	}
	if i := bytes.IndexByte(text, '%'); i >= 0 {
		text = text[:i]
	}
	a, err := netip.ParseAddr(string(text))
	return a.Unmap(), err == nil
}

// isPort reports whether b is a colon with up to five digits.
func isPort(b []byte) bool {
	if b[0] != ':' || len(b) > 6 {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// parseV4 is netip.ParseAddr for the common case, without its string.
func parseV4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	part, digits, v := 0, 0, 0
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			if digits > 0 && v == 0 {
				return netip.Addr{}, false // leading zero: octal to some
			}
			digits++
			if v = v*10 + int(c-'0'); v > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && digits > 0 && part < 3:
			out[part] = byte(v)
			part, digits, v = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	out[3] = byte(v)
	return netip.AddrFrom4(out), true
}

// AppendIP appends the canonical text of an address, the one that tokens are made
// of.
func AppendIP(dst []byte, a netip.Addr) []byte { return a.Unmap().WithZone("").AppendTo(dst) }

// AppendTruncated appends the address with all but its first v4 (IPv4) or v6
// (IPv6) bits set to zero. A number of bits out of range keeps none.
func AppendTruncated(dst []byte, a netip.Addr, v4, v6 int) []byte {
	a = a.Unmap().WithZone("")
	bits := v6
	if a.Is4() {
		bits = v4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		p, _ = a.Prefix(0)
	}
	return p.Addr().AppendTo(dst)
}
