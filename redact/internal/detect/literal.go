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
	// word: nothing of a word stands before it. mixed: what follows has a digit, a
	// capital and a small letter, as names of variables rarely have.
	word, mixed bool
	// before: at least so many letters and digits stand before it, and belong to it.
	before int
	// dot: a dot stands so many bytes behind the prefix, if not 0.
	dot int
	// userinfo: the prefix stays, and an @ ends what follows it.
	userinfo bool
}

var literals = []literal{
	{det: detAWSKey, prefix: "AKIA", class: chUpper | chDigit, min: 16, exact: true}, {det: detAWSKey, prefix: "ASIA", class: chUpper | chDigit, min: 16, exact: true},
	{det: detAWSKey, prefix: "AROA", class: chUpper | chDigit, min: 16, exact: true}, {det: detAWSKey, prefix: "AIDA", class: chUpper | chDigit, min: 16, exact: true},
	{det: detAWSKey, prefix: "AGPA", class: chUpper | chDigit, min: 16, exact: true}, {det: detAWSKey, prefix: "AIPA", class: chUpper | chDigit, min: 16, exact: true},
	{det: detAWSKey, prefix: "ANPA", class: chUpper | chDigit, min: 16, exact: true}, {det: detAWSKey, prefix: "ANVA", class: chUpper | chDigit, min: 16, exact: true},
	{det: detAWSKey, prefix: "ABIA", class: chUpper | chDigit, min: 16, exact: true}, {det: detAWSKey, prefix: "ACCA", class: chUpper | chDigit, min: 16, exact: true},
	{det: detAWSKey, prefix: "IQoJb3JpZ2lu", class: chAlnum | chB64, min: 60}, {det: detAWSKey, prefix: "FwoGZXIvYXdz", class: chAlnum | chB64, min: 60},

	{det: detGitHub, prefix: "ghp_", class: chAlnum, min: 16}, {det: detGitHub, prefix: "gho_", class: chAlnum, min: 16},
	{det: detGitHub, prefix: "ghu_", class: chAlnum, min: 16}, {det: detGitHub, prefix: "ghs_", class: chAlnum, min: 16},
	{det: detGitHub, prefix: "ghr_", class: chAlnum, min: 16}, {det: detGitHub, prefix: "github_pat_", class: chWord, min: 16},

	{det: detGitLab, prefix: "glpat-", class: chB64URL | chDot, min: 16}, {det: detGitLab, prefix: "gldt-", class: chB64URL, min: 16},
	{det: detGitLab, prefix: "glrt-", class: chB64URL, min: 16}, {det: detGitLab, prefix: "glcbt-", class: chB64URL, min: 16},
	{det: detGitLab, prefix: "glptt-", class: chB64URL, min: 16}, {det: detGitLab, prefix: "glft-", class: chB64URL, min: 16},
	{det: detGitLab, prefix: "glimt-", class: chB64URL, min: 16}, {det: detGitLab, prefix: "glagent-", class: chB64URL, min: 16},
	{det: detGitLab, prefix: "gloas-", class: chB64URL, min: 16}, {det: detGitLab, prefix: "glsoat-", class: chB64URL, min: 16},
	{det: detGitLab, prefix: "glffct-", class: chB64URL, min: 16},

	{det: detSlack, prefix: "xoxb-", class: chAlnum | chDash, min: 10}, {det: detSlack, prefix: "xoxp-", class: chAlnum | chDash, min: 10},
	{det: detSlack, prefix: "xoxa-", class: chAlnum | chDash, min: 10}, {det: detSlack, prefix: "xoxr-", class: chAlnum | chDash, min: 10},
	{det: detSlack, prefix: "xoxs-", class: chAlnum | chDash, min: 10}, {det: detSlack, prefix: "xoxo-", class: chAlnum | chDash, min: 10},
	{det: detSlack, prefix: "xoxc-", class: chAlnum | chDash, min: 10}, {det: detSlack, prefix: "xoxd-", class: chB64URL | chB64, min: 10},
	{det: detSlack, prefix: "xoxe-", class: chAlnum | chDash, min: 10}, {det: detSlack, prefix: "xoxe.xox", class: chAlnum | chDash, min: 10},
	{det: detSlack, prefix: "xapp-", class: chAlnum | chDash, min: 10},
	{det: detSlack, prefix: "hooks.slack.com/services/", class: chAlnum | chSlash, min: 16},
	{det: detSlack, prefix: "hooks.slack.com/workflows/", class: chAlnum | chSlash, min: 16},

	{det: detStripe, prefix: "sk_live_", class: chWord, min: 10}, {det: detStripe, prefix: "sk_test_", class: chWord, min: 10},
	{det: detStripe, prefix: "rk_live_", class: chWord, min: 10}, {det: detStripe, prefix: "rk_test_", class: chWord, min: 10},
	{det: detStripe, prefix: "whsec_", class: chAlnum | chB64, min: 10},

	{det: detGoogle, prefix: "AIza", class: chB64URL, min: 32}, {det: detGoogle, prefix: "ya29.", class: chB64URL | chDot, min: 16},
	{det: detGoogle, prefix: "GOCSPX-", class: chB64URL, min: 16},

	{det: detVendor, prefix: "npm_", class: chAlnum, min: 30}, {det: detVendor, prefix: "pypi-AgE", class: chB64URL, min: 20},
	{det: detVendor, prefix: "SG.", class: chB64URL | chDot, min: 40}, {det: detVendor, prefix: "hf_", class: chAlnum, min: 30},
	{det: detVendor, prefix: "sk-ant-", class: chB64URL, min: 16}, {det: detVendor, prefix: "sk-proj-", class: chB64URL, min: 16},
	{det: detVendor, prefix: "sk-svcacct-", class: chB64URL, min: 16}, {det: detVendor, prefix: "sk-or-", class: chB64URL, min: 16},
	{det: detVendor, prefix: "sk-", class: chAlnum, min: 32}, {det: detVendor, prefix: "dop_v1_", class: chHex, min: 32},
	{det: detVendor, prefix: "shpat_", class: chAlnum, min: 20}, {det: detVendor, prefix: "shpss_", class: chAlnum, min: 20},
	{det: detVendor, prefix: "shpca_", class: chAlnum, min: 20}, {det: detVendor, prefix: "shppa_", class: chAlnum, min: 20},
	{det: detVendor, prefix: "lin_api_", class: chAlnum, min: 20}, {det: detVendor, prefix: "sq0atp-", class: chB64URL, min: 16},
	{det: detVendor, prefix: "sq0csp-", class: chB64URL, min: 16}, {det: detVendor, prefix: "xkeysib-", class: chAlnum | chDash, min: 30},
	{det: detVendor, prefix: "hvs.", class: chB64URL, min: 20}, {det: detVendor, prefix: "hvb.", class: chB64URL, min: 20},
	{det: detVendor, prefix: "AGE-SECRET-KEY-1", class: chUpper | chDigit, min: 20}, {det: detVendor, prefix: "tskey-", class: chAlnum | chDash, min: 16},
	{det: detVendor, prefix: "PMAK-", class: chAlnum | chDash, min: 30}, {det: detVendor, prefix: "glsa_", class: chWord, min: 20},
	{det: detVendor, prefix: "dckr_pat_", class: chB64URL, min: 20}, {det: detVendor, prefix: "rubygems_", class: chHex, min: 40},
	{det: detVendor, prefix: "ATATT3", class: chB64URL | chB64, min: 40}, {det: detVendor, prefix: "dp.pt.", class: chAlnum, min: 30},
	{det: detVendor, prefix: "pul-", class: chHex, min: 40}, {det: detVendor, prefix: "nvapi-", class: chB64URL, min: 40},
	{det: detVendor, prefix: "gsk_", class: chAlnum, min: 40}, {det: detVendor, prefix: "xai-", class: chAlnum, min: 40},
	{det: detVendor, prefix: "pplx-", class: chAlnum, min: 40}, {det: detVendor, prefix: "figd_", class: chB64URL, min: 30},
	{det: detVendor, prefix: "ntn_", class: chAlnum, min: 40}, {det: detVendor, prefix: "sntrys_", class: chB64URL | chB64, min: 30},
	{det: detVendor, prefix: "sntryu_", class: chHex, min: 40}, {det: detVendor, prefix: "lsv2_pt_", class: chWord, min: 30},
	{det: detVendor, prefix: "rzp_live_", class: chAlnum, min: 12}, {det: detVendor, prefix: "AccountKey=", class: chAlnum | chB64, min: 40},
	{det: detVendor, prefix: "SharedAccessKey=", class: chAlnum | chB64, min: 30},
	{det: detVendor, prefix: "discord.com/api/webhooks/", class: chB64URL | chSlash, min: 30},

	{det: detGitLab, prefix: "GR1348941", class: chB64URL, min: 16, word: true},
	{det: detGoogle, prefix: "//0", class: chB64URL, min: 30, before: 1},
	{det: detVendor, prefix: "sbp_", class: chHex, min: 40}, {det: detVendor, prefix: "sb_secret_", class: chB64URL, min: 20},
	{det: detVendor, prefix: "r8_", class: chAlnum, min: 30, word: true},
	{det: detVendor, prefix: "dt0c01.", class: chUpper | chDigit | chDot, min: 24},

	{det: detVendor, prefix: "dapi", class: chHex | chDash, min: 32, word: true},
	{det: detVendor, prefix: "pscale_", class: chB64URL | chDot, min: 30},
	{det: detVendor, prefix: "NRAK-", class: chAlnum, min: 20}, {det: detVendor, prefix: "NRJS-", class: chAlnum, min: 16},

	{det: detVendor, prefix: "EAAA", class: chB64URL, min: 56, word: true, mixed: true},

	{det: detVendor, prefix: "key-", class: chHex, min: 32, exact: true, word: true},
	{det: detVendor, prefix: "pat-na1-", class: chHex | chDash, min: 32}, {det: detVendor, prefix: "pat-na2-", class: chHex | chDash, min: 32},
	{det: detVendor, prefix: "pat-eu1-", class: chHex | chDash, min: 32},
	{det: detVendor, prefix: ":AA", class: chB64URL, min: 32, before: 8},
	{det: detVendor, prefix: ".atlasv1.", class: chB64URL, min: 50, before: 10},
	{det: detVendor, prefix: "AKCp", class: chAlnum, min: 50, word: true},
	{det: detVendor, prefix: "SSWS ", class: chB64URL, min: 30, word: true},

	{det: detVendor, prefix: "re_", class: chWord, min: 24, word: true, mixed: true},
	{det: detVendor, prefix: "bkua_", class: chHex, min: 40},
	{det: detVendor, prefix: "sk_", class: chHex, min: 40, word: true},

	{det: detVendor, prefix: "nfp_", class: chAlnum, min: 30, word: true}, {det: detVendor, prefix: "HRKU-", class: chB64URL, min: 30},
	{det: detVendor, prefix: "doo_v1_", class: chHex, min: 32}, {det: detVendor, prefix: "dor_v1_", class: chHex, min: 32},
	{det: detVendor, prefix: "dp.st.", class: chWord | chDot, min: 30},
	{det: detVendor, prefix: "ATCTT3", class: chB64URL | chB64, min: 40},

	{det: detVendor, prefix: "CFPAT-", class: chB64URL, min: 40},
	{det: detVendor, prefix: "v1.0-", class: chHex | chDash, min: 100},
	{det: detVendor, prefix: "pat", class: chAlnum | chDot, min: 79, word: true, dot: 14},
	{det: detVendor, prefix: "-us", class: chDigit, min: 1, before: 32},
	{det: detVendor, prefix: "fo1_", class: chB64URL, min: 30, word: true}, {det: detVendor, prefix: "fm2_", class: chAlnum | chB64, min: 60},
	{det: detVendor, prefix: "EAAG", class: chAlnum, min: 80, word: true}, {det: detVendor, prefix: "EAAB", class: chAlnum, min: 80, word: true},
	{det: detVendor, prefix: "LTAI", class: chAlnum, min: 16, word: true, mixed: true},
	{det: detVendor, prefix: "amzn.mws.", class: chHex | chDash, min: 36}, {det: detVendor, prefix: "amzn1.oa2-cs.v1.", class: chHex, min: 40},
	{det: detVendor, prefix: "secret_", class: chAlnum, min: 43, exact: true, word: true},
	{det: detVendor, prefix: "hcaik_", class: chAlnum, min: 20}, {det: detVendor, prefix: "phx_", class: chAlnum, min: 30, word: true},
	{det: detVendor, prefix: "NRII-", class: chB64URL, min: 20}, {det: detVendor, prefix: "ATBB", class: chAlnum, min: 28, word: true, mixed: true},
	{det: detVendor, prefix: "glc_", class: chAlnum | chB64, min: 40, word: true}, {det: detVendor, prefix: "ops_eyJ", class: chB64URL, min: 60},
	{det: detVendor, prefix: "sgp_", class: chHex | chUnderscore, min: 40, word: true}, {det: detVendor, prefix: "oy2", class: chAlnum, min: 43, exact: true, word: true},
	{det: detVendor, prefix: "vercel_blob_rw_", class: chWord, min: 30}, {det: detVendor, prefix: "rdme_", class: chAlnum, min: 60},

	{det: detVendor, prefix: "shptka_", class: chAlnum, min: 20},
	{det: detVendor, prefix: "FLWSECK", class: chB64URL, min: 12}, {det: detVendor, prefix: "rzp_test_", class: chAlnum, min: 12},
	{det: detVendor, prefix: "access-sandbox-", class: chHex | chDash, min: 32}, {det: detVendor, prefix: "access-production-", class: chHex | chDash, min: 32},
	{det: detVendor, prefix: "access_token$", class: chAlnum | chDollar, min: 30}, {det: detVendor, prefix: "xsmtpsib-", class: chAlnum | chDash, min: 30},
	{det: detVendor, prefix: "sdk-", class: chHex | chDash, min: 36, exact: true, word: true},

	{det: detVendor, prefix: "sk.eyJ", class: chB64URL | chDot, min: 40}, {det: detVendor, prefix: "APA91b", class: chB64URL, min: 100},
	{det: detVendor, prefix: "dckr_oat_", class: chB64URL, min: 20},

	{det: detVendor, prefix: "discordapp.com/api/webhooks/", class: chB64URL | chSlash, min: 30},
	{det: detVendor, prefix: "webhook.office.com/webhookb2/", class: chB64URL | chSlash | chAtSign, min: 30},
	{det: detVendor, prefix: "outlook.office.com/webhook/", class: chB64URL | chSlash | chAtSign, min: 30},
	{det: detVendor, prefix: "hooks.zapier.com/hooks/catch/", class: chB64URL | chSlash, min: 8},
	{det: detVendor, prefix: "ABSK", class: chAlnum | chB64, min: 100, word: true}, {det: detVendor, prefix: "tvly-", class: chB64URL, min: 24, word: true},
	{det: detVendor, prefix: "pcsk_", class: chWord, min: 40, word: true}, {det: detVendor, prefix: "rnd_", class: chAlnum, min: 24, word: true, mixed: true},
	{det: detVendor, prefix: "fw_", class: chAlnum, min: 22, word: true, mixed: true}, {det: detVendor, prefix: "sl.", class: chB64URL, min: 100, word: true, mixed: true},
	{det: detVendor, prefix: "EAAC", class: chAlnum, min: 80, word: true}, {det: detVendor, prefix: "tfp_", class: chWord, min: 40, word: true},
	{det: detVendor, prefix: "CLOJARS_", class: chAlnum, min: 40},
	{det: detVendor, prefix: "EZAK", class: chAlnum, min: 50, word: true},
	{det: detVendor, prefix: "EZTK", class: chAlnum, min: 50, word: true}, {det: detVendor, prefix: "shippo_live_", class: chHex, min: 32},
	{det: detVendor, prefix: "shippo_test_", class: chHex, min: 32}, {det: detVendor, prefix: "AKID", class: chAlnum, min: 32, word: true, mixed: true},
	{det: detVendor, prefix: "8Q~", class: chB64URL | chDot, min: 31, before: 3}, {det: detVendor, prefix: "7Q~", class: chB64URL | chDot, min: 31, before: 3}, {det: detVendor, prefix: "AZDO", class: chAlnum, min: 4, before: 32},
	{det: detVendor, prefix: "snyk_", class: chWord | chDot, min: 40, word: true}, {det: detVendor, prefix: "sqp_", class: chHex, min: 40, word: true},
	{det: detVendor, prefix: "squ_", class: chHex, min: 40, word: true}, {det: detVendor, prefix: "sqa_", class: chHex, min: 40, word: true},
	{det: detVendor, prefix: "CCIPAT_", class: chWord, min: 40}, {det: detVendor, prefix: "CCIPRJ_", class: chWord, min: 40},
	{det: detVendor, prefix: "dG9rOj", class: chAlnum | chB64, min: 40, word: true}, {det: detVendor, prefix: "FFFFNRA", class: chUpper, min: 1, before: 32},
	{det: detVendor, prefix: "v2.local.", class: chB64URL | chDot, min: 60}, {det: detVendor, prefix: "v4.local.", class: chB64URL | chDot, min: 60},
	{det: detVendor, prefix: "v4.public.", class: chB64URL | chDot, min: 60}, {det: detVendor, prefix: "xprv", class: chAlnum, min: 100, word: true},
	{det: detStripe, prefix: "_secret_", class: chAlnum, min: 24, before: 20},
	{det: detHash, prefix: "pbkdf2_sha", class: chCred, min: 40}, {det: detHash, prefix: "SCRAM-SHA-", class: chCred, min: 60},
	{det: detHash, prefix: "{SSHA}", class: chAlnum | chB64, min: 28}, {det: detHash, prefix: "{SSHA512}", class: chAlnum | chB64, min: 60},
	{det: detHash, prefix: "{SHA}", class: chAlnum | chB64, min: 27}, {det: detHash, prefix: "{SSHA256}", class: chAlnum | chB64, min: 40},
	{det: detUserinfo, prefix: "oracle:thin:", class: chLogin, min: 3, userinfo: true}, {det: detUserinfo, prefix: "oracle:oci:", class: chLogin, min: 3, userinfo: true},
	{det: detUserinfo, prefix: "oracle:oci8:", class: chLogin, min: 3, userinfo: true},
	{det: detVendor, prefix: "chat.googleapis.com/v1/spaces/", class: chB64URL | chSlash, min: 60},
}

