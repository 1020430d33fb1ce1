// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

// Levo's sensors and plugins (Portkey's gateway, F5) write two spans a call, told apart by
// LevoSpanType: one with the request and one with the response. Names and values of header
// fields are two lists, and a body is a list of pieces.
const (
	LevoPrefix   = "levo."
	LevoSpanType = "levo.span.type"
	LevoRequest  = "REQUEST_ROOT"
	LevoResponse = "RESPONSE_ROOT"
)

// LevoSide are the keys of one side of a call, and those that mean the same elsewhere.
type LevoSide struct{ Names, Values, Buffers, Fields, Body string }

// LevoSides are request and response.
var LevoSides = [2]LevoSide{
	{
		"levo.http.request.header.names", "levo.http.request.header.values", "levo.http.request.body.buffers",
		"http.request.headers", "http.request.body",
	},
	{
		"levo.http.response.header.names", "levo.http.response.header.values", "levo.http.response.body.buffers",
		"http.response.headers", "http.response.body",
	},
}
