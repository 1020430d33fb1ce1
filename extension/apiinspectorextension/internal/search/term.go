// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apispan/apispan/redact"
)

// term understands a token.
func (t *token) term() Term {
	out := Term{From: t.from, To: t.to, not: t.not, Problem: t.problem}
	if out.Problem != "" {
		return out
	}
	match, err := t.compile()
	if err != "" {
		out.Problem = err
		return out
	}
	out.match = match
	return out
}

func (t *token) compile() (match func(Subject) bool, problem string) {
	if !t.named {
		text := strings.ToLower(t.values[0].text)
		if text == "" {
			return nil, "An empty text is in everything. Write something between the quotation marks."
		}
		if !t.values[0].quoted && strings.Contains(text, "*") {
			return nil, "A free text has no wildcards: write a field before it, such as path:" + t.values[0].text + ", or put it in quotation marks."
		}
		return func(s Subject) bool { return s.Anywhere(text) }, ""
	}
	if t.name == "header" {
		return t.header()
	}
	if side := strings.ToLower(t.name[:min(4, len(t.name))]); side == "req." || side == "res." {
		return t.path(side[:3], t.name[4:])
	}
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == t.name })
	if i < 0 {
		return nil, unknown(t.name)
	}
	f := Fields[i]
	var alts []func(Subject) bool
	for _, v := range t.values {
		if v.text == "" {
			return nil, fmt.Sprintf("%s: has no value. Write one, such as %s.", f.Name, example(f.Name))
		}
		m, err := f.compile(v)
		if err != "" {
			return nil, err
		}
		alts = append(alts, m)
	}
	return oneOf(alts), ""
}

func oneOf(alts []func(Subject) bool) func(Subject) bool {
	if len(alts) == 1 {
		return alts[0]
	}
	return func(s Subject) bool {
		return slices.ContainsFunc(alts, func(m func(Subject) bool) bool { return m(s) })
	}
}

var examples = map[string]string{
	"method": "method:POST", "route": "route:/orders/*", "path": "path:/orders", "host": "host:api.example.com", "status": "status:5xx", "ms": "ms:>250",
	"bytes": "bytes:>10k", "in": "in:>1k", "out": "out:>1k", "dir": "dir:out", "redacted": "redacted:>0", "new": "new:>0", "rule": "rule:*card*",
	"is": "is:error", "outcome": "outcome:retry", "trace": "trace:4bf92f35",
}

func example(field string) string {
	if e := examples[field]; e != "" {
		return e
	}
	return field + ":acme"
}

// outcomes are the states that package show knows.
var outcomes = []string{"sent", "dry_run", "waiting", "retry", "refused", "dropped", "gated", "sampled_out", "read"}

