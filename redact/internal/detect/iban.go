// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// ibanLen maps a country code (26*first+second letter) to the length of its
// IBANs, as the IBAN registry (ISO 13616, SWIFT) has them.
var ibanLen = func() (t [26 * 26]uint8) {
	const list = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
		"ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
		"LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 " +
		"RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
	for i := 0; i+4 <= len(list); i += 5 {
		t[int(list[i]-'A')*26+int(list[i+1]-'A')] = (list[i+2]-'0')*10 + list[i+3] - '0'
	}
	return t
}()

// iban looks for an IBAN whose two check digits start at p. The work is bounded
// by the length of an IBAN.
func (f *finder) iban(p int) span {
	src := f.src
	start := p - 2
	if start < 0 || !is(src[start], chAlpha) || !is(src[start+1], chAlpha) || start > 0 && is(src[start-1], chAlnum) {
		return none
	}
	if p+1 >= len(src) || !isDigit(src[p+1]) {
		return none
	}
	want := int(ibanLen[int(lower(src[start])-'a')*26+int(lower(src[start+1])-'a')])
	if want == 0 {
		return none
	}
	// The remainder is computed over the rest first, then country and check digits.
	n, mod, q, end := 4, uint64(0), p+2, p+2
	for n < want && q < len(src) {
		c := src[q]
		switch {
		case isDigit(c):
			mod = mod*10 + uint64(c-'0')
		case is(c, chAlpha):
			mod = mod*100 + uint64(lower(c)-'a') + 10
		default:
			if c < 0x80 && (seqClass[c] != seqSep || q != end) {
				return none
			}
			g, _ := gapAt(src, q)
			if g == q || q != end {
				return none
			}
			q = g
			continue
		}
		if mod >= 1<<56 {
			mod %= 97
		}
		n++
		q++
		end = q
	}
	if n < want {
		if f.cut && q >= len(src) && n >= 8 {
			return span{start, len(src), detIBAN}
		}
		return none
	}
	for _, c := range [...]byte{src[start], src[start+1]} {
		mod = (mod%97)*100 + uint64(lower(c)-'a') + 10
	}
	if mod = mod*100 + uint64(src[p]-'0')*10 + uint64(src[p+1]-'0'); mod%97 != 1 {
		return none
	}
	return span{start, end, detIBAN}
}
