// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command new writes the files of a new backend, which pass the suite as they are, and
// enters it in the registry and the README:
//
//	go run ./internal/backend/new NAME       # in exporter/apianalyticsexporter
//	go run ./internal/backend/new -vendors   # only the list of the vendors' sides
//
// What is to be filled in is marked TODO. The list, for tests, follows from the
// registry; "make generate" writes it, too.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

const (
	module  = "github.com/apispan/apispan/exporter/apianalyticsexporter"
	folder  = "internal/backend/"
	vendors = folder + "vendors/vendors.go"
)

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("write the backend's name: go run ./internal/backend/new NAME"))
	}
	var files map[string][]byte
	var err error
	if os.Args[1] == "-vendors" {
		files = make(map[string][]byte)
		err = addVendors(".", files)
	} else {
		files, err = backendFiles(".", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	for name, text := range files {
		if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
			err = os.WriteFile(name, text, 0o644)
		}
		if err != nil {
			fail(err)
		}
	}
	if os.Args[1] != "-vendors" {
		fmt.Printf("written: %s%s. Next: fill in what is marked TODO there, then\n\tgo test ./%[1]s%[2]s -update\n", folder, os.Args[1])
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// backendFiles returns the files to write below root, the exporter's folder, by name.
func backendFiles(root, name string) (map[string][]byte, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(name) {
		return nil, fmt.Errorf("%q is no name of a backend: write lower-case letters and digits, such as acme; it becomes the key of the configuration", name)
	}
	if _, err := os.Stat(filepath.Join(root, folder, name)); err == nil {
		return nil, fmt.Errorf("%s%s exists already: choose another name", folder, name)
	}
	data := struct{ Name, Title string }{name, strings.ToUpper(name[:1]) + name[1:]}
	files := make(map[string][]byte)
	for _, file := range []string{"doc.go", "settings.go", "event.go", "conformance_test.go", "golden_test.go", "vendor.go"} {
		t, err := template.ParseFS(templates, "template/"+file+".tmpl")
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return nil, err
		}
		to := path.Join(folder, name, file)
		if file == "vendor.go" {
			to = path.Join(folder, name, name+"test", name+"test.go")
		}
		files[to] = b.Bytes()
	}
	for _, e := range []struct{ file, before, text string }{
		{"backends.go", "\t\"" + module + "/internal/backend/webhook\"\n", fmt.Sprintf("\t%q\n", module+"/"+folder+name)},
		{"backends.go", "\t// Webhook selects", fmt.Sprintf("\t// %s selects %s.\n\t%s configoptional.Optional[%s.Config] `mapstructure:%q`\n", data.Title, data.Title, data.Title, name, name)},
		{"README.md", "| `webhook::` |", fmt.Sprintf("| `%s::` | default | meaning |\n| --- | --- | --- |\n| `endpoint` | required | the vendor's URL |\n| `api_key` | required | TODO |\n\n", name)},
		{"README.md", "`webhook` | – | the backend; exactly one |", "`" + name + "`, "},
	} {
		text, ok := files[e.file]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, err
			}
		}
		at := bytes.Index(text, []byte(e.before))
		if at < 0 {
			return nil, fmt.Errorf("%s does not hold %q, before which the backend is entered", e.file, strings.TrimSpace(e.before))
		}
		files[e.file] = append(append(bytes.Clone(text[:at]), e.text...), text[at:]...)
	}
	if err := addVendors(root, files); err != nil {
		return nil, err
	}
	for file, text := range files {
		if strings.HasSuffix(file, ".go") {
			formatted, err := format.Source(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			files[file] = formatted
		}
	}
	return files, nil
}

// addVendors adds the list of the vendors' sides, by the registry, which may be among
// the files already.
func addVendors(root string, files map[string][]byte) error {
	registry, ok := files["backends.go"]
	if !ok {
		var err error
		if registry, err = os.ReadFile(filepath.Join(root, "backends.go")); err != nil {
			return err
		}
	}
	var names []string
	for _, m := range regexp.MustCompile(`configoptional\.Optional\[(\w+)\.Config\]`).FindAllSubmatch(registry, -1) {
		names = append(names, string(m[1]))
	}
	if len(names) == 0 {
		return errors.New("backends.go holds no registry: run this in exporter/apianalyticsexporter")
	}
	slices.Sort(names)
	t, err := template.ParseFS(templates, "template/vendors.go.tmpl")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, names); err != nil {
		return err
	}
	files[vendors], err = format.Source(b.Bytes())
	return err
}
