// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// What the page may weigh: it is read whole when it is opened, and by people who want to know
// what it does with their data. Growth is a decision: this is what it has, and a little more.
const (
	maxBytes = 60_000 // of scripts and styles as they are served
	maxHTML  = 26_000 // of what never changes: what the scripts and styles would else have to tell
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
	bytes, html, lines := 0, 0, 0
	sent(t, func(name, text string) {
		if name == entry || path.Ext(name) == ".css" { // a browser asks for no other
			bytes += len(text)
		}
		if path.Ext(name) == ".html" {
			html += len(text)
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
	t.Logf("%d bytes of scripts and styles served, %d of HTML, %d lines", bytes, html, lines)
	if bytes > maxBytes || lines > maxLines {
		t.Errorf("scripts and styles: %d bytes, %d lines; at most %d and %d", bytes, lines, maxBytes, maxLines)
	}
	if html > maxHTML {
		t.Errorf("HTML: %d bytes, at most %d", html, maxHTML)
	}
}

// What is served is smaller than what is written, and the same program: all that is imported is in one script, once,
// and nothing is asked for or given. The tests of the page run what is served.
func TestSmall(t *testing.T) {
	named := regexp.MustCompile(`(?m)^(?:export )?(?:async )?(?:const|let|function|class) (\w+)`)
	where := map[string]string{}
	whole := 0
	each(t, func(name, text string) {
		if path.Ext(name) != ".js" {
			return
		}
		whole += len(text)
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if other := where[m[1]]; other != "" {
				t.Errorf("%s and %s both have %s: all scripts are one when they are served", name, other, m[1])
			}
			where[m[1]] = name
		}
		if strings.Contains(text, "export default") || strings.Contains(text, "export {") || regexp.MustCompile(`import.* as `).MatchString(text) {
			t.Errorf("%s imports or exports by another name", name)
		}
	})
	sent(t, func(name, text string) {
		src, _ := files.ReadFile("files/" + name)
		switch {
		case name == entry:
			if len(text) > whole*3/4 || !strings.HasPrefix(text, "(()=>{") || regexp.MustCompile(`(?m)(?:^|[;{}])(?:import|export)[ {]`).MatchString(text) {
				t.Errorf("%d bytes are served of %d: %.80s", len(text), whole, text)
			}
			for _, m := range regexp.MustCompile(`'[A-Z][a-z]+ [a-z ]{12,}[^'$]*'`).FindAllString(string(src), -1) {
				if !strings.Contains(text, m[1:len(m)-1]) {
					t.Errorf("%s is not served", m)
				}
			}
		case path.Ext(name) == ".css":
			if got, want := strings.Count(text, "@media"), strings.Count(string(src), "@media"); got != want {
				t.Errorf("%s: %d media, not %d", name, got, want)
			}
			if len(text) > len(src)*9/10 {
				t.Errorf("%s: %d bytes are served of %d", name, len(text), len(src))
			}
		case text != string(src):
			t.Errorf("%s is not what is written", name)
		}
	})
}

// What cannot be made one script is served as it is written, each file for itself.
func TestNotSmall(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no script":        {entry: {Data: []byte("let a = ;")}},
		"one name for two": {entry: {Data: []byte("import { b } from './b.js';\nconst a = b;")}, "b.js": {Data: []byte("export const b = 1;\nconst a = 2;")}},
		"a missing file":   {entry: {Data: []byte("import { b } from './b.js';\nconst a = b;")}},
	} {
		got, err := served{files, &sync.Map{}}.ReadFile(entry)
		if want := string(files[entry].Data); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
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
