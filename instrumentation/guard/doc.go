// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package guard applies the blocking rules that API-analytics vendors keep for their
// customers, in the service: Moesif's governance rules and quotas, Metlo's blocking and
// rate limits.
//
//	rules, err := guard.HTTP("http://127.0.0.1:8091/v1/policy") // the Collector's api_policy
//	…
//	h := httpcapture.NewHandler(guard.Handler(mux, rules, guard.WithCaller(capture...)), "shop", capture...)
//
// It stands inside httpcapture, so that a blocked call is captured with what was sent, and
// outside the mux, so that nothing has been done for it. The default is Shadow: nothing
// changes for callers, and the span says what would have happened. Enforce is said
// explicitly.
//
// # What a decision does
//
// Rules allow, annotate (header fields on the response), or block (the rule's status,
// fields and body, instead of the handler). The span gets apispan.guard.action
// ("annotate", "block"; in Shadow "would_annotate", "would_block"), apispan.guard.rule, and,
// if it was blocked, apispan.blocked_by.
//
// # What it holds to
//
//   - It fails open: without rules, after a failed decision, a panic in a callback, or a
//     decision that takes longer than WithTimeout, the request is served, and counted by
//     reason. WithFailClosed names the rules for which the opposite is wanted.
//   - Rules that were loaded stay in force while their source is away. The metric
//     apispan.guard.policy.age says how old they are.
//   - A decision without rules costs no allocation and some nanoseconds.
//   - Bodies are read before the handler only if a rule that is in force looks at them, at
//     most WithPeek bytes, and the handler gets every byte.
//
// docs/guard.md has the rules' formats, every difference to the vendors' SDKs, and how to
// introduce it. It is no web application firewall.
package guard
