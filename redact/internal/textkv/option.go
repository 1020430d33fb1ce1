// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import "bytes"

// Options of command lines.

// beforeFlag has what an option stands behind.
var beforeFlag = marksOf(" \t\r\n\"'")

// flag reads "--key value" at i, which is the first byte or stands behind one of
// beforeFlag.
func (s *Scanner) flag(i int) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	j := i + 1
	if j < len(src) && src[j] == '-' {
		j++
	}
	c.Key = j
	c.Plain = true
	for j < len(src) && j-c.Key <= maxKey && wordByte[src[j]] {
		if src[j] == '%' {
			c.Plain = false
		}
		j++
	}
	c.KeyEnd = j
	if j == c.Key || j >= len(src) {
		return false
	}
	from := max(s.bol, i-maxKey)
	if src[j] == ':' && src[c.Key]|32 == 'u' && c.Key == i+1 && bytes.Contains(src[from:i], []byte("curl")) {
		// -uuser:password
		c.KeyEnd = c.Key + 1
		c.Sep, c.line, c.Val = ' ', s.bol, c.KeyEnd
		c.secret(src)
		return true
	}
	// A list in JSON: "--key","value".
	for j < len(src) && (src[j] == '"' || src[j] == '\'' || src[j] == ',') {
		j++
	}
	c.Val = skipBlank(src, j)
	if c.Val == c.KeyEnd || c.Val >= len(src) || src[c.Val] == '-' || src[c.Val] == '=' || src[c.Val] == ':' {
		return false
	}
	c.Sep, c.line = ' ', s.bol
	if j > c.KeyEnd && c.Val > 0 && (src[c.Val-1] == '"' || src[c.Val-1] == '\'') {
		c.Val-- // keep the opening quote of the value
	}
	if s.tools.UserOption(src, from, i, src[c.Key:c.KeyEnd]) {
		c.secret(src)
		return true
	}
	return !s.hushedFlag(i)
}

// Tools has where the names of tools that have an option for a user were seen last in a
// text, which is read on and not again for each option.
type Tools struct {
	pos int
	at  [httpie + 1]int // one behind where they begin
}

// kinds of tools
const (
	curl   = 1 + iota
	other  // means another thing by -u and --user
	httpie // means a user by -a
)

// UserOption reports whether an option of a command line takes "user:password"; it stands
// behind src[from:i], its line. i may only grow.
func (t *Tools) UserOption(src []byte, from, i int, name []byte) bool {
	switch string(name) {
	case "proxy-user":
		return true
	case "a":
		t.read(src, from, i)
		return t.at[httpie] > from
	case "u", "U", "user":
		t.read(src, from, i)
		return t.at[other] <= max(from, t.at[curl])
	}
	return false
}

// read looks for names up to i, as words or as names of files or elements of a list.
func (t *Tools) read(src []byte, from, i int) {
	for t.pos = max(t.pos, from); t.pos < i; {
		end := t.pos
		for end < i && !wordEdge[src[end]] && !beforeFlag[src[end]] {
			end++
		}
		if end == i {
			return // it may go on
		}
		if beforeFlag[src[end]] && (t.pos == from || wordEdge[src[t.pos-1]]) {
			t.at[toolKind(src[t.pos:end])] = t.pos + 1
		}
		t.pos = end + 1
	}
}

func toolKind(word []byte) int {
	switch string(word) {
	case "curl":
		return curl
	case "docker", "podman", "nerdctl", "git", "sort", "date", "rsync", "python", "python3", "uvicorn", "chroot", "cp", "tar", "diff", "sudo", "systemctl", "kubectl":
		return other
	case "http", "https", "xh":
		return httpie
	}
	return 0
}

// wordEdge has what stands before the name of a tool.
var wordEdge = marksOf(" \t\"'/;&|($`")

// UserSecret is where the password in "user:password" begins; 0 if b is something else:
// a user and a group in numbers, two variables, a format.
func UserSecret(b []byte) int {
	i := bytes.IndexByte(b, ':')
	if i < 0 || i+1 == len(b) || b[0] == '+' || b[0] == '$' && b[i+1] == '$' || digits(b[:i]) && digits(b[i+1:]) {
		return 0
	}
	return i + 1
}

func digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) < 7
}

// secret finds the password in a value "user:password".
func (c *Candidate) secret(src []byte) {
	i := c.Val
	for i < len(src) && src[i] == '\\' {
		i++
	}
	var outer byte
	if i < len(src) && (src[i] == '"' || src[i] == '\'' || src[i] == '`') {
		outer = src[i]
		i++
	}
	end := i
	for limit := min(len(src), i+maxKey); end < limit; end++ {
		if b := src[end]; b == '\n' || b == outer || outer == 0 && blank(b) {
			break
		}
	}
	if n := UserSecret(src[i:end]); n > 0 {
		c.Secret, c.outer = i+n, outer
	}
}

// Password makes the candidate that of the password in its value, see Secret.
func (c *Candidate) Password() { c.Val = c.Secret }
