// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command apispan checks redaction policies and works with redaction tokens.
// It runs the same engine as the http_redaction processor and the httpcapture
// wrapper, so a policy can be tested in CI before it meets traffic.
//
// It opens no network connection and never prints a captured value unless
// -show-values is given.
package main
