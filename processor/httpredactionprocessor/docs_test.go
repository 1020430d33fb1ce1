// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReadmeShowsTestedConfigs: the YAML in the README is the YAML that is tested.
func TestReadmeShowsTestedConfigs(t *testing.T) {
	t.Parallel()
	doc := readme(t)
	file, err := os.ReadFile("testdata/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"http_redaction", "http_redaction/full", "http_redaction/session"} {
		_, rest, ok := strings.Cut(string(file), "\n"+name+":\n")
		if !ok {
			t.Fatalf("no %s in testdata/config.yaml", name)
		}
		block, _, _ := strings.Cut(rest, "\n\n")
		var want strings.Builder
		for line := range strings.Lines(strings.TrimRight(block, "\n") + "\n") {
			want.WriteString("  " + line)
		}
		if !strings.Contains(doc, want.String()) {
			t.Errorf("README.md does not hold %s as it is tested:\n%s", name, want.String())
		}
	}
}

// TestReadmeNamesEveryKey: the table has each configuration key.
func TestReadmeNamesEveryKey(t *testing.T) {
	t.Parallel()
	doc := readme(t)
	typ := reflect.TypeFor[Config]()
	for i := range typ.NumField() {
		if key := typ.Field(i).Tag.Get("mapstructure"); !strings.Contains(doc, "| `"+key+"` |") {
			t.Errorf("README.md has no row for %s", key)
		}
	}
	for _, target := range identityTargets {
		last := target[strings.LastIndexByte(target, '.'):]
		if !strings.Contains(doc, "`"+target+"`") && !strings.Contains(doc, "`"+last+"`") {
			t.Errorf("README.md does not name the identity target %s", target)
		}
	}
}

// TestReadmeHasTheVocabularies: the table of vocabularies is the code's.
func TestReadmeHasTheVocabularies(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	for _, name := range vocabularyNames() {
		var rows []string
		for from, to := range vocabularies[name] {
			if from != to {
				rows = append(rows, fmt.Sprintf("`%s` as `%s`", from, to))
			}
		}
		slices.Sort(rows)
		if len(rows) == 0 {
			rows = []string{"as it is"}
		}
		fmt.Fprintf(&want, "| `%s` | %s |\n", name, strings.Join(rows, ", "))
	}
	const mark = "| name | read as |\n|---|---|\n"
	doc := readme(t)
	before, rest, ok := strings.Cut(doc, mark)
	if !ok {
		t.Fatal("README.md has no table of vocabularies")
	}
	table, after, _ := strings.Cut(rest, "\n\n")
	if table+"\n" == want.String() {
		return
	}
	if !*update {
		t.Fatalf("the table of vocabularies in README.md is not that of the code; run with -update")
	}
	if err := os.WriteFile("README.md", []byte(before+mark+want.String()+"\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
