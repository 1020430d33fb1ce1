// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fencedBlock  = regexp.MustCompile("(?ms)^```.*?^```")
	inlineCode   = regexp.MustCompile("`[^`\n]*`")
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// TestLinks: every relative link of every page leads to a file, and to a heading if it
// names one.
func TestLinks(t *testing.T) {
	t.Parallel()
	root, pages := repoRoot(t), map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (name[0] == '.' || name[0] == '_' || name == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			text, err := os.ReadFile(path)
			pages[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	links := 0
	for page, text := range pages {
		name, _ := filepath.Rel(root, page)
		prose := inlineCode.ReplaceAllString(fencedBlock.ReplaceAllString(text, ""), "")
		for _, m := range markdownLink.FindAllStringSubmatch(prose, -1) {
			link, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(link, ":") {
				continue // elsewhere
			}
			links++
			target := page
			if link != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(link))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if anchor != "" && strings.HasSuffix(target, ".md") && !anchors(pages[target])[anchor] {
				t.Errorf("%s: %s: the page has no such heading", name, m[1])
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}
