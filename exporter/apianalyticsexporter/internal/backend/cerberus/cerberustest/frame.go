// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberustest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/coder/websocket"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// takeFrame checks and records one event that carries its credential.
func takeFrame(f *backendtest.Fake, data []byte) int {
	if bytes.Contains(data, []byte(Attack)) {
		return int(websocket.StatusPolicyViolation)
	}
	c := &check.Checker{}
	members, ok := c.Members("frame", data)
	var key, client, token string
	for name, into := range map[string]*string{"api_key": &key, "client_id": &client, "token": &token} {
		if json.Unmarshal(members[name], into) != nil || *into == "" {
			c.Fail(name, "missing")
		}
		delete(members, name)
	}
	if !ok || len(c.Problems) > 0 {
		f.Violate(c.Problems...)
		return int(websocket.StatusInvalidFramePayloadData)
	}
	if key != token {
		f.Violate("token: differs from api_key")
	}
	if f.Settings.Credential != "" && key != f.Settings.Credential {
		f.Violate("frame: credential wrong")
		return int(websocket.StatusPolicyViolation)
	}
	event, _ := json.Marshal(members)
	problems := Check(event)
	if len(data) > 62_000 {
		problems = append(problems, fmt.Sprintf("frame: %d bytes", len(data)))
	}
	f.Violate(problems...)
	if len(problems) > 0 {
		return int(websocket.StatusInvalidFramePayloadData)
	}
	if !isHealth(event) {
		f.Accept([]json.RawMessage{event})
	}
	return 0
}