// unknown says what there is instead.
func unknown(name string) string {
	if name == "req" || name == "res" {
		return "A value in a body has a path: " + name + ".$.order.items[*].sku:A1."
	}
	best, dist := "", min(3, len(name)) // else every letter is close to something
	for _, f := range Fields {
		if d := distance(name, f.Name); d < dist {
			best, dist = f.Name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("There is no field %q. Did you mean %s:?", name, best)
	}
	return fmt.Sprintf("There is no field %q. Put the text in quotation marks to search for it anywhere.", name)
}

// distance is Levenshtein's, of short words.
func distance(a, b string) int {
	if len(a) > 20 {
		return 20
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func (f Field) compile(v value) (func(Subject) bool, string) {
	switch {
	case f.Name == "status":
		return status(v.text)
	case f.Number:
		return f.number(v.text)
	case f.Name == "dir" && !slices.Contains([]string{"in", "out"}, strings.ToLower(v.text)):
		return nil, "dir: is in (the service answered) or out (it called)."
	case f.Name == "outcome" && !strings.Contains(v.text, "*") && !slices.Contains(outcomes, strings.ToLower(v.text)):
		return nil, fmt.Sprintf("%q is no outcome. There are %s.", v.text, strings.Join(outcomes, ", "))
	case f.Name == "is" && !slices.Contains([]string{"pinned", "new", "error", "anonymous"}, strings.ToLower(v.text)):
		return nil, "is: takes pinned, new (it has new fields), error (4xx, 5xx or no response) or anonymous."
	}
	m := pattern(v, f.Exact)
	if f.Name == "trace" || f.Name == "span" {
		m = prefix(v.text)
	}
	return func(s Subject) bool { return slices.ContainsFunc(s.Text(f.Name), m) }, ""
}

func prefix(text string) func(string) bool {
	text = strings.ToLower(strings.TrimSuffix(text, "*"))
	return func(s string) bool { return strings.HasPrefix(s, text) }
}

// pattern compares texts without regard to case, with asterisks unless it was quoted.
func pattern(v value, exact bool) func(string) bool {
	want := strings.ToLower(v.text)
	switch {
	case !v.quoted && strings.Contains(want, "*"):
		parts := strings.Split(want, "*")
		return func(s string) bool { return glob(strings.ToLower(s), parts) }
	case exact:
		return func(s string) bool { return strings.EqualFold(s, want) || strings.ToLower(s) == want }
	}
	return func(s string) bool { return Contains(s, want) }
}

// glob reports whether the parts stand in s in order, the first at its begin and the last
// at its end.
func glob(s string, parts []string) bool {
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}

// Contains reports whether want, in lower case, stands in s, in whatever case.
func Contains(s, want string) bool {
	if want == "" {
		return true
	}
	for i := range len(want) {
		if want[i] >= 0x80 {
			return strings.Contains(strings.ToLower(s), want)
		}
	}
	lo := want[0]
	up := lo
	if 'a' <= lo && lo <= 'z' {
		up = lo - 'a' + 'A'
	}
	for len(s) >= len(want) {
		i := strings.IndexByte(s[:len(s)-len(want)+1], lo)
		if up != lo {
			most := len(s) - len(want) + 1
			if i >= 0 {
				most = i
			}
			if j := strings.IndexByte(s[:most], up); j >= 0 {
				i = j
			}
		}
		if i < 0 {
			return false
		}
		if strings.EqualFold(s[i:i+len(want)], want) {
			return true
		}
		s = s[i+1:]
	}
	return false
}

// status reads 404, 4xx, >=500, 400-499 and none.
func status(text string) (func(Subject) bool, string) {
	low := strings.ToLower(text)
	if low == "none" || low == "0" {
		return func(s Subject) bool { n, ok := s.Number("status"); return !ok || n == 0 }, ""
	}
	if len(low) == 3 && low[1:] == "xx" && low[0] >= '1' && low[0] <= '9' {
		return between("status", float64(low[0]-'0')*100, float64(low[0]-'0')*100+99), ""
	}
	if m, ok := compare("status", text, func(s string) (float64, bool) {
		n, err := strconv.Atoi(s)
		return float64(n), err == nil && n >= 100 && n <= 999
	}); ok {
		return m, ""
	}
	return nil, fmt.Sprintf("%q is no status. Write a code (404), a class (5xx), a bound (>=500), a range (400-499) or none.", text)
}

func (f Field) number(text string) (func(Subject) bool, string) {
	if m, ok := compare(f.Name, text, func(s string) (float64, bool) { return quantity(f.Name, s) }); ok {
		return m, ""
	}
	switch f.Name {
	case "ms":
		return nil, fmt.Sprintf("%q is no duration. Write milliseconds with a bound, such as ms:>250, or seconds, such as ms:>2s.", text)
	case "bytes", "in", "out":
		return nil, fmt.Sprintf("%q is no size. Write bytes with a bound, such as %s:>500, or %s:>10k, %s:>1m.", text, f.Name, f.Name, f.Name)
	}
	return nil, fmt.Sprintf("%q is no number. Write one with a bound, such as %s:>0.", text, f.Name)
}

// quantity reads a number with its unit: ms and s, k and m (1,000 and 1,000,000).
func quantity(field, s string) (float64, bool) {
	s = strings.ToLower(s)
	unit := 1.0
	cutUnit := func(suffix string, u float64) bool {
		if rest, ok := strings.CutSuffix(s, suffix); ok && rest != "" {
			s, unit = rest, u
			return true
		}
		return false
	}
	switch field {
	case "ms":
		_ = cutUnit("ms", 1) || cutUnit("s", 1000)
	case "bytes", "in", "out":
		cutUnit("b", 1)
		_ = cutUnit("k", 1e3) || cutUnit("m", 1e6)
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 || strings.ContainsAny(s, "xp_") {
		return 0, false
	}
	return n * unit, true
}

func between(field string, lo, hi float64) func(Subject) bool {
	return func(s Subject) bool { n, ok := s.Number(field); return ok && n >= lo && n <= hi }
}

// compare reads >n, >=n, <n, <=n, =n, n and n-m.
func compare(field, text string, number func(string) (float64, bool)) (func(Subject) bool, bool) {
	for _, op := range []string{">=", "<=", ">", "<", "="} {
		rest, ok := strings.CutPrefix(text, op)
		if !ok {
			continue
		}
		n, ok := number(rest)
		if !ok {
			return nil, false
		}
		switch op {
		case ">=":
			return between(field, n, math.Inf(1)), true
		case "<=":
			return between(field, math.Inf(-1), n), true
		case ">":
			return func(s Subject) bool { v, ok := s.Number(field); return ok && v > n }, true
		case "<":
			return func(s Subject) bool { v, ok := s.Number(field); return ok && v < n }, true
		}
		return between(field, n, n), true
	}
	if lo, hi, ok := strings.Cut(text, "-"); ok {
		a, okA := number(lo)
		b, okB := number(hi)
		if !okA || !okB || a > b {
			return nil, false
		}
		return between(field, a, b), true
	}
	n, ok := number(text)
	return between(field, n, n), ok
}

// header reads header:name and header:name=value.
func (t *token) header() (func(Subject) bool, string) {
	name, first, has := strings.Cut(t.values[0].text, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || strings.ContainsAny(name, " *\"") {
		return nil, "header: needs the name of a field, and a value if you like: header:x-tier=gold."
	}
	if !has {
		if len(t.values) > 1 {
			return nil, "header: takes one field. Write header:name=value,value, or a term for each field."
		}
		return func(s Subject) bool { return len(s.Header(name)) > 0 }, ""
	}
	values := slices.Clone(t.values)
	values[0].text = first
	var alts []func(string) bool
	for _, v := range values {
		alts = append(alts, pattern(v, true))
	}
	return func(s Subject) bool {
		return slices.ContainsFunc(s.Header(name), func(got string) bool {
			return slices.ContainsFunc(alts, func(m func(string) bool) bool { return m(got) })
		})
	}, ""
}

// path reads req.$.order.items[*].sku:A1, with the paths of the policy language.
func (t *token) path(side, text string) (func(Subject) bool, string) {
	p, err := redact.ParsePath(text)
	if err != nil {
		return nil, fmt.Sprintf("The path %s %s. Paths are those of policies, such as req.$.order.items[*].sku:A1.", text, strings.TrimSuffix(err.Error(), "."))
	}
	var alts []func(string) bool
	for _, v := range t.values {
		if v.text == "" && !v.quoted {
			v.text = "*"
		}
		alts = append(alts, pattern(v, true))
	}
	return func(s Subject) bool {
		found := false
		var steps []redact.PathStep
		s.Leaves(side, func(at []Step, text string) bool {
			steps = steps[:0]
			for _, a := range at {
				steps = append(steps, redact.PathStep{Name: a.Key, Index: a.Index})
			}
			found = p.Match(steps) && slices.ContainsFunc(alts, func(m func(string) bool) bool { return m(text) })
			return !found
		})
		return found
	}, ""
}
