// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/inspect"
)

var textSeed = maphash.MakeSeed()

func hashText(s string) uint64 { return maphash.String(textSeed, s) }

// Who says what tells callers apart.
type Who uint8

// The kinds of callers.
const (
	Anonymous Who = iota
	ByConsumer
	ByUser
	ByCompany
)

// Caller is who called: the owner of the API key, else the user, else the company. What
// is masked is nobody, as it would be one for all who were masked.
func Caller(x *inspect.Summary) (string, Who) {
	switch {
	case x.ConsumerID != "" && !IsMask(x.ConsumerID):
		return x.ConsumerID, ByConsumer
	case x.UserID != "" && !IsMask(x.UserID):
		return x.UserID, ByUser
	case x.CompanyID != "" && !IsMask(x.CompanyID):
		return x.CompanyID, ByCompany
	}
	return "", Anonymous
}

// IsMask reports whether a value is the text of a mask.
func IsMask(s string) bool {
	return strings.HasPrefix(s, "[REDACTED") && strings.HasSuffix(s, "]") || len(s) >= 3 && strings.Trim(s, "*") == ""
}

// IsToken reports whether a value is a pseudonym: hmac, the id of the key, 22 characters.
func IsToken(s string) bool {
	rest, ok := strings.CutPrefix(s, "hmac:")
	_, sum, found := strings.Cut(rest, ":")
	return ok && found && len(sum) == 22
}

// Route is the route of an exchange, and whether it was made of the path.
func Route(x *inspect.Summary) (route string, guessed bool) {
	if x.Route != "" {
		return x.Route, false
	}
	return string(appendGuess(nil, x)), true
}

// appendGuess folds the ids of a path: /users/17/orders is /users/{id}/orders.
func appendGuess(b []byte, x *inspect.Summary) []byte {
	if x.Outgoing && x.Host != "" {
		b = append(b, cut(x.Host)...)
	}
	path := cut(x.Path)
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	for n := 0; path != ""; n++ {
		if path[0] != '/' {
			path = "/" + path
		}
		seg := path[1:]
		i := strings.IndexByte(seg, '/')
		if i >= 0 {
			seg = seg[:i]
		}
		path = path[1+len(seg):]
		b = append(b, '/')
		switch {
		case n == 12:
			return append(b, "…"...)
		case isID(seg):
			b = append(b, "{id}"...)
		default:
			b = append(b, seg...)
		}
	}
	if len(b) == 0 {
		b = append(b, '/')
	}
	return b
}

// isID reports whether a segment of a path is a value: digits, a UUID, a hash, something
// long or escaped, a mask or a token.
func isID(seg string) bool {
	if seg == "" {
		return false
	}
	digits, hex, letters := 0, 0, 0
	for i := range len(seg) {
		switch c := seg[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hex++
			letters++
		case 'g' <= c|0x20 && c|0x20 <= 'z':
			letters++
		case c == '-' || c == '_':
			hex++
		case c == '.':
		default:
			return true // @, %, :, [ and the like
		}
	}
	switch {
	case len(seg) <= 3 && (seg[0] == 'v' || seg[0] == 'V') && digits == len(seg)-1 && digits > 0:
		return false // a version
	case digits == len(seg), digits > 0 && letters == 0:
		return true
	case len(seg) >= 8 && hex == len(seg) && digits > 0:
		return true
	case digits >= 3 && digits*3 >= len(seg):
		return true
	}
	return len(seg) > 40 || digits >= 4
}

// distinct counts how many different things there were: up to 16 exactly, more with an
// error of about 7 % (HyperLogLog with 256 registers).
type distinct struct {
	few  []uint32
	many *[256]uint8
}

func (d *distinct) add(h uint64) {
	if d.many == nil {
		v := uint32(h >> 32)
		if slices.Contains(d.few, v) {
			return
		}
		if len(d.few) < 16 {
			d.few = append(d.few, v)
			return
		}
		d.many = new([256]uint8)
		for _, f := range d.few {
			d.set(mix(uint64(f), 1))
		}
		d.few = nil
	}
	d.set(mix(uint64(uint32(h>>32)), 1))
}

func (d *distinct) set(h uint64) {
	r := &d.many[h&255]
	*r = max(*r, uint8(bits.LeadingZeros64(h|1<<8)+1))
}

func (d *distinct) count() int {
	if d.many == nil {
		return len(d.few)
	}
	sum, zeros := 0.0, 0
	for _, r := range d.many {
		if r == 0 {
			zeros++
		}
		sum += 1 / float64(uint64(1)<<r)
	}
	const m = 256.0
	est := 0.7182725932495458 * m * m / sum
	if est <= 2.5*m && zeros > 0 {
		est = m * math.Log(m/float64(zeros))
	}
	return int(est + 0.5)
}
