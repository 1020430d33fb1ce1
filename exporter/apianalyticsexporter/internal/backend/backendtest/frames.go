// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
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
	if f.Vendor.Frame == nil || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	// The vendor's client sends no credential in the handshake.
	if r.Header.Get("X-Api-Key") != "" || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
		f.Violate("handshake: a credential, or a query")
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
			f.Violate("frame: not text")
		}
		if fault.Take || fault.Status == 0 && !fault.Reset {
			if code := f.Vendor.Frame(f, data); code != 0 {
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
