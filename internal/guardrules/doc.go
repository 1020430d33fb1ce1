// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardrules reads the blocking rules of vendors and decides by them: Moesif's
// governance rules (GET /v1/rules, and cohorts of GET /v1/config) and Metlo's wafConfig
// (GET /api/v1/agent-config). Package guard asks it in a service, and the extension
// api_policy, which hands rules out, checks them with it.
//
// The vendors' SDKs differ from each other; docs/guard.md says where, and what is done
// here. What it holds to:
//
//   - A rule that cannot be applied as it says is left out with a Problem, which names the
//     rule and the field and holds no value of a request. The others stay.
//   - A decision costs a bounded time: patterns are RE2, whose time is linear, over values
//     whose length is bounded, and nothing that a value brings is read as a template.
//   - A Set does not change once it is built. What is counted (rate limits) stands beside
//     it, bounded, and survives an exchange of the set.
//
// The package imports only the standard library.
package guardrules
