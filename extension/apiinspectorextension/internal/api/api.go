// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the JSON that the inspector's HTTP interface speaks. The page uses nothing
// else, nor does the command apispan tail.
//
//	GET    /api/status                       Status
//	GET    /api/exchanges?q=&before=&limit=  List, newest first; limit is 1 to 1,000 (200)
//	GET    /api/exchanges/{id}               Detail
//	GET    /api/exchanges/{id}.har|.curl|.http|.fixture.json    downloads
//	POST   /api/exchanges/{id}/pin           DELETE unpins; Row
//	DELETE /api/exchanges                    forgets everything; 204
//	GET    /api/export?q=&format=har|ndjson  streams
//	GET    /api/endpoints?window=1h          Endpoints
//	GET    /api/endpoints/{id}?window=1h     Endpoint
//	GET    /api/consumers?window=1h          Consumers
//	GET    /api/fields?window=1h&format=     Fields; format csv, json or html downloads it
//	GET    /api/rules?window=1h              Rules
//	GET    /api/delivery                     Delivery
//	POST   /api/sandbox                      Sandbox, from a policy in YAML
//	GET    /api/stream?q=&after=             server-sent events: see Stream
//
// {id} is the trace id, a hyphen and the span id, in hexadecimal digits. Errors are
// {"error": "a sentence"} with the status that fits. Times are RFC 3339 with milliseconds,
// durations milliseconds as numbers, sizes bytes; -1 is not known.
package api

import "time"

// Stream: the events of GET /api/stream, each with an id for Last-Event-ID, or for the parameter after where
// no field can be set.
//
//	event: exchange   data: Row       a new exchange that q takes, or one whose row changed
//	event: sent       data: Sent      a request to a backend had it in it; after its exchange
//	event: stats      data: Stats     once a second if something changed
//	event: status     data: Status    a component came, went or changed, or a notice did
//	event: reset      data: {}        what was missed is not known any more: load again
//	: heartbeat       every 15 s

// Status says what is looked at, and what stands above every view.
type Status struct {
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Now     time.Time `json:"now"`
	// Live is true if anything is sent; Targets are the hosts it goes to, DryRun the
	// components that only show.
	Live    bool     `json:"live"`
	Targets []string `json:"targets"`
	DryRun  []string `json:"dry_run"`
	// ShowRaw is true if values from before the redaction are kept.
	ShowRaw bool `json:"show_raw"`
	// Listens are the addresses where OTLP may be sent, as far as they are known.
	Listens  []string   `json:"listens"`
	Notices  []Notice   `json:"notices"`
	Redactor []Redactor `json:"redactors"`
	Backends []Backend  `json:"backends"`
	Ring     Ring       `json:"ring"`
	Stats    Stats      `json:"stats"`
	// TraceURL is the template to open a trace elsewhere; "{trace}" is its id. May be empty.
	TraceURL string `json:"trace_url"`
}

// Notice is something that the one who looks must know.
type Notice struct {
	// Level is "info", "warning" or "error"; Code is stable: "dry_run", "no_redaction",
	// "no_exporter", "no_bodies", "sampled_out", "gated", "show_raw", "nothing_yet",
	// "not_http", "not_shown", "too_large", "policy_dry_run", "new_fields".
	Level string `json:"level"`
	Code  string `json:"code"`
	Text  string `json:"text"`
	// Fix are lines to copy, such as YAML; may be empty.
	Fix string `json:"fix"`
}

// Redactor is a component http_redaction.
type Redactor struct {
	Component string `json:"component"`
	Policy    string `json:"policy"` // hash
	Text      string `json:"text"`
	// Since is when the policy came into force, or when it was first seen here.
	Since    time.Time `json:"since"`
	DryRun   bool      `json:"dry_run"`
	Warnings []string  `json:"warnings"`
}

// Backend is a component api_analytics.
type Backend struct {
	Component string   `json:"component"`
	Backend   string   `json:"backend"`
	Target    string   `json:"target"`
	DryRun    bool     `json:"dry_run"`
	Warnings  []string `json:"warnings"`
}

