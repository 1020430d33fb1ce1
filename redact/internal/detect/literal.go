// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "encoding/binary"

// literal is a credential that is known by a fixed prefix and followed by at
// least min bytes of class. Prefixes are those that the vendors document.
type literal struct {
	det    uint8
	prefix string
	class  uint16
	min    int
	// exact: min bytes and no more, and nothing of class after them; also not
	// inside a long run of base64, where short prefixes turn up by chance.
	exact bool
}

var literals = []literal{
	{detAWSKey, "AKIA", chBase32, 16, true}, {detAWSKey, "ASIA", chBase32, 16, true},
	{detAWSKey, "AROA", chBase32, 16, true}, {detAWSKey, "AIDA", chBase32, 16, true},
	{detAWSKey, "AGPA", chBase32, 16, true}, {detAWSKey, "AIPA", chBase32, 16, true},
	{detAWSKey, "ANPA", chBase32, 16, true}, {detAWSKey, "ANVA", chBase32, 16, true},
	{detAWSKey, "ABIA", chBase32, 16, true}, {detAWSKey, "ACCA", chBase32, 16, true},
	{detAWSKey, "IQoJb3JpZ2lu", chAlnum | chB64, 60, false}, {detAWSKey, "FwoGZXIvYXdz", chAlnum | chB64, 60, false},

	{detGitHub, "ghp_", chAlnum, 16, false}, {detGitHub, "gho_", chAlnum, 16, false},
	{detGitHub, "ghu_", chAlnum, 16, false}, {detGitHub, "ghs_", chAlnum, 16, false},
	{detGitHub, "ghr_", chAlnum, 16, false}, {detGitHub, "github_pat_", chWord, 16, false},

	{detGitLab, "glpat-", chB64URL | chDot, 16, false}, {detGitLab, "gldt-", chB64URL, 16, false},
	{detGitLab, "glrt-", chB64URL, 16, false}, {detGitLab, "glcbt-", chB64URL, 16, false},
	{detGitLab, "glptt-", chB64URL, 16, false}, {detGitLab, "glft-", chB64URL, 16, false},
	{detGitLab, "glimt-", chB64URL, 16, false}, {detGitLab, "glagent-", chB64URL, 16, false},
	{detGitLab, "gloas-", chB64URL, 16, false}, {detGitLab, "glsoat-", chB64URL, 16, false},
	{detGitLab, "glffct-", chB64URL, 16, false},

	{detSlack, "xoxb-", chAlnum | chDash, 10, false}, {detSlack, "xoxp-", chAlnum | chDash, 10, false},
	{detSlack, "xoxa-", chAlnum | chDash, 10, false}, {detSlack, "xoxr-", chAlnum | chDash, 10, false},
	{detSlack, "xoxs-", chAlnum | chDash, 10, false}, {detSlack, "xoxo-", chAlnum | chDash, 10, false},
	{detSlack, "xoxc-", chAlnum | chDash, 10, false}, {detSlack, "xoxd-", chB64URL | chB64, 10, false},
	{detSlack, "xoxe-", chAlnum | chDash, 10, false}, {detSlack, "xoxe.xox", chAlnum | chDash, 10, false},
	{detSlack, "xapp-", chAlnum | chDash, 10, false},
	{detSlack, "hooks.slack.com/services/", chAlnum | chSlash, 16, false},
	{detSlack, "hooks.slack.com/workflows/", chAlnum | chSlash, 16, false},

	{detStripe, "sk_live_", chWord, 10, false}, {detStripe, "sk_test_", chWord, 10, false},
	{detStripe, "rk_live_", chWord, 10, false}, {detStripe, "rk_test_", chWord, 10, false},
	{detStripe, "whsec_", chAlnum | chB64, 10, false},

	{detGoogle, "AIza", chB64URL, 32, false}, {detGoogle, "ya29.", chB64URL | chDot, 16, false},
	{detGoogle, "GOCSPX-", chB64URL, 16, false},

	{detVendor, "npm_", chAlnum, 30, false}, {detVendor, "pypi-AgE", chB64URL, 20, false},
	{detVendor, "SG.", chB64URL | chDot, 40, false}, {detVendor, "hf_", chAlnum, 30, false},
	{detVendor, "sk-ant-", chB64URL, 16, false}, {detVendor, "sk-proj-", chB64URL, 16, false},
	{detVendor, "sk-svcacct-", chB64URL, 16, false}, {detVendor, "sk-or-", chB64URL, 16, false},
	{detVendor, "sk-", chAlnum, 40, false}, {detVendor, "dop_v1_", chHex, 32, false},
	{detVendor, "shpat_", chAlnum, 20, false}, {detVendor, "shpss_", chAlnum, 20, false},
	{detVendor, "shpca_", chAlnum, 20, false}, {detVendor, "shppa_", chAlnum, 20, false},
	{detVendor, "lin_api_", chAlnum, 20, false}, {detVendor, "sq0atp-", chB64URL, 16, false},
	{detVendor, "sq0csp-", chB64URL, 16, false}, {detVendor, "xkeysib-", chAlnum | chDash, 30, false},
	{detVendor, "hvs.", chB64URL, 20, false}, {detVendor, "hvb.", chB64URL, 20, false},
	{detVendor, "AGE-SECRET-KEY-1", chUpper | chDigit, 20, false}, {detVendor, "tskey-", chAlnum | chDash, 16, false},
	{detVendor, "PMAK-", chAlnum | chDash, 30, false}, {detVendor, "glsa_", chWord, 20, false},
	{detVendor, "dckr_pat_", chB64URL, 20, false}, {detVendor, "rubygems_", chHex, 40, false},
	{detVendor, "ATATT3", chB64URL | chB64, 40, false}, {detVendor, "dp.pt.", chAlnum, 30, false},
	{detVendor, "pul-", chHex, 40, false}, {detVendor, "nvapi-", chB64URL, 40, false},
	{detVendor, "gsk_", chAlnum, 40, false}, {detVendor, "xai-", chAlnum, 40, false},
	{detVendor, "pplx-", chAlnum, 40, false}, {detVendor, "figd_", chB64URL, 30, false},
	{detVendor, "ntn_", chAlnum, 40, false}, {detVendor, "sntrys_", chB64URL | chB64, 30, false},
	{detVendor, "sntryu_", chHex, 40, false}, {detVendor, "lsv2_pt_", chWord, 30, false},
	{detVendor, "rzp_live_", chAlnum, 12, false}, {detVendor, "AccountKey=", chAlnum | chB64, 40, false},
	{detVendor, "SharedAccessKey=", chAlnum | chB64, 30, false},
	{detVendor, "discord.com/api/webhooks/", chB64URL | chSlash, 30, false},
}

