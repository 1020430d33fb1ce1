// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// mdatagen comes from internal/tools; "make generate" builds it into .tmp/bin,
// puts that on PATH and runs this line.

//go:generate mdatagen metadata.yaml

// Package otlpguardextension is the Collector extension otlp_guard: a middleware of
// OTLP receivers that looks at the bytes of a request before they are decoded, and
// refuses those whose decoding would cost far more than their size shows. A request
// of 4 MiB can hold two million empty spans, which take 700 MiB when decoded, and
// values nested a million deep end the process, because the decoder is recursive.
// Neither is a matter of the receiver's size limits.
//
// It reads the wire format only (https://protobuf.dev/programming-guides/encoding/,
// https://opentelemetry.io/docs/specs/otlp/), keeps nothing, and logs no content.
package otlpguardextension
