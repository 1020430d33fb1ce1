// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds what is read of a configuration file.
const maxFile = 16 << 20

// reference is a value that comes from elsewhere, as the Collector writes it. A
// second dollar before it makes it plain text.
var reference = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// elsewhere stands for a value that is not looked up, such as ${https:…}.
var elsewhere any = elsewhereType{}

type elsewhereType struct{}

// tree is a configuration with references resolved.
type tree struct {
	root map[string]any
	// literal says of a path that its value stands in the file as it is.
	literal map[string]bool
	// places says where a path stands.
	places map[string]place
	// mentions are the values that name extensions.
	mentions []mention
	files    int
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// load reads and merges files as the Collector does: maps are merged, all else is
// replaced by the later file.
func load(files []string, r *Report) *tree {
	t := &tree{root: map[string]any{}, literal: map[string]bool{}, places: map[string]place{}}
	r.places = t.places
	for _, name := range files {
		m, err := readFile(name, t.places, "")
		if err != nil {
			r.addf(1, Fail, filepath.Base(name), "%v", err)
			continue
		}
		merge(t.root, m)
		t.files++
	}
	if t.files == len(files) {
		r.addf(1, OK, "", "%d files read", t.files)
	}
	missing := map[string]bool{}
	t.root, _ = t.resolve(t.root, "", missing).(map[string]any)
	for _, what := range slices.Sorted(maps.Keys(missing)) {
		r.addf(2, Fail, what, "is not there: the Collector reads it as empty")
	}
	if len(missing) == 0 {
		r.addf(2, OK, "", "")
	}
	return t
}

// readFile reads a YAML document, and notes where its keys stand.
func readFile(name string, places map[string]place, below string) (map[string]any, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", errors.Unwrap(err))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	_ = f.Close() // it was only read
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxFile:
		return nil, fmt.Errorf("is larger than %d MiB", maxFile>>20)
	}
	var m map[string]any
	if err := yaml.Unmarshal(b, &m); err != nil {
		// The parser's message can quote the text, which may hold a secret.
		if line := regexp.MustCompile(`line \d+`).FindString(err.Error()); line != "" {
			return nil, fmt.Errorf("is no YAML document with keys: see %s", line)
		}
		return nil, errors.New("is no YAML document with keys")
	}
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) == nil && len(doc.Content) == 1 {
		locate(doc.Content[0], filepath.Base(name), below, places)
	}
	return m, nil
}

// locate notes the line of each key and item. Aliases are not followed: what is
// below one is where the alias stands.
func locate(n *yaml.Node, file, path string, places map[string]place) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			sub := join(path, n.Content[i].Value)
			places[sub] = place{file, n.Content[i].Line}
			locate(n.Content[i+1], file, sub, places)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			sub := join(path, strconv.Itoa(i))
			places[sub] = place{file, item.Line}
			locate(item, file, sub, places)
		}
	}
}

func merge(into, from map[string]any) {
	for k, v := range from {
		a, okA := into[k].(map[string]any)
		b, okB := v.(map[string]any)
		if okA && okB {
			merge(a, b)
			continue
		}
		into[k] = v
	}
}

// resolve replaces references by what they name.
func (t *tree) resolve(v any, path string, missing map[string]bool) any {
	switch x := v.(type) {
	case map[string]any:
		for k, sub := range x {
			x[k] = t.resolve(sub, join(path, k), missing)
		}
	case []any:
		for i, sub := range x {
			x[i] = t.resolve(sub, join(path, strconv.Itoa(i)), missing)
		}
	case string:
		if !reference.MatchString(x) {
			t.literal[path] = true
			return x
		}
		return expand(x, missing)
	default:
		t.literal[path] = true
	}
	return v
}

// expand puts in what references name. One that is the whole value may be of any type.
func expand(s string, missing map[string]bool) any {
	unknown := false
	text := reference.ReplaceAllStringFunc(s, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		value, ok := lookUp(ref[2:len(ref)-1], missing)
		unknown = unknown || !ok
		return value
	})
	if unknown {
		return elsewhere
	}
	if loc := reference.FindStringIndex(s); loc[0] == 0 && loc[1] == len(s) && !strings.HasPrefix(s, "$$") {
		var typed any
		if text != "" && yaml.Unmarshal([]byte(text), &typed) == nil {
			switch typed.(type) {
			case bool, int, float64, map[string]any, []any:
				return typed
			}
		}
	}
	return text
}

// lookUp returns what ${ref} stands for, and whether it was looked up.
func lookUp(ref string, missing map[string]bool) (string, bool) {
	scheme, name, ok := strings.Cut(ref, ":")
	switch {
	case !ok || strings.HasPrefix(name, "-"): // ${NAME}, ${NAME:-default}
		scheme, name = "env", ref
	case scheme == "yaml":
		return name, true
	case scheme != "env" && scheme != "file":
		return "", false
	}
	if scheme == "file" {
		b, err := os.ReadFile(name)
		if err != nil {
			missing["file "+filepath.Base(name)] = true
		}
		return strings.TrimSpace(string(b)), true
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	v, set := os.LookupEnv(name)
	if !set && !hasFallback {
		missing["environment variable "+name] = true
	}
	if v == "" {
		return fallback, true
	}
	return v, true
}

// at returns the value at a path of keys: nil if there is none, elsewhere if it is
// below something that is not looked up.
func at(v any, keys ...string) any {
	for _, k := range keys {
		if v == elsewhere {
			return v
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(v any) string {
	if v == nil || v == elsewhere {
		return ""
	}
	return fmt.Sprint(v)
}

// empty reports whether a required value is not there.
func empty(v any) bool { return v == nil || v == "" }

func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, x := range list {
		all = append(all, text(x))
	}
	return all
}

// number returns a whole number, or fallback if v is none.
func number(v any, fallback int64) int64 {
	switch x := v.(type) {
	case int:
		return int64(x)
	case int64:
		return x
	case float64:
		return int64(x)
	}
	return fallback
}

// kind is the type of a component id such as "api_analytics/moesif".
func kind(id string) string {
	k, _, _ := strings.Cut(id, "/")
	return k
}

func section(t *tree, name string) map[string]any {
	m, _ := t.root[name].(map[string]any)
	return m
}

func ids(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
