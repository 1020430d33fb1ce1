// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package adaptertest

// Race is whether the race detector is on, under which sync.Pool forgets at random and
// allocations cannot be compared.
const Race = false
