// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/shape"
	"github.com/apispan/apispan/redact/internal/textkv"
)

// passwordTools are commands with an option of one letter for a password. glued: the
// value stands right behind the letter (mysql -pS), else it is the next word.
var passwordTools = [...]struct {
	tool, option string
	glued, apart bool
}{
	{"mysql", "-p", true, false}, {"mariadb", "-p", true, false},
	{"sshpass", "-p", true, true},
	{"login ", "-p", false, true}, // docker, podman, helm registry, oc, az
	{"mongo", "-p", false, true}, {"mosquitto_", "-P", false, true},
	{"redis-cli", "-a", false, true}, {"valkey-cli", "-a", false, true},
	{"ldap", "-w", false, true}, {"influx", "-t", false, true},
	{"sqlcmd", "-P", true, true}, {"zip", "-P", false, true}, {"7z", "-p", true, false},
	{"snmp", "-A", false, true}, {"snmp", "-X", false, true}, {"openssl", "-k", false, true},
}

// toolNames has where the names of passwordTools were seen in a text: the last one so
// far and the next. Each name is looked for once in a text, however many options it has.
type toolNames struct {
	at [len(passwordTools)]struct{ last, next int }
	// none has a bit for each letter, from A on, that no tool of the text has.
	none uint64
}

// before reports whether the name of tool i stands in src[from:to]; to may only grow.
func (t *toolNames) before(i int, src []byte, from, to int) bool {
	x, name := &t.at[i], passwordTools[i].tool
	for x.next+len(name) <= to {
		if x.next > 0 || bytes.HasPrefix(src, str(name)) {
			x.last = x.next + 1 // 0 is none
		}
		n := bytes.Index(src[x.next+1:], str(name))
		if n < 0 {
			x.next = len(src)
			break
		}
		x.next += 1 + n
	}
	return x.last > from
}

// argument reads an option in a list of arguments, whose content is src[a:b]: ["curl",
// "-u", "ada:S"], ["mysql", "-pS"]. It reports whether the option is one that its value,
// here or in the next element, goes by.
func (s *Scratch) argument(src []byte, a, b int, f *frame, c *ctx) bool {
	from, follows := secretArgument(src[max(int(f.start), a-lineBefore):a], src[a:b], nextElement(src, b))
	if from == 0 && !follows {
		return false
	}
	vc := s.child(*c, str("password"))
	switch {
	case !vc.v.strong():
		return false
	case follows:
		f.kv = vc.v
	default:
		s.textValue(src, a+from, b, vc)
	}
	return true
}

// lineBefore is how much of a list of arguments is looked at for the tool of an option.
const lineBefore = 96

// secretArgument reports from where on an argument behind others is a secret, and whether
// the next one is.
func secretArgument(before, arg, next []byte) (from int, follows bool) {
	if len(arg) < 2 || arg[0] != '-' {
		return 0, false
	}
	name, value, assigned := bytes.Cut(bytes.TrimLeft(arg, "-"), str("="))
	if !assigned && arg[1] != '-' && len(name) > 2 && name[0]|0x20 == 'u' { // -uada:S
		name, value, assigned = name[:1], name[1:], true
	}
	if assigned {
		if n := textkv.UserSecret(value); n > 0 && new(textkv.Tools).UserOption(before, 0, len(before), name) {
			return len(arg) - len(value) + n, false
		}
	} else if textkv.UserSecret(next) > 0 && new(textkv.Tools).UserOption(before, 0, len(before), name) {
		return 0, true
	}
	if arg[1] == '-' {
		return 0, false
	}
	for i := range passwordTools {
		t := &passwordTools[i]
		if t.option[1] != arg[1] || !bytes.Contains(before, str(strings.TrimSuffix(t.tool, " "))) {
			continue
		}
		if len(arg) > 2 && t.glued {
			return 2, false
		}
		if len(arg) == 2 && t.apart {
			return 0, true
		}
	}
	return 0, false
}

// nextElement is the content of the string behind the one that ends at b.
func nextElement(src []byte, b int) []byte {
	i := skipSpace(src, b+1)
	if i == len(src) || src[i] != ',' {
		return nil
	}
	if i = skipSpace(src, i+1); i == len(src) || src[i] != '"' {
		return nil
	}
	end, _ := stringEnd(src, i+1)
	if end < 0 {
		end = len(src)
	}
	return src[i+1 : end]
}

// beginsOption reports whether a word of a text begins with dashes that something stands
// behind.
func beginsOption(src []byte) bool {
	for i, left := 0, len(src)/64; i < len(src); i++ {
		if src[i] != '-' {
			if left--; left < 0 {
				continue // so frequent that a search is slower
			}
			j := bytes.IndexByte(src[i:], '-')
			if j < 0 {
				return false
			}
			i += j
		}
		if i > 0 && !wordGaps[src[i-1]] {
			continue
		}
		for i++; i < len(src) && src[i] == '-'; {
			i++
		}
		if i < len(src) && !wordGaps[src[i]] {
			return true
		}
	}
	return false
}

