// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// vendorSide is what stands for a vendor in tests: an endpoint, and the rules of one
// event.
type vendorSide struct {
	fake  func(Settings) *Fake
	check func(event []byte) []string
}

// vendorSides has an entry for each backend, by [backend.Spec] Name. The suite fails
// without one.
var vendorSides = map[string]vendorSide{
	"moesif":   {NewMoesif, CheckMoesif},
	"readme":   {NewReadMe, CheckReadMe},
	"metlo":    {NewMetlo, CheckMetlo},
	"cerberus": {NewCerberus, CheckCerberus},
	"webhook":  {NewWebhook, CheckWebhook},
}

// Names returns the backends that have a vendor's side.
func Names() []string { return sortedKeys(vendorSides) }

// New returns the fake of a backend, or nil if there is none of that name.
func New(name string, s Settings) *Fake {
	if v, ok := vendorSides[name]; ok {
		return v.fake(s)
	}
	return nil
}

// vendorOf returns the vendor's side of an encoder, or ends the test.
func vendorOf(t testing.TB, enc backend.Endpoint) vendorSide {
	t.Helper()
	v, ok := vendorSides[enc.Spec().Name]
	if !ok || v.fake == nil || v.check == nil {
		t.Fatalf("backend %q has no fake or no check: nothing would hold its events to the vendor's rules; enter both in backendtest/vendors.go", enc.Spec().Name)
	}
	return v
}
