// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package httpredactionprocessor

import "time"

var started = time.Now()

// cpuTime falls back to wall time.
func cpuTime() time.Duration { return time.Since(started) }
