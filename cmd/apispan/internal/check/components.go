// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	_ "embed" // components.txt
	"strings"
	"sync"
)

// components.txt says what the configuration of each component of otelcol-apispan may
// hold. It is made from that build itself, one fact a line:
//
//	component SECTION TYPE VERSION MODULE
//	                                 "own" for the version of this project's components
//	signals SIGNAL...                the pipelines that it can stand in
//	key PATH KIND                    "*" is any key of a map, "[]" an item of a list
//	open PATH                        other keys below PATH are taken, too
//	choice BLOCK                     exactly one of these is set
//	none MESSAGE                     what is wrong if none is
//	required BLOCK KEY[|KEY] MESSAGE one of the keys must not be empty if BLOCK is set
//	nologs BLOCK MESSAGE             why it cannot stand in a logs pipeline with BLOCK
//	words PATH WORD...               all values that the key takes
//	backend BLOCK SECRETKEY ENDPOINT PROBE HEADER
//	                                 where BLOCK's events go if nothing is written, and how
//	                                 to ask whether the credential is known; "-" for none
//
//go:generate go run -C ../../../../test ./componentkeys -write
//go:embed components.txt
var componentsText string

// component is what is known of a component type.
type component struct {
	section, typ, version string
	signals               []string
	keys                  map[string]string // kind by path
	open                  map[string]bool
	choices               []string
	none                  string
	required              []required
	nologs                map[string]string
	words                 map[string][]string
	backends              []backend
}

type required struct {
	block   string
	keys    []string
	message string
}

func (c *component) own() bool { return c.version == "own" }

// components returns what is known, by section and type.
var components = sync.OnceValue(func() map[string]map[string]*component {
	all := map[string]map[string]*component{}
	var c *component
	for line := range strings.Lines(componentsText) {
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		first, after, _ := strings.Cut(rest, " ")
		switch word {
		case "component":
			f := strings.Fields(rest)
			c = &component{
				section: f[0], typ: f[1], version: f[2], keys: map[string]string{}, open: map[string]bool{},
				nologs: map[string]string{}, words: map[string][]string{},
			}
			if all[c.section] == nil {
				all[c.section] = map[string]*component{}
			}
			all[c.section][c.typ] = c
		case "signals":
			c.signals = strings.Fields(rest)
		case "key":
			c.keys[first] = after
		case "open":
			c.open[strings.TrimPrefix(first, ".")] = true
		case "choice":
			c.choices = append(c.choices, first)
		case "none":
			c.none = rest
		case "required":
			keys, message, _ := strings.Cut(after, " ")
			c.required = append(c.required, required{first, strings.Split(keys, "|"), message})
		case "nologs":
			c.nologs[first] = after
		case "backend":
			f := strings.SplitN(rest, " ", 5)
			for i := range f {
				f[i] = strings.TrimPrefix(f[i], "-")
			}
			c.backends = append(c.backends, backend{name: f[0], secret: f[1], endpoint: f[2], probe: f[3], header: f[4]})
		case "words":
			c.words[first] = strings.Fields(after)
		}
	}
	return all
})
