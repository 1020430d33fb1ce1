// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema holds the JSON Schema of the event that the webhook backend sends
// in its format ndjson, for tests and for tools that show it.
package schema

import _ "embed" // for the schema

// Event is event.schema.json.
//
//go:embed event.schema.json
var Event []byte
