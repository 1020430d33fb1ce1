// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/guardrules"
)

// Source is where rules come from: File, Moesif, Metlo, HTTP, or rules of one's own by
// Parse and Static.
type Source interface {
	// Rules returns what is in force, nil while nothing is known. It is called for each
	// request, and must not block.
	Rules() *Rules
}

// aged is a Source that knows when its rules were confirmed.
type aged interface{ Age() time.Duration }

// Rules is a set of rules. It does not change.
type Rules struct {
	set      *guardrules.Set
	problems []error
}

// Problems are the rules, or parts of them, that are left out, each with the id of the
// rule, the field and the reason.
func (r *Rules) Problems() []error { return r.problems }

// Len is the number of rules that are in force.
func (r *Rules) Len() int { return r.set.Rules() }

// Rule is a rule whose cohort somebody stands in.
type Rule struct {
	ID, Name string
	// Kind is "user" or "company".
	Kind string
	// Values are the values of the rule's placeholders for them.
	Values map[string]string
	// Decision is the answer that a request would get, if the rule has no conditions, or
	// they are fulfilled.
	Decision Decision
}

// For returns the rules whose cohorts somebody stands in.
func (r *Rules) For(id httpcapture.Identity) []Rule {
	var out []Rule
	for _, a := range r.set.RulesFor(id.UserID, id.CompanyID) {
		out = append(out, Rule{a.ID, a.Name, a.Kind, a.Values, public(&a.Decision)})
	}
	return out
}

// Parse reads documents in the vendors' formats: the array of Moesif's /v1/rules, the
// object of /v1/config, the object of Metlo's agent-config, its wafConfig alone, or an
// object with the members of all and Moesif's rules as "rules". Rules that cannot be applied
// are left out: see Problems. An error means that a document cannot be used at all.
func Parse(documents ...[]byte) (*Rules, error) {
	readers := make([]io.Reader, len(documents))
	for i, d := range documents {
		readers[i] = bytes.NewReader(d)
	}
	return parse(readers...)
}

func parse(documents ...io.Reader) (*Rules, error) {
	b := guardrules.NewBuilder()
	for i, d := range documents {
		if err := b.Read(d); err != nil {
			return nil, fmt.Errorf("guard: document %d %w", i+1, err)
		}
	}
	r, err := build(b)
	if err != nil {
		return nil, fmt.Errorf("guard: the document %w", err)
	}
	return r, nil
}

type static struct{ rules *Rules }

func (s static) Rules() *Rules { return s.rules }

// Static is a Source whose rules stay as they are.
func Static(r *Rules) Source { return static{r} }
