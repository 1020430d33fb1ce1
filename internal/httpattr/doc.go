// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpattr is the attribute vocabulary shared by capture, redaction and
// export: one place for every key, so that the three cannot disagree.
//
// Keys under "http.", "url.", "user.", "client.", "network." and "session."
// belong to the OpenTelemetry semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). The two body
// keys were merged there on 2026-08-14 and are in no tagged release yet, so they
// are pinned here. Keys under "apispan." are ours.
//
// The package imports only the standard library.
package httpattr
