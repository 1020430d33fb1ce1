// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

const (
	maxRules  = 2_000
	maxPlaces = 50
	ruleStep  = 600 // seconds
	ruleSteps = 37  // six hours; what is older stands together
)

// Rules counts what the rules of redactions did to the exchanges that were looked at.
type Rules struct {
	mu   sync.Mutex
	hits map[ruleKey]*hits
}

type ruleKey struct{ component, rule string }

type hits struct {
	cells   []stepCell
	places  map[string]int64
	actions map[string]int64
	last    time.Time
	example inspect.Key
}

// RuleHits is what one rule did.
type RuleHits struct {
	Component, Rule string
	Hits            int64
	Places, Actions map[string]int64
	Last            time.Time
	Example         inspect.Key
}

func newRules() *Rules { return &Rules{hits: map[ruleKey]*hits{}} }

func (r *Rules) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits = map[ruleKey]*hits{}
}

func (r *Rules) add(now time.Time, k inspect.Key, component string, why []inspect.Decision) {
	if len(why) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range why {
		d := &why[i]
		key := ruleKey{component, d.Rule}
		h := r.hits[key]
		if h == nil {
			if len(r.hits) >= maxRules {
				continue
			}
			h = &hits{places: map[string]int64{}, actions: map[string]int64{}}
			r.hits[key] = h
		}
		n := int64(max(d.N, 1))
		h.cells = addStep(h.cells, now.Unix(), n)
		h.last, h.example = now, k
		h.actions[d.Action] += n
		place := strings.TrimSpace(d.Place + " " + d.Path)
		if _, ok := h.places[place]; !ok && len(h.places) >= maxPlaces {
			place = Other
		}
		h.places[place] += n
	}
}

// Since lists the rules that hit, with their hits after a time.
func (r *Rules) Since(from time.Time) []RuleHits {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]RuleHits, 0, len(r.hits))
	for k, h := range r.hits {
		o := RuleHits{Component: k.component, Rule: k.rule, Hits: sinceStep(h.cells, from.Unix()), Places: map[string]int64{}, Actions: map[string]int64{}, Last: h.last, Example: h.example}
		maps.Copy(o.Places, h.places)
		maps.Copy(o.Actions, h.actions)
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b RuleHits) int {
		if a.Hits != b.Hits {
			return int(min(max(b.Hits-a.Hits, -1), 1))
		}
		return strings.Compare(a.Component+a.Rule, b.Component+b.Rule)
	})
	return out
}

// stepCell counts in one step of ten minutes.
type stepCell struct {
	from uint32 // Unix seconds
	n    uint32
}

func addStep(cells []stepCell, now, n int64) []stepCell {
	from := uint32(now - now%ruleStep)
	if l := len(cells); l == 0 || cells[l-1].from < from {
		if l >= ruleSteps { // the two oldest become one
			cells[1].n += cells[0].n
			cells = slices.Delete(cells, 0, 1)
		}
		cells = append(cells, stepCell{from: from})
	}
	cells[len(cells)-1].n += uint32(n)
	return cells
}

func sinceStep(cells []stepCell, from int64) (n int64) {
	for _, c := range cells {
		if int64(c.from)+ruleStep > from {
			n += int64(c.n)
		}
	}
	return n
}
