// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// mdatagen comes from internal/tools; "make generate" builds it into .tmp/bin,
// puts that on PATH and runs this line.

//go:generate mdatagen metadata.yaml

// Package apiinspectorextension is the Collector extension api_inspector: a local page
// that shows the newest exchanges as they were captured, as the redaction has left them,
// and as each backend gets them, with the rule that did it; and numbers of all exchanges by
// endpoint and caller.
//
// http_redaction and api_analytics show what they do through the interface inspect.Sink,
// in process. Everything is held in memory, within bounds, and for a limited time; no
// component ever waits for somebody who looks. Values from before the redaction are not
// kept unless show_raw is set, which needs a listener that this machine alone can reach.
//
//	internal/keep    what is kept: exchanges, numbers
//	internal/fields  the inventory of fields
//	internal/show    what is made of it: rows, details, files
//	internal/search  the language of searches
//	internal/serve   HTTP: who may come in, the interface of internal/api, the stream
//	internal/page    the page
package apiinspectorextension
