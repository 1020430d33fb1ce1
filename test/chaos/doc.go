// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command chaos is the fault harness behind the delivery contract of the README. It
// sends numbered exchanges over real sockets into the real Collector, with the
// recommended configurations of collectorbuild/config, while it kills the Collector
// at random moments, lets the backend fail in every way, fills the disk of the
// queue, restarts the application or cuts Kafka. Then it compares what was
// acknowledged with what arrived.
//
//	make chaos                                   # every case, a few minutes
//	go run -C test ./chaos -run kill -kills 100 # one case, longer
//	go run -C test ./chaos -seed 42             # the same faults again
//
// A case passes if nothing acknowledged is lost and whatever came again has the id
// that it had. Exit status 0 means that all passed. It talks to loopback only and
// ends by itself.
package main