// An API key of Twilio is SK and 32 hex digits; two letters are too few to anchor.
func init() {
	for _, c := range "0123456789abcdef" {
		literals = append(literals, literal{det: detVendor, prefix: "SK" + string(c), class: chHex, min: 31, exact: true, word: true})
	}
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
	lit        uint16
	alone      bool // none of the group begins the same way or goes on
}

func (g *litGroup) add(lit uint16) {
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
			if l.userinfo {
				p = b
			}
			return span{p, e, l.det}
		}
		return none
	}
	if b <= f.litEnd && l.class&^f.litClass == 0 && !l.exact {
		return none // inside one that ends where this one would
	}
	if l.dot > 0 && src[b+l.dot] != '.' {
		return none
	}
	if chars[src[last]]&l.class == 0 || l.exact && l.before == 0 && f.inBase64(p, b) || l.word && p > 0 && is(src[p-1], chWord) {
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
	} else if e < len(src) && is(src[e], l.class|chUpper|chDigit) {
		return none
	}
	if l.mixed && !mixed(src[b:e]) {
		return none
	}
	if l.userinfo {
		if e < len(src) && src[e] != '@' || e == len(src) && !f.cut {
			return none
		}
		return span{b, e, l.det}
	}
	start := p
	for l.before > 0 && start > 0 && p-start < maxBefore && is(src[start-1], chAlnum) {
		start--
	}
	if p-start < l.before {
		return none
	}
	if l.det == detAWSKey && l.exact && f.s.has(detAWSSecret) {
		f.secretBeside(start, e)
	}
	return span{start, e, l.det}
}

// maxBefore bounds what belongs to a literal before its prefix.
const maxBefore = 32

// mixed reports whether b has a digit, a capital and a small letter.
func mixed(b []byte) bool {
	var seen uint16
	for _, c := range b {
		seen |= chars[c]
	}
	return seen&chDigit != 0 && seen&chUpper != 0 && seen&chLower != 0
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
