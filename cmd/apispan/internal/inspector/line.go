// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspector

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// One exchange as one line.

// row is what is read of an exchange in the list.
type row struct {
	ID, Direction, Service, Method, Route, Operation, Host, Path, Consumer string

	Seq      int64
	Time     time.Time
	Status   int
	Duration float64
	Redacted int
	Backends []struct{ Component, State, Reason string }
	Blocked  string `json:"blocked_by"`
	// WouldBlock is the rule of a guard in shadow.
	WouldBlock string `json:"would_block"`
}

// settled reports whether nothing more is to be expected soon.
func (r *row) settled() bool {
	for _, b := range r.Backends {
		switch b.State {
		case "waiting", "retry", "read":
			return false
		}
	}
	return len(r.Backends) > 0
}

// maxField is the most characters of one part of a line.
const maxField = 120

func clip(s string, n int) string {
	s = Harmless(s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (r *row) String() string {
	dir := "in "
	if r.Direction == "out" {
		dir = "out"
	}
	where := r.Path
	if r.Direction == "out" {
		where = r.Host + r.Path
	}
	if where == "" {
		where = r.Route
	}
	if r.Operation != "" {
		where += " (" + r.Operation + ")"
	}
	code := "---"
	if r.Status > 0 {
		code = strconv.Itoa(r.Status)
	}
	var states []string
	for _, b := range r.Backends {
		s := strings.TrimPrefix(b.Component, "api_analytics/") + " " + b.State
		if b.Reason != "" {
			s += " (" + b.Reason + ")"
		}
		states = append(states, clip(s, maxField))
	}
	slices.Sort(states)
	parts := []string{
		r.Time.Local().Format("15:04:05.000"), dir, //nolint:gosmopolitan // of who reads it
		code, fmt.Sprintf("%6.0f ms", r.Duration),
		fmt.Sprintf("%-6s", clip(r.Method, 20)), clip(where, maxField),
	}
	if r.Consumer != "" {
		parts = append(parts, "by "+clip(r.Consumer, 40))
	}
	if r.Redacted > 0 {
		parts = append(parts, fmt.Sprintf("redacted %d", r.Redacted))
	}
	if r.Blocked != "" {
		parts = append(parts, "blocked by "+clip(r.Blocked, 40))
	}
	if r.WouldBlock != "" {
		parts = append(parts, "would be blocked by "+clip(r.WouldBlock, 40))
	}
	if len(states) > 0 {
		parts = append(parts, "– "+strings.Join(states, ", "))
	}
	return strings.Join(parts, "  ")
}

func sayf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
