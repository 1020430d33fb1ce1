// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package alertcheck holds the test that Prometheus itself can read the alert rules
// in docs/alerts and the queries of the dashboards in docs/dashboards, and that the
// rules hold when they should. It is a module of its own, so that nobody else depends on
// Prometheus. Whether the metrics exist is tested in test/e2e.
package alertcheck
