// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package harness builds and runs the project's real programs: the collector
// that OCB makes, the example shop, the traffic generator and the fake vendor
// endpoints. The demo and the end-to-end tests share it, so that what a newcomer
// sees is what the tests prove. It is not part of any shipped program.
package harness
