// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds what is read of a configuration file.
const maxFile = 16 << 20

// reference is a value that comes from elsewhere, as the Collector writes it.
var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// tree is a configuration with references resolved.
type tree struct {
	root map[string]any
	// literal says of a path that its value stands in the file as it is.
	literal map[string]bool
	files   int
}

// load reads and merges files as the Collector does: maps are merged, all else is
// replaced by the later file.
func load(files []string, r *Report) *tree {
	t := &tree{root: map[string]any{}, literal: map[string]bool{}}
	for _, name := range files {
		m, err := readFile(name)
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

func readFile(name string) (map[string]any, error) {
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
		line := regexp.MustCompile(`line \d+`).FindString(err.Error())
		return nil, fmt.Errorf("is no YAML document with keys (%s): run otelcol-apispan validate", line)
	}
	return m, nil
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
			x[i] = t.resolve(sub, path, missing)
		}
	case string:
		if !reference.MatchString(x) {
			t.literal[path] = true
			return x
		}
		text := reference.ReplaceAllStringFunc(x, func(ref string) string {
			return lookUp(ref[2:len(ref)-1], missing)
		})
		var typed any
		if text != "" && yaml.Unmarshal([]byte(text), &typed) == nil {
			switch typed.(type) {
			case bool, int, float64:
				return typed
			}
		}
		return text
	default:
		t.literal[path] = true
	}
	return v
}

// lookUp returns what ${ref} stands for.
func lookUp(ref string, missing map[string]bool) string {
	scheme, name, ok := strings.Cut(ref, ":")
	if !ok || scheme != "env" && scheme != "file" {
		scheme, name = "env", ref
	}
	if scheme == "file" {
		b, err := os.ReadFile(name)
		if err != nil {
			missing["file "+filepath.Base(name)] = true
		}
		return strings.TrimSpace(string(b))
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	v, set := os.LookupEnv(name)
	if !set && !hasFallback {
		missing["environment variable "+name] = true
	}
	if v == "" {
		return fallback
	}
	return v
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "::" + key
}

// at returns the value at a path of keys, nil if there is none.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

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
