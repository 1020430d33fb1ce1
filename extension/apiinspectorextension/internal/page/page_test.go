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
// what it does with their data.
const (
	maxBytes = 144 << 10
	maxLines = 3000
	maxFile  = 400 // lines
)

func each(t *testing.T, fn func(name, text string)) {
	t.Helper()
	n := 0
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files(), name)
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
	each(t, func(name, text string) {
		n := strings.Count(text, "\n")
		if n > maxFile {
			t.Errorf("%s: %d lines, more than %d", name, n, maxFile)
		}
		if !strings.Contains(text, "SPDX-License-Identifier: Apache-2.0") && path.Ext(name) != ".svg" {
			t.Errorf("%s: no licence line", name)
		}
		if e := path.Ext(name); e == ".js" || e == ".css" {
			bytes, lines = bytes+len(text), lines+n
		}
	})
	t.Logf("%d bytes, %d lines", bytes, lines)
	if bytes > maxBytes || lines > maxLines {
		t.Errorf("scripts and styles: %d bytes, %d lines; at most %d and %d", bytes, lines, maxBytes, maxLines)
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
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(string(index), -1) {
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
