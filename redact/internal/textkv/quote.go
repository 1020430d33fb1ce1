// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import "bytes"

// quote is how a string is opened: the mark, and the number of backslashes before
// it. Marks written as references or escapes are taken as they stand.
type quote struct {
	mark    string
	slashes int
}

// marks are tried in order; longer ones first.
var marks = [...]string{
	`"""`, `'''`, `"`, `'`, "`",
	"&quot;", "&#34;", "&#x22;", "&apos;", "&#39;", "&#039;", "&#x27;", "%22", "%27", `\u0022`, `\u0027`, `\x22`, `\x27`,
	"“", "”", "‘", "’", "«", "»",
}

// marksFrom has the marks by their first byte.
var marksFrom = func() (t [256][]string) {
	for _, m := range marks {
		t[m[0]] = append(t[m[0]], m)
	}
	return t
}()

// markFirst has the bytes that a mark or its backslashes may start with.
var markFirst = [256]bool{'"': true, '\'': true, '`': true, '&': true, '%': true, '\\': true, 0xE2: true, 0xC2: true}

// quoteAt reads the opening quote at i; n is its length, 0 if there is none.
func quoteAt(src []byte, i int) (q quote, n int) {
	if i >= len(src) || !markFirst[src[i]] {
		return q, 0
	}
	j := i
	for j < len(src) && src[j] == '\\' {
		j++
	}
	rest := src[j:]
	if j > i {
		// \u0022 and \x22 own the last backslash.
		for _, m := range marksFrom['\\'] {
			if hasFold(src[j-1:], m) {
				return quote{m, j - 1 - i}, j - 1 - i + len(m)
			}
		}
	}
	if len(rest) == 0 {
		return q, 0
	}
	for _, m := range marksFrom[rest[0]] {
		if hasFold(rest, m) {
			return quote{m, j - i}, j - i + len(m)
		}
	}
	return q, 0
}

// hasFold reports whether b starts with m, case ignored.
func hasFold(b []byte, m string) bool {
	return len(b) >= len(m) && (b[0] == m[0]) && (len(m) == 1 || bytes.EqualFold(b[:len(m)], []byte(m)))
}

// quoteBefore reads the closing quote that b ends with.
func quoteBefore(b []byte) (q quote, n int) {
	if len(b) == 0 {
		return q, 0
	}
	switch n := len(b); b[n-1] {
	case '"', '\'', '`':
		k := n - 1
		for k > 0 && b[k-1] == '\\' {
			k--
		}
		return quote{oneQuote[b[n-1]&3], n - 1 - k}, n - k
	case 0x9D, 0x99, 0xBB:
	case '2', '7': // of %22, \u0022, \x22
		if n < 3 || b[n-2] != '2' {
			return q, 0
		}
	case ';': // of &quot;
		if bytes.IndexByte(b[max(0, n-6):], '&') < 0 {
			return q, 0
		}
	default:
		return q, 0
	}
	for _, m := range marks {
		if len(m) == 3 && (m[0] == '"' || m[0] == '\'') {
			continue // no triple quotes round keys
		}
		if len(b) < len(m) || !bytes.EqualFold(b[len(b)-len(m):], []byte(m)) {
			continue
		}
		k := 0
		for j := len(b) - len(m) - 1; j >= 0 && b[j] == '\\'; j-- {
			k++
		}
		return quote{m, k}, len(m) + k
	}
	return q, 0
}

// oneQuote has the quotes of one byte by their low bits.
var oneQuote = [4]string{'"' & 3: `"`, '\'' & 3: "'", '`' & 3: "`"}

// openBefore returns where the string starts that ends with b and was opened by the
// mark of q, which may differ for the typographic ones; 0 if none opens it.
func openBefore(b []byte, q quote) int {
	m := q.mark
	switch m {
	case "”":
		m = "“"
	case "’":
		m = "‘"
	case "»":
		m = "«"
	}
	last := m[len(m)-1]
	if len(m) == 1 {
		i := len(b)
		for i > 0 && b[i-1] != last {
			i--
		}
		return i
	}
	for i := len(b); i > 0; i-- {
		if b[i-1] == last && i >= len(m) && (len(m) == 1 || bytes.EqualFold(b[i-len(m):i], []byte(m))) {
			return i
		}
	}
	return 0
}

// closing is the mark that ends a string opened by q.
func (q quote) closing() string {
	switch q.mark {
	case "“":
		return "”"
	case "‘":
		return "’"
	case "«":
		return "»"
	}
	return q.mark
}

// closeAt finds the end of a string whose content starts at i: where the content
// ends and where the closing quote ends. Without one both are len(src).
func (q quote) closeAt(src []byte, i int) (end, next int) {
	mark := q.closing()
	slashes := 0
	for ; i < len(src); i++ {
		c := src[i]
		if c == '\\' && mark[0] != '\\' {
			slashes++
			continue
		}
		if c == mark[0] && hasFold(src[i:], mark) && q.ends(slashes) {
			end = i - min(slashes, q.slashes)
			next = i + len(mark)
			// A doubled quote stands for one (SQL, YAML, CSV).
			if len(mark) == 1 && slashes == 0 && next < len(src) && src[next] == mark[0] && mark != `"` {
				i = next
				continue
			}
			return end, next
		}
		slashes = 0
	}
	return len(src), len(src)
}

// ends reports whether a mark behind n backslashes closes the string. A string
// that was opened behind k backslashes is closed behind k; behind more the mark
// is content; behind fewer an outer string ends, and this one with it.
func (q quote) ends(n int) bool {
	if q.slashes == 0 {
		return n%2 == 0
	}
	return n <= q.slashes
}
