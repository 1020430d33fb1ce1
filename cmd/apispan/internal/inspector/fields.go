// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspector

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Inventory is the list of fields that an inspector has seen, and to whom they leave.
type Inventory struct {
	Learning bool     `json:"learning"`
	Looked   int64    `json:"looked"`
	Seen     int64    `json:"seen"`
	Rows     *[]Field `json:"rows"`
}

// Field is one path at one endpoint.
type Field struct {
	Service    string   `json:"service"`
	Endpoint   string   `json:"endpoint"`
	Location   string   `json:"location"`
	Path       string   `json:"path"`
	Decision   string   `json:"decision"`
	Leaves     []string `json:"leaves"`
	Unchanged  bool     `json:"unchanged"`
	Suspicious string   `json:"suspicious"`
}

// ReadInventory reads the JSON of GET /api/fields.
func ReadInventory(doc []byte) (Inventory, error) {
	var inv Inventory
	if err := json.Unmarshal(doc, &inv); err != nil || inv.Rows == nil {
		return inv, errors.New("it is no inventory: write one with apispan fields get > FILE")
	}
	return inv, nil
}

// Change is a difference between two inventories that somebody should look at.
type Change struct {
	Field

	// What is "new", "leaves" (to a backend that did not get it), "unchanged" (was redacted,
	// and leaves as it came now) or "suspicious" (a detector fires on what leaves).
	What string   `json:"what"`
	To   []string `json:"to,omitempty"` // of "leaves"
}

type fieldKey struct{ service, endpoint, location, path string }

// Diff lists what is new in is, in the order of its endpoints, and counts the fields that are
// gone. With leaving, new fields that leave to nobody are not listed.
func Diff(was, is Inventory, leaving bool) (changes []Change, gone int) {
	changes = []Change{}
	old := map[fieldKey]Field{}
	for _, f := range *was.Rows {
		k := fieldKey{f.Service, f.Endpoint, f.Location, f.Path}
		if o, twice := old[k]; twice { // what any of them did is known
			f.Leaves = append(slices.Clone(o.Leaves), f.Leaves...)
			f.Unchanged = f.Unchanged || o.Unchanged
			f.Suspicious = cmp.Or(f.Suspicious, o.Suspicious)
		}
		old[k] = f
	}
	known := len(old)
	met := map[fieldKey]bool{}
	for _, f := range *is.Rows {
		k := fieldKey{f.Service, f.Endpoint, f.Location, f.Path}
		o, ok := old[k]
		if ok {
			met[k] = true
		}
		var to []string
		for _, b := range f.Leaves {
			if !slices.Contains(o.Leaves, b) {
				to = append(to, b)
			}
		}
		slices.Sort(to)
		switch {
		case !ok && (len(f.Leaves) > 0 || !leaving):
			changes = append(changes, Change{f, "new", to})
		case !ok:
		case len(to) > 0:
			changes = append(changes, Change{f, "leaves", to})
		case f.Unchanged && !o.Unchanged && len(f.Leaves) > 0:
			changes = append(changes, Change{f, "unchanged", nil})
		case f.Suspicious != "" && f.Suspicious != o.Suspicious && len(f.Leaves) > 0:
			changes = append(changes, Change{f, "suspicious", nil})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.Location, b.Location), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	return changes, known - len(met)
}

func (c Change) String() string {
	var leaves []string
	for _, b := range c.Leaves {
		leaves = append(leaves, Harmless(strings.TrimPrefix(b, "api_analytics/")))
	}
	slices.Sort(leaves)
	text := fmt.Sprintf("%s: %s %s at %s", c.What, clip(c.Location, maxField), clip(c.Path, maxField), clip(c.Endpoint, maxField))
	if c.Service != "" {
		text += " of " + clip(c.Service, maxField)
	}
	switch {
	case len(leaves) == 0:
		text += " – leaves to nobody"
	case c.Unchanged:
		text += " – leaves unchanged to " + strings.Join(leaves, ", ")
	default:
		text += " – leaves " + clip(c.Decision, 20) + " to " + strings.Join(leaves, ", ")
	}
	if c.What == "leaves" {
		var to []string
		for _, b := range c.To {
			to = append(to, Harmless(strings.TrimPrefix(b, "api_analytics/")))
		}
		text += "; new: " + strings.Join(to, ", ")
	}
	if c.Suspicious != "" {
		text += " (looks like: " + clip(c.Suspicious, 40) + ")"
	}
	return text
}
