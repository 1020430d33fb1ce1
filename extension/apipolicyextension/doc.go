// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package apipolicyextension is the Collector extension api_policy: it asks Moesif and
// Metlo for their blocking rules, once for all services, and hands them out at
// GET /v1/policy, where package guard takes them (guard.HTTP). Services need neither the
// vendor's key nor a way out of the network.
//
// The last good rules stay, in memory and in a storage extension if one is named: a
// Collector that starts while the vendor is away hands out what it had. A rule that cannot
// be applied is left out with a warning, and the others stay. Nothing that a vendor answers
// empties the rules but an empty list of rules.
//
// It decides nothing about requests.
package apipolicyextension
