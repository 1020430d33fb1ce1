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
//	GET    /api/stream?q=                    server-sent events: see Stream
//
// {id} is the trace id, a hyphen and the span id, in hexadecimal digits. Errors are
// {"error": "a sentence"} with the status that fits. Times are RFC 3339 with milliseconds,
// durations milliseconds as numbers, sizes bytes; -1 is not known.
package api

import "time"

// Stream: the events of GET /api/stream, each with an id for Last-Event-ID.
//
//	event: exchange   data: Row       a new exchange that q takes, or one whose row changed
//	event: stats      data: Stats     once a second if something changed
//	event: status     data: Status    a component came, went or changed
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
	// "not_http", "not_shown", "policy_dry_run", "new_fields".
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
	// could not keep up with, and Arrived what was no exchange, by kind.
	Seen      int64            `json:"seen"`
	Kept      int64            `json:"kept"`
	NotShown  int64            `json:"not_shown"`
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

// Dot is what became of an exchange at one backend.
type Dot struct {
	Component string `json:"component"`
	// State is "sent", "dry_run", "waiting", "retry", "refused", "dropped", "gated",
	// "sampled_out" or "read" (nothing is known after translation).
	State  string `json:"state"`
	Reason string `json:"reason"`
}

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

// Numbers are what is counted of some exchanges in a window. Percentiles have at most 5 %
// relative error.
type Numbers struct {
	Calls    int64     `json:"calls"`  // weighted
	Share    float64   `json:"share"`  // of all calls, 0 to 1
	Status   [5]int64  `json:"status"` // 1xx and none, 2xx, 3xx, 4xx, 5xx
	P50      float64   `json:"p50"`
	P95      float64   `json:"p95"`
	P99      float64   `json:"p99"`
	Max      float64   `json:"max"`
	BytesIn  int64     `json:"bytes_in"`
	BytesOut int64     `json:"bytes_out"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// Endpoints is the list of what is called, most calls first.
type Endpoints struct {
	Window float64       `json:"window"`
	Total  Numbers       `json:"total"`
	Rows   []EndpointRow `json:"rows"`
	Other  int           `json:"other"` // endpoints that stand together as "(other)"
}

// EndpointRow is one endpoint.
type EndpointRow struct {
	Numbers

	ID          string  `json:"id"`
	Service     string  `json:"service"`
	Direction   string  `json:"direction"`
	Method      string  `json:"method"`
	Route       string  `json:"route"`
	Operation   string  `json:"operation"`
	Guessed     bool    `json:"guessed"`
	Consumers   int     `json:"consumers"`
	BytesOutP95 int64   `json:"bytes_out_p95"`
	Spark       []int64 `json:"spark"` // calls by minute, the last 60, oldest first
	NewFields   int     `json:"new_fields"`
}

// Endpoint is the page of one endpoint.
type Endpoint struct {
	EndpointRow

	Statuses  []Count       `json:"statuses"` // "200": 17
	Latency   []Bucket      `json:"latency"`
	Top       []ConsumerRow `json:"top"`
	Fields    []Field       `json:"fields"`
	Exchanges []Row         `json:"exchanges"` // the last 20
}

// Count is a name and how often.
type Count struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

// Bucket is a part of a histogram: calls of up to Le milliseconds.
type Bucket struct {
	Le float64 `json:"le"`
	N  int64   `json:"n"`
}

// Consumers is the list of who calls. Anonymous calls are the first row.
type Consumers struct {
	Window float64       `json:"window"`
	Total  Numbers       `json:"total"`
	Rows   []ConsumerRow `json:"rows"`
	Other  int           `json:"other"`
}

// ConsumerRow is one caller.
type ConsumerRow struct {
	Numbers

	ID        string `json:"id"`
	Label     string `json:"label"`
	Company   string `json:"company"`
	Anonymous bool   `json:"anonymous"`
	Pseudonym bool   `json:"pseudonym"`
	Endpoints int    `json:"endpoints"`
	// Approx is true if its earlier calls may stand in the row "(other)".
	Approx bool   `json:"approx"`
	Query  string `json:"query"` // the search that takes its exchanges
}

// Fields is the inventory: what there is, and what leaves to whom. Ordered: suspicious
// first, then what leaves unchanged, then the rest.
type Fields struct {
	Window   float64   `json:"window"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Policies []string  `json:"policies"`
	Looked   int64     `json:"looked"` // exchanges whose details were looked at
	Seen     int64     `json:"seen"`
	Learning bool      `json:"learning"` // new fields are not marked yet
	Rows     []Field   `json:"rows"`
}

