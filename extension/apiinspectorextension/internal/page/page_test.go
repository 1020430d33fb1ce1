// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// What the page may weigh: it is read whole when it is opened, and by people who want to know
// what it does with their data. Growth is a decision: this is what it has, and a little more.
const (
	maxBytes = 101 << 10 // of scripts and styles as they are served
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

// Lines of comments are not served, and nothing else is lost: no text goes over several lines,
// and nothing stands behind the end of a comment.
func TestComments(t *testing.T) {
	src := "// one\nlet a = 1; // stays\n/** two\n * three */\n  /* four */\nlet b = '// stays';\n"
	want := "\nlet a = 1; // stays\n\n\n\nlet b = '// stays';\n"
	if got := string(withoutComments([]byte(src))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	each(t, func(name, text string) {
		if e := path.Ext(name); e != ".js" && e != ".css" {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%s:%d: a text of several lines", name, i+1)
			}
			if begin, end, ok := strings.Cut(strings.TrimSpace(line), "*/"); ok && end != "" && (begin == "" || begin[0] == '/' || begin[0] == '*') {
				t.Errorf("%s:%d: something behind a comment", name, i+1)
			}
		}
	})
	sent(t, func(name, text string) {
		raw, err := files.ReadFile("files/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(text, "\n") != strings.Count(string(raw), "\n") {
			t.Errorf("%s: lines have other numbers than in the source", name)
		}
	})
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
