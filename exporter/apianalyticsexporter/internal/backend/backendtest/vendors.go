// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

// fakes and checks have an entry for each backend: the suite and the golden files
// find the vendor's rules here by [backend.Spec] Name. A new backend adds a line to
// both.
var (
	fakes = map[string]func(Settings) *Fake{
		"moesif":   NewMoesif,
		"readme":   NewReadMe,
		"metlo":    NewMetlo,
		"cerberus": NewCerberus,
		"webhook":  NewWebhook,
	}
	checks = map[string]func(event []byte) []string{
		"moesif":   CheckMoesif,
		"readme":   CheckReadMe,
		"metlo":    CheckMetlo,
		"cerberus": CheckCerberus,
		"webhook":  CheckWebhook,
	}
)

// Names returns the backends that have a fake.
func Names() []string { return sortedKeys(fakes) }

// New returns the fake of a backend, or nil if there is none of that name.
func New(name string, s Settings) *Fake {
	if f := fakes[name]; f != nil {
		return f(s)
	}
	return nil
}
