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
	if !isAddress(addr) { // "unknown", a host, a socket's path: one hash for all of the kind
		return append(dst, "null"...)
	}
	return s.hash.appendHMAC(dst, key, normalizeIP(stripPort(addr)))
}

// isAddress reports whether s is an IP address, with or without a port.
func isAddress(s string) bool {
	text, _, _ := strings.Cut(stripPort(strings.TrimSpace(s)), "%")
	_, err := netip.ParseAddr(text)
	return err == nil
}

// addressFields are header fields that say who called.
var addressFields = map[string]bool{
	"cf-connecting-ip": true, "cf-connecting-ipv6": true, "cf-pseudo-ipv4": true, "client-ip": true, "do-connecting-ip": true,
	"fastly-client-ip": true, "fly-client-ip": true, "forwarded": true, "forwarded-for": true, "remote-addr": true,
	"true-client-ip": true, "x-appengine-user-ip": true, "x-azure-clientip": true, "x-azure-socketip": true, "x-client-ip": true,
	"x-cluster-client-ip": true, "x-envoy-external-address": true, "x-forwarded": true, "x-forwarded-for": true,
	"x-nf-client-connection-ip": true, "x-original-forwarded-for": true, "x-originating-ip": true, "x-real-ip": true,
	"x-remote-addr": true, "x-remote-ip": true, "x-vercel-forwarded-for": true,
}

// appendAddresses appends a header field as a JSON string if it holds addresses: by its
// name, or because it is a list of nothing else. Each is hashed like remote_addr; without
// a key, and what is none, is masked.
func (s *scratch) appendAddresses(dst []byte, fields []exchange.Header, key string) (out []byte, ok bool) {
	named := addressFields[fields[0].Name]
	if fields[0].Name == "host" { // the server's
		return dst, false
	}
	start := len(dst)
	dst = append(dst, '"')
	n := 0
	for i := range fields {
		for _, value := range fields[i].Values {
			for one := range strings.SplitSeq(value, ",") {
				one = strings.TrimSpace(one)
				if one == "" && !named {
					return dst[:start], false
				}
				if n > 0 {
					dst = append(dst, ", "...)
				}
				n++
				switch {
				case isAddress(one) && strings.ContainsAny(one, ".:"):
					if key == "" {
						dst = append(dst, redacted...)
						continue
					}
					at := len(dst)
					dst = s.hash.appendHMAC(dst, key, normalizeIP(stripPort(one)))
					copy(dst[at:], dst[at+1:len(dst)-1]) // without quotation marks
					dst = dst[:len(dst)-2]
				case !named:
					return dst[:start], false
				case wire.IsToken(one), isDigest(one):
					dst = wire.AppendEscaped(dst, one)
				default:
					dst = append(dst, redacted...)
				}
			}
		}
	}
	if n == 0 {
		return dst[:start], false
	}
	return append(dst, '"'), true
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
