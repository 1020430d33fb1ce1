// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestDemoSeconds(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{"": true, "20": true, "0": false, "-1": false, "20s": false, "99999": false} {
		if _, err := demoSeconds(in); (err == nil) != ok {
			t.Errorf("demoSeconds(%q): %v", in, err)
		}
	}
}