// Ring is what is kept in memory.
type Ring struct {
	Exchanges    int     `json:"exchanges"`
	MaxExchanges int     `json:"max_exchanges"`
	Bytes        int64   `json:"bytes"`
	MaxBytes     int64   `json:"max_bytes"`
	TTL          float64 `json:"ttl"` // ms
	Pinned       int     `json:"pinned"`
	Full         bool    `json:"full"`
}

// Stats are counters since the start.
type Stats struct {
	// Seen is all exchanges, Kept those with details, NotShown those that the page
	// could not keep up with, TooLarge parts that did not fit into its memory, and Arrived
	// what was no exchange, by kind.
	Seen      int64            `json:"seen"`
	Kept      int64            `json:"kept"`
	NotShown  int64            `json:"not_shown"`
	TooLarge  int64            `json:"too_large"`
	Arrived   map[string]int64 `json:"arrived"`
	PerSecond float64          `json:"per_second"` // over the last 10 s
	NewFields int              `json:"new_fields"`
	// Sampling is the share of the traces whose details are kept, 0 to 1: less than 1 means
	// that the list is a sample. Numbers of endpoints and consumers count all.
	Sampling float64 `json:"sampling"`
}

// List is a part of the ring.
type List struct {
	Rows []Row `json:"rows"`
	// Next is the value of before for the rows that follow; empty at the end.
	Next  string `json:"next"`
	Total int    `json:"total"` // rows in the ring
	Match int    `json:"match"` // rows that q takes
	// Event is the id of the last event of the stream before the list was made: a stream with
	// the parameter after=Event tells all that came since.
	Event string `json:"event"`
	Query Query  `json:"query"`
}

// Query is how a search was understood.
type Query struct {
	Text  string `json:"text"`
	Terms []Term `json:"terms"`
}

// Term is one term of a search; From and To are its place in the text, in UTF-16 units.
type Term struct {
	From int `json:"from"`
	To   int `json:"to"`
	// Problem is a sentence if the term could not be used: the others still filter.
	Problem string `json:"problem"`
	// Match is how many rows it takes alone: 0 tells why a list is empty.
	Match int `json:"match"`
}

// Row is one exchange in the list.
type Row struct {
	ID        string    `json:"id"`
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Direction string    `json:"direction"` // "in" or "out"
	Service   string    `json:"service"`
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	// Guessed is true if the route was made of the path.
	Guessed   bool    `json:"guessed"`
	Operation string  `json:"operation"`
	Host      string  `json:"host"`
	Path      string  `json:"path"`   // as redacted, with the query
	Status    int     `json:"status"` // 0: no response
	Duration  float64 `json:"duration"`
	BytesIn   int64   `json:"bytes_in"`
	BytesOut  int64   `json:"bytes_out"`
	Consumer  string  `json:"consumer"`  // the owner of the API key, else the user, else the company
	Label     string  `json:"label"`     // what the consumer is called; may be empty
	Pseudonym bool    `json:"pseudonym"` // the consumer is a token
	Redacted  int     `json:"redacted"`
	Backends  []Dot   `json:"backends"`
	Pinned    bool    `json:"pinned"`
	NewFields int     `json:"new_fields"`
	BlockedBy string  `json:"blocked_by"`
	// WouldBlock is the rule of a guard in shadow that would have blocked it.
	WouldBlock string `json:"would_block"`
}

// Sent is the event "sent" of the stream: a request to a backend had this exchange in it. The
// event "exchange" with the whole row stands before it.
type Sent struct {
	Dot

	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Status  int       `json:"status"`  // of the answer; 0 without one
	Attempt int       `json:"attempt"` // the first is 1; 0 in a dry run
	Took    float64   `json:"took"`    // ms
}

// Dot is what became of an exchange at one backend.
type Dot struct {
	Component string `json:"component"`
	// State is "sent", "dry_run", "waiting", "retry", "refused", "dropped", "gated",
	// "sampled_out" or "read" (nothing is known after translation).
	State  string `json:"state"`
	Reason string `json:"reason"`
}
