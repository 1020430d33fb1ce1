// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// binaryName is what is looked for on PATH.
const binaryName = "otelcol-apispan"

// maxValidate is how long the Collector's own validation may take.
const maxValidate = time.Minute

// checkCollector asks a Collector binary whether it accepts the configuration: it
// also knows the values that keys may have.
func checkCollector(ctx context.Context, t *tree, o Options, r *Report) {
	binary := o.Collector
	switch binary {
	case "none":
		r.addf(19, Skip, "", "not asked")
		return
	case "":
		found, err := exec.LookPath(binaryName)
		if err != nil {
			r.addf(19, Skip, "", "%s is not on PATH: name it with --collector, and values are checked, too", binaryName)
			return
		}
		binary = found
	}
	args := []string{"validate"}
	for _, f := range o.Files {
		args = append(args, "--config", f)
	}
	ctx, cancel := context.WithTimeout(ctx, maxValidate)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	name := filepath.Base(binary)
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.addf(19, OK, "", "%s accepts it", name)
		return
	case ctx.Err() != nil:
		r.addf(19, Fail, "", "%s did not answer in %s", name, maxValidate)
		return
	case !errors.As(err, &exit):
		r.addf(19, Fail, "", "%s cannot be run: name a Collector's binary with --collector", name)
		return
	}
	for _, line := range problems(t, string(out)) {
		about := ""
		if path, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(path, "::") && !strings.Contains(path, " ") {
			about, line = path, rest
		}
		r.addf(19, Fail, about, "%s", line)
	}
}

// problems are the lines of a Collector's message that say something, without the
// values of the configuration, which decoders quote.
func problems(t *tree, out string) (lines []string) {
	values := secretValues(t.root)
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "Error: "))
		if line == "" || strings.HasSuffix(line, "decoding failed due to the following error(s):") {
			continue
		}
		for _, v := range values {
			line = strings.ReplaceAll(line, v, "[…]")
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = []string{"refuses it, and says nothing"}
	}
	return lines
}

// secretValues are the texts of a configuration that could be a secret: all that are
// neither short nor the name of a component.
func secretValues(v any) (all []string) {
	switch x := v.(type) {
	case map[string]any:
		for _, sub := range x {
			all = append(all, secretValues(sub)...)
		}
	case []any:
		for _, sub := range x {
			all = append(all, secretValues(sub)...)
		}
	case string:
		if len(x) >= 6 && !componentName(kind(x)) {
			all = append(all, x)
		}
	}
	return all
}

func componentName(typ string) bool {
	return slices.ContainsFunc(sections, func(s string) bool { return components()[s][typ] != nil })
}
