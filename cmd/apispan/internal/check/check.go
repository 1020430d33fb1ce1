// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"time"
)

// Options says what to examine.
type Options struct {
	// Files are configuration files, in the order of the Collector's --config flags.
	Files []string
	// Offline leaves the checks out that connect to backends.
	Offline bool
	// Timeout bounds the connection to each backend. 0 means 5 s.
	Timeout time.Duration
	// Collector is the binary whose own validation is asked, too. "" means
	// otelcol-apispan if it is on PATH, "none" means none.
	Collector string
}

// Examine makes all checks.
func Examine(ctx context.Context, o Options) *Report {
	r := &Report{}
	t := load(o.Files, r)
	if t.files == 0 {
		return r
	}
	for _, check := range []func(*tree, *Report){
		checkPipelines, checkPolicies, checkSecrets, checkQueues, checkListeners, checkEncryption, checkVolumes, checkSDK,
		checkKeys, checkService,
	} {
		check(t, r)
	}
	checkCollector(ctx, t, o, r)
	if o.Offline {
		r.addf(13, Skip, "", "offline")
		return r
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	checkBackends(ctx, t, o.Timeout, r)
	return r
}
