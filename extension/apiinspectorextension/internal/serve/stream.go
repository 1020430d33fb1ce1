// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/search"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
)

const (
	// streamPace is how often a stream looks for what is new: about as often as the page draws.
	// statsPace is how often for the numbers; half as often for what else there is to say.
	streamPace = 250 * time.Millisecond
	statsPace  = time.Second
	heartbeat  = 15 * time.Second
	// writeTime is how long one write may take: who is slower is cut off, and finds what was
	// missed when it comes again.
	writeTime = 10 * time.Second
	// batch is how many rows one write has; the next look has the rest.
	batch = 200
)

// extend gives the next write its time.
func (s *Server) extend(ctl *http.ResponseController) {
	_ = ctl.SetWriteDeadline(time.Now().Add(writeTime))
}

// stream answers GET /api/stream. Nothing is queued for a listener: each looks for what
// has changed in the ring since it looked last, so a slow one costs no memory and nobody
// waits for it.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if n := s.streams.Add(1); n > int64(s.MaxStreams) {
		s.streams.Add(-1)
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("%d streams are open, which is the most there may be: close another page.", s.MaxStreams))
		return
	}
	defer s.streams.Add(-1)
	q := search.Parse(r.URL.Query().Get("q"))
	st := streamState{s: s, q: &q, ctl: http.NewResponseController(w), w: w}
	_ = st.ctl.SetReadDeadline(time.Time{}) // the request has been read; what ends the stream is that its writes fail
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	st.rev = s.Store.Usage().Rev
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	if last != "" && !st.resume(last) {
		st.event("reset", struct{}{})
	}
	st.buf.WriteString("retry: 2000\n\n")
	st.status()
	st.stats()
	if !st.flush() {
		return
	}
	tick := time.NewTicker(streamPace)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-r.Context().Done():
			return
		case <-s.Stopped:
			return
		case <-tick.C:
		}
		st.rows()
		if n%int(statsPace/streamPace) == 0 {
			st.stats()
		}
		if n%int(2*statsPace/streamPace) == 0 {
			st.status()
		}
		if n%int(heartbeat/streamPace) == 0 {
			st.buf.WriteString(": heartbeat\n\n")
		}
		if !st.flush() {
			return
		}
	}
}

type streamState struct {
	s   *Server
	q   *search.Query
	w   http.ResponseWriter
	ctl *http.ResponseController
	buf bytes.Buffer
	rev int64
	// extended is when writes got their time last.
	extended time.Time
	// What was told last, to tell only what is new.
	lastStats, lastStatus []byte
}

// eventID names the last event of a revision, as long as this process runs.
func (s *Server) eventID(rev int64) string { return s.epoch + "-" + strconv.FormatInt(rev, 10) }

// resume goes on behind the event with an id, if that was of this process and what came
// since is still known.
func (st *streamState) resume(id string) bool {
	epoch, text, ok := strings.Cut(id, "-")
	rev, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || epoch != st.s.epoch {
		return false
	}
	if _, _, known := st.s.Store.Changes(rev, 0); !known {
		return false
	}
	st.rev = rev
	return true
}

func (st *streamState) rows() {
	from := st.rev
	changed, upTo, ok := st.s.Store.Changes(from, batch)
	st.rev = upTo
	if !ok {
		st.event("reset", struct{}{})
		return
	}
	if len(changed) == 0 {
		return
	}
	sources := st.s.sources()
	for _, rec := range changed {
		if !st.q.Empty() && !st.q.Match(show.NewSubject(rec, sources)) {
			continue
		}
		st.rev = rec.Rev
		row := show.Row(rec)
		st.event("exchange", row)
		for i := range rec.Backends {
			if b := &rec.Backends[i]; b.SentRev > from {
				a := b.Attempts[len(b.Attempts)-1]
				st.event("sent", api.Sent{
					ID: row.ID, Dot: row.Backends[i], Time: a.At.UTC(), Status: a.Status, Attempt: a.Attempt, Took: show.Millis(a.Took),
				})
			}
		}
	}
	st.rev = upTo
}

func (st *streamState) stats() {
	if b := encode(st.s.stats()); !bytes.Equal(b, st.lastStats) {
		st.lastStats = b
		st.raw("stats", b)
	}
}

func (st *streamState) status() {
	full := st.s.makeStatus()
	// The clock, the counters and how full the ring is do not make a change.
	status := full
	status.Now, status.Ring.Bytes, status.Ring.Exchanges = time.Time{}, 0, 0
	status.Stats = api.Stats{}
	if b := encode(status); !bytes.Equal(b, st.lastStatus) {
		st.lastStatus = b
		st.raw("status", encode(full))
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}")
	}
	return b
}

func (st *streamState) event(name string, v any) { st.raw(name, encode(v)) }

// raw writes an event. JSON has no line breaks, so one line is enough.
func (st *streamState) raw(name string, data []byte) {
	fmt.Fprintf(&st.buf, "id: %s\nevent: %s\ndata: ", st.s.eventID(st.rev), name)
	st.buf.Write(data)
	st.buf.WriteString("\n\n")
}

// flush writes what there is, and reports whether there is still somebody.
func (st *streamState) flush() bool {
	if st.buf.Len() == 0 {
		return true
	}
	if now := time.Now(); now.Sub(st.extended) > time.Second {
		st.s.extend(st.ctl) // which costs about as much as the write
		st.extended = now
	}
	_, err := st.w.Write(st.buf.Bytes())
	st.buf.Reset()
	return err == nil && st.ctl.Flush() == nil
}
