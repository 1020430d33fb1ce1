// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// hashForms are beginnings of the hashes of crypt(3) and its relatives, and how long
// such a hash is at least.
var hashForms = [...]struct {
	prefix string
	min    int
}{
	{"$2a$", 40}, {"$2b$", 40}, {"$2y$", 40}, {"$2x$", 40}, {"$1$", 24}, {"$5$", 40}, {"$6$", 60}, {"$7$", 40}, {"$y$", 40}, {"$gy$", 40},
	{"$argon2i$", 40}, {"$argon2d$", 40}, {"$argon2id$", 40}, {"$scrypt$", 40}, {"$apr1$", 24}, {"$P$", 30}, {"$H$", 30}, {"$pbkdf2", 40},
	{"$sha1$", 30}, {"$bcrypt-sha256$", 40}, {"$s0$", 40}, {"$md5,", 24},
}

// hash looks for the hash of a password that starts at the pair at i, or behind its
// first byte.
func (f *finder) hash(i int) span {
	src := f.src
	p := i
	if src[p] == '*' || i+1 < len(src) && src[i+1] == '*' {
		if src[p] != '*' {
			p++
		}
		return f.mysqlHash(p)
	}
	if src[p] != '$' {
		p++
	}
	if p < f.hashSkip || p >= len(src) || src[p] != '$' || p > 0 && is(src[p-1], chAlnum|chDollar) {
		return none
	}
	for k := range hashForms {
		form := &hashForms[k]
		if !has(src, p, form.prefix) {
			continue
		}
		e := p
		for e < len(src) && (is(src[e], chAlnum|chB64|chDot|chDollar|chDash|chUnderscore) || src[e] == ',') {
			e++
		}
		f.hashSkip = e
		if e-p < form.min && !(f.cut && e == len(src)) || bytes.Count(src[p:e], []byte{'$'}) < 3 && form.prefix[2] != '$' && e-p < form.min {
			return none
		}
		return span{p, e, detHash}
	}
	return none
}

// mysqlHash looks for a password as MySQL and MariaDB store it, at p: * and 40 hex digits.
func (f *finder) mysqlHash(p int) span {
	src := f.src
	if p < f.hashSkip || p > 0 && (is(src[p-1], chWord) || src[p-1] == '*') {
		return none
	}
	e := p + 1
	for e < len(src) && e-p <= 41 && is(src[e], chHex) {
		e++
	}
	f.hashSkip = e
	if e-p != 41 && !(f.cut && e == len(src) && e-p > 8) || e < len(src) && is(src[e], chWord) {
		return none
	}
	return span{p, e, detHash}
}

// hashBefore are what may stand in front of such a password.
const hashBefore = " '\":=,>(|\t\n"

// wifi looks for the code that lets into a Wi-Fi network, WIFI:S:name;T:WPA;P:S;;,
// that starts at p.
func (f *finder) wifi(p int) span {
	src := f.src
	if !has(src, p, "WIFI:") {
		return none
	}
	p += len("WIFI:")
	head := src[p:min(len(src), p+256)]
	k := 0
	if !bytes.HasPrefix(head, []byte("P:")) {
		if k = bytes.Index(head, []byte(";P:")) + 1; k == 0 {
			return none
		}
	}
	start := p + k + 2
	e := start
	for e < len(src) && src[e] != ';' && src[e] >= ' ' {
		if src[e] == '\\' {
			e++
		}
		e++
	}
	if e = min(e, len(src)); e == start {
		return none
	}
	return span{start, e, detVendor}
}
