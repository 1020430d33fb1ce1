// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhooktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook/schema"
)

// The limits of the webhook are this exporter's own.
const (
	maxItems     = 500
	maxItemBytes = 1_000_000
	maxBytes     = 5_000_000

	typeNDJSON = "application/x-ndjson"
)

// Vendor is a receiver of the webhook backend. It takes any path and both
// formats, told apart by Content-Type.
var Vendor = backendtest.Vendor{
	Name:         "webhook",
	Credential:   "bearer_token",
	MediaTypes:   []string{typeNDJSON, "application/json"},
	Split:        split,
	MaxItems:     maxItems,
	MaxItemBytes: maxItemBytes,
	MaxBytes:     maxBytes,
	IDField:      "id", // "_id" in an entry of a HAR log
	Success:      http.StatusNoContent,
	Check:        Check,
	Authorized: func(h http.Header, credential string) bool {
		return credential == "" || h.Get("Authorization") == "Bearer "+credential
	},
}

var eventSchema = sync.OnceValue(func() *jsonschema.Schema { return mustSchema(schema.Event) })

// mustSchema compiles a JSON Schema of ours.
func mustSchema(text []byte) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err = c.AddResource("event.schema.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("event.schema.json")
}

// checkSchema returns where an event breaks a schema, and which keyword of it.
func checkSchema(s *jsonschema.Schema, event []byte) (problems []string) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		return []string{"event: not JSON"}
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(s.Validate(v), &invalid) {
		return nil
	}
	var leaves func(e *jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			leaves(cause)
		}
		if len(e.Causes) == 0 {
			problems = append(problems, strings.Join(e.InstanceLocation, ".")+": breaks "+strings.Join(e.ErrorKind.KeywordPath(), "/")+" of the schema")
		}
	}
	leaves(invalid)
	return problems
}

// Check returns what is wrong with one event, neutral or an entry of a HAR
// log; nothing if it is sound.
func Check(event []byte) []string {
	if bytes.HasPrefix(event, []byte(`{"startedDateTime"`)) {
		return check.HAREntry(event)
	}
	problems := check.Event(event, check.AnyObject)
	if len(problems) == 0 {
		problems = checkSchema(eventSchema(), event)
	}
	if bytes.ContainsAny(event, "\r\n") {
		problems = append(problems, "event: a line break within the line")
	}
	return problems
}

// split returns the lines of NDJSON or the entries of a HAR log.
func split(mediaType string, body []byte) ([]json.RawMessage, error) {
	if mediaType == typeNDJSON {
		lines, ok := bytes.CutSuffix(body, []byte("\n"))
		if !ok {
			return nil, errors.New("the last line does not end")
		}
		var items []json.RawMessage
		for i, line := range bytes.Split(lines, []byte("\n")) {
			if !json.Valid(line) {
				return nil, fmt.Errorf("line %d is not JSON", i+1)
			}
			items = append(items, line)
		}
		return items, nil
	}
	var log struct {
		Log *struct {
			Version string
			Creator struct{ Name, Version string }
			Entries []json.RawMessage
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	switch err := dec.Decode(&log); {
	case err != nil || log.Log == nil:
		return nil, errors.New("body is not a HAR log")
	case log.Log.Version != "1.2" || log.Log.Creator.Name == "" || log.Log.Creator.Version == "":
		return nil, errors.New("version or creator of the HAR log is missing")
	case len(log.Log.Entries) == 0:
		return nil, errors.New("the HAR log has no entries")
	}
	return log.Log.Entries, nil
}
