// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
)

// TestSampled: what is not in the list is said, now and after a burst, and a small share is not none.
func TestSampled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seen, kept int64
		share      float64
		want       string
	}{
		{0, 0, 1, ""}, {100, 95, 1, ""}, {10, 1, 1, ""}, {1000, 1003, 1, ""}, {60521, 530, 1, "Details were kept of less than 1 % of the exchanges"},
		{1000, 900, 1, "Details were kept of about 90 %"}, {1000, 1000, 0.25, "Details are a sample, about 25 % of the traces"}, {1e6, 500, 1e-6, "Details are a sample, less than 1 %"},
	} {
		got := sampled(&api.Stats{Seen: c.seen, Kept: c.kept, Sampling: round(c.share)})
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if round(1e-6) <= 0 || round(0.9999) != 1 {
		t.Error("a share is rounded to none, or not to all")
	}
}
