// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// serveFrames takes a WebSocket connection, if the vendor has those, and reports
// whether r was one. Each text frame counts as a request and is acknowledged by one
// frame.
//
// A Fault means for a frame: Delay holds the acknowledgement back, Reset drops the
// connection instead, Body is its content, and any Status but 0 and 200 means that
// there is none. Take is as for requests.
func (f *Fake) serveFrames(w http.ResponseWriter, r *http.Request) bool {
	if f.vendor.frame == nil || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	// The vendor's client sends no credential in the handshake.
	if r.Header.Get("X-Api-Key") != "" || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
		f.violate("handshake: a credential, or a query")
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return true
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(64 << 10)
	ctx := r.Context()
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			return true
		}
		fault := f.nextFault()
		if fault == nil {
			fault = &Fault{Take: true}
		}
		if typ != websocket.MessageText {
			f.violate("frame: not text")
		}
		if fault.Take || fault.Status == 0 && !fault.Reset {
			if code := f.vendor.frame(f, data); code != 0 {
				_ = conn.Close(websocket.StatusCode(code), "refused")
				return true
			}
		}
		if fault.Delay > 0 {
			timer := time.NewTimer(fault.Delay)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
		switch {
		case fault.Reset:
			return true
		case fault.Status != 0 && fault.Status != http.StatusOK:
			continue
		}
		ack := fault.Body
		if ack == "" {
			ack = `{"status":"ok"}`
		}
		if conn.Write(ctx, websocket.MessageText, []byte(ack)) != nil {
			return true
		}
	}
}

// takeCerberusFrame checks and records one event that carries its credential.
func takeCerberusFrame(f *Fake, data []byte) int {
	if bytes.Contains(data, []byte(CerberusAttack)) {
		return int(websocket.StatusPolicyViolation)
	}
	c := &checker{}
	members, ok := c.members("frame", data)
	var key, client, token string
	for name, into := range map[string]*string{"api_key": &key, "client_id": &client, "token": &token} {
		if json.Unmarshal(members[name], into) != nil || *into == "" {
			c.fail(name, "missing")
		}
		delete(members, name)
	}
	if !ok || len(c.problems) > 0 {
		f.violate(c.problems...)
		return int(websocket.StatusInvalidFramePayloadData)
	}
	if key != token {
		f.violate("token: differs from api_key")
	}
	if f.settings.Credential != "" && key != f.settings.Credential {
		f.violate("frame: credential wrong")
		return int(websocket.StatusPolicyViolation)
	}
	event, _ := json.Marshal(members)
	problems := CheckCerberus(event)
	if len(data) > 62_000 {
		problems = append(problems, fmt.Sprintf("frame: %d bytes", len(data)))
	}
	f.violate(problems...)
	if len(problems) > 0 {
		return int(websocket.StatusInvalidFramePayloadData)
	}
	if !cerberusHealth(event) {
		f.accept([]json.RawMessage{event})
	}
	return 0
}
