// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"fmt"
	"net/http"
	"time"
)

// orderEvents follows a parcel as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (s *Shop) orderEvents(w http.ResponseWriter, r *http.Request) {
	o, ok := s.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	tick := time.NewTicker(s.cfg.EventInterval)
	defer tick.Stop()
	for i, status := range []string{"paid", "packed", "shipped", "delivered"} {
		if i > 0 {
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			case <-s.stop:
				return
			}
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: status\ndata: {\"order\":%q,\"status\":%q}\n\n", i+1, o.ID, status); err != nil {
			return
		}
		if rc.Flush() != nil {
			return
		}
	}
}
