// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/attributes.md")

// TestVocabulary: no key twice, and of one meaning no rank twice.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	type slot struct {
		means string
		rank  uint8
	}
	keys, slots := map[string]bool{}, map[slot]string{}
	for _, e := range Entries() {
		if keys[e.Key] {
			t.Errorf("%s is listed twice", e.Key)
		}
		keys[e.Key] = true
		s := slot{e.Means, e.Rank}
		if other := slots[s]; other != "" {
			t.Errorf("%s and %s have the same rank", e.Key, other)
		}
		slots[s] = e.Key
		if (e.As == e.Key) != (e.Rank == 0) {
			t.Errorf("%s has rank %d", e.Key, e.Rank)
		}
		if strings.HasSuffix(e.Key, ".") != strings.HasSuffix(e.As, ".") {
			t.Errorf("%s is a prefix or %s is, not both", e.Key, e.As)
		}
		if got := Lookup(e.Key); got == nil || got.Key != e.Key {
			t.Errorf("%s is not found", e.Key)
		}
		if p, rest := Below(e.Key + "x"); strings.HasSuffix(e.Key, ".") && (p == nil || p.Key != e.Key || rest != "x") {
			t.Errorf("nothing is found below %s", e.Key)
		}
	}
	for _, key := range []string{"", "h", "http.", "http.request.header", "apispan.metadata.", "rpc.x", "some.key"} {
		if p, _ := Below(key); p != nil {
			t.Errorf("%q is below %s", key, p.Key)
		}
	}
}

const attributesDoc = "../../docs/attributes.md"

// TestAliasesAreDocumented: the table of docs/attributes.md is that of the code.
func TestAliasesAreDocumented(t *testing.T) {
	t.Parallel()
	var order []string
	rows := map[string][]Entry{}
	for _, e := range Entries() {
		if e.As == e.Key {
			continue
		}
		if rows[e.As] == nil {
			order = append(order, e.As)
		}
		rows[e.As] = append(rows[e.As], e)
	}
	var table strings.Builder
	for _, as := range order {
		slices.SortStableFunc(rows[as], func(a, b Entry) int { return int(a.Rank) - int(b.Rank) })
		var names []string
		for _, e := range rows[as] {
			names = append(names, "`"+shown(e.Key)+"`")
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", shown(as), rows[as][0].Place, strings.Join(names, ", "))
	}
	doc := readDoc(t)
	const mark = "| Current key | Place | Aliases |\n|---|---|---|\n"
	before, rest, ok := strings.Cut(doc, mark)
	if !ok {
		t.Fatal("docs/attributes.md has no table of aliases")
	}
	was, after, _ := strings.Cut(rest, "\n\n")
	if was+"\n" == table.String() {
		return
	}
	if !*update {
		t.Fatal("the table of aliases in docs/attributes.md is not that of the code; run go test ./internal/httpattr -update")
	}
	if err := os.WriteFile(attributesDoc, []byte(before+mark+table.String()+"\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown is a key as documents write it.
func shown(key string) string {
	if strings.HasSuffix(key, ".") {
		return key + "<name>"
	}
	return key
}

// TestKindsAreDocumented: each key with a kind has a row that says so.
func TestKindsAreDocumented(t *testing.T) {
	t.Parallel()
	kinds := map[string][]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(readDoc(t), -1) {
		kinds[m[1]] = append(kinds[m[1]], strings.TrimSpace(m[2]))
	}
	for _, e := range Entries() {
		key := shown(e.Key)
		if e.Key == MetadataPrefix {
			key = e.Key + "<key>"
		}
		if e.As == e.Key && e.Kind != "" && !slices.Contains(kinds[key], e.Kind) {
			t.Errorf("%s: the document says %q, the code %q", key, kinds[key], e.Kind)
		}
	}
}

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(attributesDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// BenchmarkLookup is what each attribute of a span costs a reader.
func BenchmarkLookup(b *testing.B) {
	keys := []string{RequestMethod, Route, RequestHeaderPrefix + "content-type", ResponseHeaderPrefix + "x-request-id", RequestBody, "some.key"}
	b.ReportAllocs()
	for b.Loop() {
		for _, k := range keys {
			if Lookup(k) == nil {
				Below(k)
			}
		}
	}
}