// passwordOption takes the password of a command line that starts at line; the option
// is src[start:end].
func (s *Scratch) passwordOption(src []byte, tools *toolNames, line, start, end int, c ctx) {
	letter := src[start+1]
	if letter-'A' >= 64 || tools.none>>(letter-'A')&1 != 0 {
		return
	}
	none := true
	for i := range passwordTools {
		t, seen := &passwordTools[i], &tools.at[i]
		if t.option[1] != letter || seen.next == len(src) && seen.last == 0 {
			continue
		}
		before := tools.before(i, src, max(line, start-256), start)
		none = none && seen.next == len(src) && seen.last == 0
		if !before {
			continue
		}
		vc := s.child(c, str("password"))
		if !vc.v.strong() {
			return
		}
		at := start + len(t.option)
		switch {
		case at < end && !t.glued || at == end && !t.apart:
			continue
		case at == end:
			for at < len(src) && src[at] == ' ' {
				at++
			}
		}
		stop := at
		if at < len(src) && (src[at] == '\'' || src[at] == '"') {
			at++
			if n := bytes.IndexByte(src[at:], src[at-1]); n >= 0 {
				stop = at + n
			}
		}
		for stop < len(src) && stop <= at && !wordGaps[src[stop]] {
			for stop < len(src) && !wordGaps[src[stop]] {
				stop++
			}
		}
		if v := src[at:stop]; len(v) > 0 && v[0] != '-' {
			s.textValue(src, at, stop, vc)
		}
		return
	}
	if none {
		tools.none |= 1 << (letter - 'A')
	}
}

// assigned takes the value of "ENV NAME value" (Dockerfile), "setenv NAME value" (csh)
// and "set -x NAME value" (fish), whose name is at pos.
func (s *Scratch) assigned(src []byte, pos int, c ctx) {
	if src[pos] == '-' {
		for pos < len(src) && !wordGaps[src[pos]] {
			pos++
		}
		for pos < len(src) && src[pos] == ' ' {
			pos++
		}
	}
	end := pos
	for end < len(src) && !wordGaps[src[end]] && src[end] != '=' {
		end++
	}
	if end == pos || end == len(src) || src[end] != ' ' {
		return
	}
	start := end
	for start < len(src) && src[start] == ' ' {
		start++
	}
	vc := s.child(c, src[pos:end])
	stop, _ := field.EndOfLine(src, start)
	if a, b := trimBlanks(src[start:stop]); vc.v.strong() && a < b && src[start+a] != '=' {
		s.textValue(src, start+a, start+b, vc)
	}
}

// statement reports whether a text may be a statement of SQL that writes.
func statement(b []byte) bool {
	return bytes.Contains(b, str("VALUES")) || bytes.Contains(b, str("values")) || bytes.Contains(b, str("IDENTIFIED"))
}

// maxTableColumns bounds the columns of a statement or a table that are looked at.
const maxTableColumns = 64

// insertedRows takes the values of denied columns: INSERT INTO t (name, password)
// VALUES ('ada', 'S'), ...
func (s *Scratch) insertedRows(src []byte, c ctx) {
	upper, lower := -1, -1 // the next of each
	open, from := -1, 0    // the last "(" before from
	next := func(at, pos int, word string) int {
		if at < pos {
			if at = bytes.Index(src[pos:], str(word)); at < 0 {
				return len(src)
			}
			at += pos
		}
		return at
	}
	for pos := 0; pos < len(src); {
		upper, lower = next(upper, pos, "VALUES"), next(lower, pos, "values")
		at := min(upper, lower)
		if at == len(src) {
			return
		}
		pos = at + len("VALUES")
		head := src[:at]
		for len(head) > 0 && jsonSpace[head[len(head)-1]] {
			head = head[:len(head)-1]
		}
		if len(head) == 0 || head[len(head)-1] != ')' {
			continue
		}
		if i := bytes.LastIndexByte(head[from:], '('); i >= 0 {
			open = from + i
		}
		if from = len(head); open < 0 || len(head)-open > 4096 {
			continue
		}
		var columns [maxTableColumns]ctx
		n, denied := 0, false
		for list := head[open+1 : len(head)-1]; n < maxTableColumns && len(list) > 0; n++ {
			name, rest, _ := bytes.Cut(list, str(","))
			if name = bytes.Trim(name, " \t\r\n`\"[]"); len(name) > maxLongKey { // no name
				columns[n] = c
				columns[n].v = verdict{act: actMask}
			} else {
				columns[n] = s.child(c, name)
			}
			denied = denied || columns[n].v.strong()
			list = rest
		}
		if denied {
			pos = s.rows(src, pos, columns[:n])
		}
	}
}

// rows reads tuples from i on and returns where they end.
func (s *Scratch) rows(src []byte, i int, columns []ctx) int {
	for i < len(src) {
		for i < len(src) && (src[i] <= ' ' || src[i] == ',') {
			i++
		}
		if i == len(src) || src[i] != '(' {
			return i
		}
		i++
		for n := 0; i < len(src) && src[i] != ')'; n++ {
			for i < len(src) && src[i] <= ' ' {
				i++
			}
			start, end := i, i
			if i < len(src) && (src[i] == '\'' || src[i] == '"') {
				q := src[i]
				start++
				for i++; i < len(src) && (src[i] != q || i+1 < len(src) && src[i+1] == q); i++ {
					if src[i] == q || src[i] == '\\' {
						i++
					}
				}
				end = min(i, len(src))
			}
			for i < len(src) && src[i] != ',' && src[i] != ')' {
				if src[i] == '(' { // a function: crypt('S', gen_salt('bf'))
					for depth := 0; i < len(src); i++ {
						if src[i] == '(' {
							depth++
						} else if src[i] == ')' {
							if depth--; depth == 0 {
								break
							}
						}
					}
				}
				if i < len(src) {
					i++
				}
			}
			if end == start {
				end = i
			}
			if n < len(columns) && columns[n].v.strong() && start < end && !placeholder(src[start:end]) && !s.covered(start, end) {
				s.textValue(src, start, end, columns[n])
			}
			if i < len(src) && src[i] == ',' {
				i++
			}
		}
		i++
	}
	return i
}

// placeholder reports whether a value of a statement stands for one that is not in it.
func placeholder(v []byte) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || v[0] == '?' || v[0] == '$' && shape.Digits(v[1:]) || v[0] == ':' || v[0] == '%' || v[0] == '@'
}
