// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact applies one privacy policy to captured HTTP traffic: header
// fields, cookies, URLs, bodies in many formats, client addresses and free text.
// The same policy gives byte-identical results inside an application (through
// httpcapture.WithPolicy) and in the Collector (through the http_redaction
// processor), because both call this package and nothing else.
//
// Guarantees:
//
//   - Fail closed. What was not read under a sound grammar never leaves: a
//     malformed, truncated, oversize or unsupported value is replaced from the
//     first byte that was not understood.
//   - What the policy does not select stays byte for byte; a value without a hit
//     is returned as it is, without an allocation.
//   - Any input terminates in linear time, in bounded memory, without a panic.
//   - Redacting a result again with the same policy changes nothing, but for values
//     under hmac and encrypt rules: a token that came with the traffic is never
//     trusted, so it is tokenised like any other value.
//   - No error and no statistic contains a captured value or a key.
//
// It does not decide what may be captured, does not verify tokens or signatures,
// and cannot find a secret that neither a key name nor a detector gives away.
//
// A Policy is immutable but for its HMAC keys (see Policy.Reload) and safe for
// concurrent use. A Scratch is the working memory for one exchange at a time.
package redact
