// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook/schema"
)

// The limits of the webhook are this exporter's own.
const (
	webhookMaxItems     = 500
	webhookMaxItemBytes = 1_000_000
	webhookMaxBytes     = 5_000_000

	typeNDJSON = "application/x-ndjson"
)

// NewWebhook returns a receiver of the webhook backend. It takes any path and both
// formats, told apart by Content-Type.
func NewWebhook(s Settings) *Fake {
	return newFake(vendor{
		name:         "webhook",
		mediaTypes:   []string{typeNDJSON, typeJSON},
		split:        splitWebhook,
		maxItems:     webhookMaxItems,
		maxItemBytes: webhookMaxItemBytes,
		maxBytes:     webhookMaxBytes,
		idField:      "id", // "_id" in an entry of a HAR log
		success:      http.StatusNoContent,
		check:        CheckWebhook,
		authorized: func(h http.Header, credential string) bool {
			return credential == "" || h.Get("Authorization") == "Bearer "+credential
		},
	}, s)
}

// CheckWebhook returns what is wrong with one event, neutral or an entry of a HAR
// log; nothing if it is sound.
func CheckWebhook(event []byte) []string {
	if bytes.HasPrefix(event, []byte(`{"startedDateTime"`)) {
		return CheckHAREntry(event)
	}
	root, err := parseSchema(schema.Event)
	if err != nil {
		return []string{"event.schema.json: " + err.Error()}
	}
	problems := checkEvent(event, root.check(root))
	if bytes.ContainsAny(event, "\r\n") {
		problems = append(problems, "event: a line break within the line")
	}
	return problems
}

// splitWebhook returns the lines of NDJSON or the entries of a HAR log.
func splitWebhook(mediaType string, body []byte) ([]json.RawMessage, error) {
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