// Field is one path at one endpoint.
type Field struct {
	Endpoint string `json:"endpoint"` // "GET /users/{id}"
	Service  string `json:"service"`
	// Location is "request body", "response header", "query", "identity", "metadata", …
	Location string   `json:"location"`
	Path     string   `json:"path"` // $.user.email, or a name
	Types    []string `json:"types"`
	Count    int64    `json:"count"`
	// Decision is that of Value, "mixed" if there were several; Rules are the rules.
	Decision string   `json:"decision"`
	Rules    []string `json:"rules"`
	// Leaves are the backends that get it; Unchanged is true if as it came.
	Leaves    []string `json:"leaves"`
	Unchanged bool     `json:"unchanged"`
	// Suspicious names the detector that fires on what leaves ("email"); may be empty.
	Suspicious string    `json:"suspicious"`
	New        bool      `json:"new"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Example    string    `json:"example"` // id of an exchange
}

// Rules is what the rules of the policies did.
type Rules struct {
	Window float64 `json:"window"`
	Rows   []Rule  `json:"rows"`
}

// Rule is one rule of one policy.
type Rule struct {
	Component string     `json:"component"`
	Policy    string     `json:"policy"`
	Rule      string     `json:"rule"`
	Hits      int64      `json:"hits"`
	Places    []Count    `json:"places"` // "request_body $.user.password"
	Actions   []Count    `json:"actions"`
	Last      *time.Time `json:"last"` // null: never hit
	Example   string     `json:"example"`
}

// SandboxRequest is the body of POST /api/sandbox.
type SandboxRequest struct {
	Policy string `json:"policy"` // YAML
	Query  string `json:"query"`  // which exchanges
}

// Sandbox is what a policy would change, over the exchanges in memory.
type Sandbox struct {
	// Problems are what is wrong with the policy; then nothing else is set.
	Problems []Problem `json:"problems"`
	Warnings []Problem `json:"warnings"`
	Policy   string    `json:"policy"`
	Looked   int       `json:"looked"`
	Changed  int       `json:"changed"`
	Stopped  bool      `json:"stopped"` // after 2 s
	// Raw is false if it ran over what the present policy has left: what that hides, no
	// other policy can show.
	Raw   bool         `json:"raw"`
	Rows  []Difference `json:"rows"`
	Rules []Rule       `json:"rules"`
}

// Problem is a fault of a policy.
type Problem struct {
	Line   int    `json:"line"` // 0 is not known
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
}

// Difference is an exchange that would look otherwise.
type Difference struct {
	ID      string  `json:"id"`
	Summary string  `json:"summary"` // "POST /pay 201"
	Values  []Value `json:"values"`  // before is now, after is then
}

// Delivery is the state of the exporters.
type Delivery struct {
	Rows []DeliveryRow `json:"rows"`
}

// DeliveryRow is one exporter.
type DeliveryRow struct {
	Backend

	// State is "ok", "waiting", "failing" or "dry_run".
	State         string     `json:"state"`
	Sent          int64      `json:"sent"`
	Retried       int64      `json:"retried"`
	Waiting       int64      `json:"waiting"`
	OldestWaiting float64    `json:"oldest_waiting"`
	Dropped       []Count    `json:"dropped"`
	Skipped       []Count    `json:"skipped"`
	LastProblem   string     `json:"last_problem"`
	LastProblemAt *time.Time `json:"last_problem_at"`
	QueueOnDisk   bool       `json:"queue_on_disk"`
	QueueBytes    int64      `json:"queue_bytes"`
	Runbook       string     `json:"runbook"` // the heading in docs/operations.md
}
