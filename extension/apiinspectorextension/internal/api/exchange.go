// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// One exchange.

// Detail is everything about one exchange.
type Detail struct {
	Row

	Trace       string  `json:"trace"`
	Span        string  `json:"span"`
	EventID     string  `json:"event_id"`
	SpanName    string  `json:"span_name"`
	Environment string  `json:"environment"`
	Protocol    string  `json:"protocol"`
	URL         string  `json:"url"`
	Identity    []Value `json:"identity"`
	Metadata    []Value `json:"metadata"`
	Request     Message `json:"request"`
	Response    Message `json:"response"`
	// Other are the attributes that are no part of the above; Resource and Events alike.
	Other    []Value `json:"other"`
	Resource []Value `json:"resource"`
	Events   []Value `json:"events"`
	// Decisions are all that the redaction did, also where no value shows it.
	Decisions []Decision `json:"decisions"`
	Policy    string     `json:"policy"`
	// HasBefore is false without a redaction in the pipeline, and Raw false if before
	// shows types and lengths only.
	HasBefore bool     `json:"has_before"`
	Raw       bool     `json:"raw"`
	Vendors   []Vendor `json:"vendors"`
	// Outside is true if it has fallen out of the ring since it was opened.
	Outside bool `json:"outside"`
}

// Message is one side of an exchange. Start is its start line.
type Message struct {
	Start   string  `json:"start"`
	Query   []Value `json:"query"` // parameters; of a request
	Headers []Value `json:"headers"`
	Body    Body    `json:"body"`
}

// Value is one value, before and after. Decision is "kept", "masked", "hashed",
// "encrypted", "dropped", "truncated", "unreadable" or "added".
type Value struct {
	// Name is how it is shown, and Key the attribute it stands in.
	Name     string `json:"name"`
	Key      string `json:"key"`
	Before   *Side  `json:"before"` // null: was not there, or no redaction
	After    *Side  `json:"after"`  // null: dropped
	Decision string `json:"decision"`
	Rule     string `json:"rule"`
	New      bool   `json:"new"` // a new field
}

// Side is one value as text. Text is null if only type and length are known.
type Side struct {
	Type string  `json:"type"`
	Len  int     `json:"len"`
	Text *string `json:"text"`
	Cut  bool    `json:"cut"`
}

// Body is a body, before and after. Text is as captured; a JSON document or a form is also
// there as a Tree.
type Body struct {
	Captured   bool   `json:"captured"`
	Media      string `json:"media"`
	Binary     bool   `json:"binary"`
	Truncated  bool   `json:"truncated"`
	Incomplete bool   `json:"incomplete"`
	Size       int64  `json:"size"`
	Before     *Side  `json:"before"`
	After      *Side  `json:"after"`
	Hex        string `json:"hex"` // of a binary body: base64 of the bytes shown
	// Leaves are the decisions inside, by path ($.user.password).
	Leaves []Leaf `json:"leaves"`
	Tree   *Node  `json:"tree"`
	// TreeCut is true if the document ends early.
	TreeCut bool `json:"tree_cut"`
}

// Node is one value of a document with what is in it, in document order.
type Node struct {
	Key  string `json:"key"`  // within an object
	Type string `json:"type"` // "string", "number", "boolean", "null", "object" or "array"
	// Text is a scalar as it is written, a string without its quotes; "{}" or "[]" of an
	// empty container.
	Text string `json:"text"`
	Kids []Node `json:"kids,omitempty"`
	// Decision and Rule are as Value has them. Before is what stood there, if it was another
	// value; Gone is true if nothing stands there any more.
	Decision string `json:"decision,omitempty"`
	Rule     string `json:"rule,omitempty"`
	New      bool   `json:"new,omitempty"`
	Before   *Side  `json:"before,omitempty"`
	Gone     bool   `json:"gone,omitempty"`
	// From is where the value comes from, in an event for a backend: as Origin has it.
	From string `json:"from,omitempty"`
}

// Leaf is one value inside a body.
type Leaf struct {
	Path     string `json:"path"`
	Type     string `json:"type"`
	Decision string `json:"decision"`
	Rule     string `json:"rule"`
	New      bool   `json:"new"`
}

// Decision is one decision of the redaction, without values.
type Decision struct {
	Component string `json:"component"`
	Rule      string `json:"rule"`
	Place     string `json:"place"`
	Path      string `json:"path"`
	Action    string `json:"action"`
	Outcome   string `json:"outcome"`
	N         int    `json:"n"`
}

// Vendor is what became of the exchange at one backend.
type Vendor struct {
	Component string `json:"component"`
	Backend   string `json:"backend"`
	Target    string `json:"target"`
	State     string `json:"state"` // as Dot
	Reason    string `json:"reason"`
	EventID   string `json:"event_id"`
	// Event is the event's own bytes, Tree the same if it is JSON, Media their type, and
	// Origins where the parts of it come from.
	Event   string   `json:"event"`
	Tree    *Node    `json:"tree"`
	Media   string   `json:"media"`
	Cut     bool     `json:"cut"`
	Origins []Origin `json:"origins"`
	// Attempts are the requests it was in, the first first.
	Attempts []Attempt `json:"attempts"`
}

// Origin tells where a field of the event comes from.
type Origin struct {
	Path string `json:"path"` // in the event: $.request.headers.x
	From string `json:"from"` // attribute key, or "derived"
}

// Attempt is one HTTP request to a backend.
type Attempt struct {
	Time    time.Time `json:"time"`
	Method  string    `json:"method"`
	URL     string    `json:"url"`
	Headers []Header  `json:"headers"`
	// Body is the request's body with this event alone in it; Events is how many were in it.
	// The last attempt has it as a Tree, too, if it is JSON.
	Body    string  `json:"body"`
	Tree    *Node   `json:"tree"`
	Events  int     `json:"events"`
	Bytes   int     `json:"bytes"`
	Encoded int     `json:"encoded"`
	Coding  string  `json:"coding"`
	DryRun  bool    `json:"dry_run"`
	Status  int     `json:"status"`
	Outcome string  `json:"outcome"`
	Problem string  `json:"problem"`
	Took    float64 `json:"took"`
	Answer  string  `json:"answer"`
}

// Header is a field with one value.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
