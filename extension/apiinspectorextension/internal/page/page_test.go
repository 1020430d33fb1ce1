// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the page may weigh: it is read whole when it is opened, and by people who want to know
// what it does with their data. Growth is a decision: this is what it has, and a little more.
const (
	maxBytes = 78 << 10 // of scripts and styles as they are served
	maxLines = 3000
	maxFile  = 400 // lines
)

// each looks at the files as they are written, and sent at them as they are sent.
func each(t *testing.T, fn func(name, text string)) {
	t.Helper()
	walk(t, func(name string) ([]byte, error) { return files.ReadFile("files/" + name) }, fn)
}

func sent(t *testing.T, fn func(name, text string)) {
	t.Helper()
	walk(t, func(name string) ([]byte, error) { return fs.ReadFile(Files(), name) }, fn)
}

func walk(t *testing.T, read func(name string) ([]byte, error), fn func(name, text string)) {
	t.Helper()
	n := 0
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := read(name)
		fn(name, string(text))
		n++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 5 {
		t.Fatalf("only %d files", n)
	}
}

func TestSize(t *testing.T) {
	bytes, lines := 0, 0
	sent(t, func(name, text string) {
		if e := path.Ext(name); e == ".js" || e == ".css" {
			bytes += len(text)
		}
	})
	each(t, func(name, text string) {
		n := strings.Count(text, "\n")
		if n > maxFile {
			t.Errorf("%s: %d lines, more than %d", name, n, maxFile)
		}
		if !strings.Contains(text, "SPDX-License-Identifier: Apache-2.0") && path.Ext(name) != ".svg" {
			t.Errorf("%s: no licence line", name)
		}
		if e := path.Ext(name); e == ".js" || e == ".css" {
			lines += n
		}
	})
	t.Logf("%d bytes served, %d lines", bytes, lines)
	if bytes > maxBytes || lines > maxLines {
		t.Errorf("scripts and styles: %d bytes, %d lines; at most %d and %d", bytes, lines, maxBytes, maxLines)
	}
}

// What is served is smaller than what is written, and the same program: each file asks for and
// gives what it did. The tests of the page run what is served.
func TestSmall(t *testing.T) {
	whole := map[string]string{}
	each(t, func(name, text string) { whole[name] = text })
	given := regexp.MustCompile(`\bexport (?:default |async )*(?:const|function|class) (\w+)`)
	asked := regexp.MustCompile(`from ?['"](\./\w+\.js)['"]`)
	names := func(re *regexp.Regexp, text string) string {
		var out []string
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	sent(t, func(name, text string) {
		src := whole[name]
		switch path.Ext(name) {
		case ".js":
			if got, want := names(given, text), names(given, src); got != want {
				t.Errorf("%s gives %q, not %q", name, got, want)
			}
			if got, want := names(asked, text), names(asked, src); got != want {
				t.Errorf("%s asks for %q, not %q", name, got, want)
			}
		case ".css":
			if got, want := strings.Count(text, "@media"), strings.Count(src, "@media"); got != want {
				t.Errorf("%s: %d media, not %d", name, got, want)
			}
		default:
			if text != src {
				t.Errorf("%s is not what is written", name)
			}
			return
		}
		if len(text) > len(src)*9/10 {
			t.Errorf("%s: %d bytes are served of %d", name, len(text), len(src))
		}
	})
	if got := string(small("x.js", []byte("let a = ;"))); got != "let a = ;" {
		t.Errorf("what is no script is served as %q", got)
	}
}

// Captured text is never read as markup or as a program, and nothing is asked of another host.
func TestNothingInterpretsText(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|createContextualFragment|` +
		`DOMParser|srcdoc|\beval\b|new Function|set(?:Timeout|Interval)\(\s*['"` + "`" + `]|javascript:|setAttribute\(\s*'(?:style|on)|cssText|` +
		`\bimport\(|importScripts|new Worker|XMLHttpRequest|sendBeacon|WebSocket`)
	each(t, func(name, text string) {
		if m := forbidden.FindString(text); m != "" {
			t.Errorf("%s: %s", name, m)
		}
	})
}

// The policy of the page allows its own files only: no style or handler in the document, and
// each file that is asked for is there.
func TestDocument(t *testing.T) {
	index, err := fs.ReadFile(Files(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?i)\s(?:style|on\w+)\s*=|<style|<script[^>]*>[^<]`).FindString(string(index)); m != "" {
		t.Errorf("index.html: %q is not allowed by its policy", m)
	}
	wanted := map[string]bool{"index.html": true}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(string(index), -1) {
		wanted[m[1]] = true
	}
	imports := regexp.MustCompile(`(?m)^import [^;]*?from '\./([^']+)';$|^import '\./([^']+)';$`)
	each(t, func(name, text string) {
		if path.Ext(name) != ".js" {
			return
		}
		found := imports.FindAllStringSubmatch(text, -1)
		if n := len(regexp.MustCompile(`(?m)^import\b`).FindAllString(text, -1)); n != len(found) {
			t.Errorf("%s: %d of %d imports are of files beside it", name, len(found), n)
		}
		for _, m := range found {
			wanted[m[1]+m[2]] = true
		}
	})
	there := map[string]bool{}
	each(t, func(name, _ string) { there[name] = true })
	for name := range wanted {
		if !there[name] {
			t.Errorf("%s is asked for and not there", name)
		}
	}
	for name := range there {
		if !wanted[name] {
			t.Errorf("%s is asked for by nothing", name)
		}
	}
}
