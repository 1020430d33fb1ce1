// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/netip"
	"strconv"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

const redacted = "[REDACTED]"

// hasher computes HMAC-SHA256 under one key, again and again.
type hasher struct {
	key string
	mac hash.Hash
	in  []byte
	sum [sha256.Size]byte
}

// appendHMAC appends the lower-case hexadecimal HMAC of value as a JSON string.
// The key is used as it was received: it is text, neither hex nor base64.
func (h *hasher) appendHMAC(dst []byte, key, value string) []byte {
	if h.mac == nil || h.key != key {
		h.mac, h.key = hmac.New(sha256.New, []byte(key)), key
	}
	h.mac.Reset()
	h.in = append(h.in[:0], value...)
	_, _ = h.mac.Write(h.in) // a hash never fails
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, h.mac.Sum(h.sum[:0]))
	return append(dst, '"')
}

// appendRemoteAddr appends the caller as a JSON string, or null if there is no
// key, no address, or only the mask of one. A redaction token is hashed like an
// address, since equal addresses have equal tokens; a value that is a hash already
// is sent as it is.
func (s *scratch) appendRemoteAddr(dst []byte, ex *exchange.Exchange, key string) []byte {
	addr := ex.ClientAddress
	if addr == "" {
		addr = ex.PeerAddress
	}
	switch {
	case key == "" || addr == "" || wire.IsMask(addr):
		return append(dst, "null"...)
	case isDigest(addr):
		return wire.AppendString(dst, addr)
	case wire.IsToken(addr):
		return s.hash.appendHMAC(dst, key, addr)
	}
	return s.hash.appendHMAC(dst, key, normalizeIP(stripPort(addr)))
}

// isDigest reports whether s is what appendHMAC makes.
func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// stripPort takes the port off "[v6]:p" and "v4:p", and the brackets off "[v6]".
func stripPort(s string) string {
	if strings.HasPrefix(s, "[") {
		if end := strings.IndexByte(s, ']'); end > 0 {
			return s[1:end]
		}
	}
	if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		return s[:i]
	}
	return s
}

// normalizeIP gives all spellings of an address the one that Cerberus hashes:
// without zone, compressed, and an IPv4 address mapped into IPv6 in hexadecimal
// (the vendor's parity-fixtures/normalize_ip.yaml). What is no address stays.
func normalizeIP(s string) string {
	text, _, _ := strings.Cut(s, "%")
	addr, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return s
	}
	if !addr.Is4In6() {
		return addr.String()
	}
	b := addr.As16()
	hi, lo := uint64(b[12])<<8|uint64(b[13]), uint64(b[14])<<8|uint64(b[15])
	return "::ffff:" + strconv.FormatUint(hi, 16) + ":" + strconv.FormatUint(lo, 16)
}