// litGroup has the literals that may start off bytes before a pair.
type litGroup struct {
	off  int
	head uint64    // the first bytes as far as all have the same ones
	mask uint64    // of head
	has  [3]uint64 // bytes that they have at offsets 2, 3 and 4, modulo 64
	lits []litHead
}

// litHead is the index of a literal and the first bytes of its prefix.
type litHead struct {
	head, mask uint64
	lit        uint8
	alone      bool // none of the group begins the same way or goes on
}

func (g *litGroup) add(lit uint8) {
	l := &literals[lit]
	h := litHead{lit: lit}
	for k := range min(8, len(l.prefix)) {
		h.head |= uint64(l.prefix[k]) << (8 * k)
		h.mask |= 0xFF << (8 * k)
	}
	for k := range g.has {
		if len(l.prefix) > k+2 {
			g.has[k] |= 1 << (l.prefix[k+2] & 63)
		} else {
			g.has[k] = 1<<64 - 1
		}
	}
	if len(g.lits) == 0 {
		g.head, g.mask = h.head, h.mask
	}
	for k := range 8 {
		if b := uint64(0xFF) << (8 * k); h.mask&b == 0 || (g.head^h.head)&b != 0 {
			g.mask &^= b
		}
	}
	g.head &= g.mask
	h.alone = true
	for k := range g.lits {
		o := &g.lits[k]
		if (o.head^h.head)&o.mask&h.mask == 0 {
			o.alone, h.alone = false, false
		}
	}
	g.lits = append(g.lits, h)
}

// tryLiterals adds the literals of g that start at p, which is not negative.
func (f *finder) tryLiterals(g *litGroup, p int) {
	src := f.src
	if p+8 > len(src) {
		for k := range g.lits {
			f.add(f.literal(&literals[g.lits[k].lit], p))
		}
		return
	}
	x := binary.LittleEndian.Uint64(src[p:])
	if g.has[0]>>(x>>16&63)&(g.has[1]>>(x>>24&63))&(g.has[2]>>(x>>32&63))&1 == 0 {
		return
	}
	for k := range g.lits {
		if h := &g.lits[k]; x&h.mask == h.head {
			f.add(f.literal(&literals[h.lit], p))
			if h.alone {
				return
			}
		}
	}
}

// commonness ranks bytes by how often text has them, per mille.
func commonness(c byte) int {
	const letters = "etaoinshrdlcumwfgypbvkjxqz"
	for i := range len(letters) {
		if letters[i] == c {
			return 120 / (i/2 + 1)
		}
	}
	switch {
	case c == '.' || c == '/':
		return 15
	case '0' <= c && c <= '9':
		return 1000 // a run of digits is passed as a whole, and with it a pair that begins there
	}
	return 3
}

// anchor is the offset of the three bytes of the prefix that text has least.
func (l *literal) anchor() int {
	best, at := 1<<30, 0
	for k := 0; k+2 < len(l.prefix); k++ {
		a, b, c := commonness(l.prefix[k]), commonness(l.prefix[k+1]), commonness(l.prefix[k+2])
		if n := a*b + b*c; n < best {
			best, at = n, k
		}
	}
	return at
}

// literal tries l with its prefix at p. The work is bounded by min unless it
// matches.
func (f *finder) literal(l *literal, p int) span {
	src := f.src
	b := p + len(l.prefix)
	if b > len(src) || string(src[p:b]) != l.prefix {
		return none
	}
	last := b + l.min - 1
	if last >= len(src) {
		if !f.cut {
			return none
		}
		if e := run(src, b, l.class); e == len(src) && e > b {
			return span{p, e, l.det}
		}
		return none
	}
	if b <= f.litEnd && l.class&^f.litClass == 0 && !l.exact {
		return none // inside one that ends where this one would
	}
	if chars[src[last]]&l.class == 0 || l.exact && f.inBase64(p, b) {
		return none
	}
	for _, c := range src[b:last] {
		if chars[c]&l.class == 0 {
			return none
		}
	}
	e := last + 1
	if !l.exact {
		e = run(src, e, l.class)
		f.litEnd, f.litClass = e, l.class
	} else if e < len(src) && is(src[e], chUpper|chDigit) {
		return none
	}
	return span{p, e, l.det}
}

// inBase64 reports whether p is in the middle of base64: the eight bytes before it
// are letters and digits. "=", "/" and "+" are in front of keys too. Bytes up to end
// are known to be of that kind.
func (f *finder) inBase64(p, end int) bool {
	if p < 8 {
		return false
	}
	if p > f.blobEnd {
		for _, c := range f.src[p-8 : p] {
			if !is(c, chAlnum) {
				return false
			}
		}
	}
	f.blobEnd = end
	return true
}
