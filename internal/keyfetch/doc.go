// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package keyfetch keeps an HMAC key that a service hands out over HTTP:
// GET {base}/api/secret-key with X-API-Key, answered by {"secret_key": "…"}
// (https://github.com/cerberussecurityai/cerberus, cerberus_django/utils.py).
//
// A [Source] fetches in the background, with backoff until it has a key, and then
// again at an interval, so that a rotated key is noticed. A key that was fetched
// stays in use while the service is away.
//
// Guarantees: it reads at most 64 KiB of an answer, follows no redirect, waits for
// no answer longer than five seconds, and never blocks who asks for the key. No
// error holds the key, the credential, the address or what the service wrote.
//
// It imports the standard library, and of ours what does the same, since exporter and processor share it and
// share nothing else. It does not store keys.
package keyfetch
