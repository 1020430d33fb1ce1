// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// The other views: numbers of many exchanges, the inventory, rules, and exporters.

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
	Runbook       string     `json:"runbook"` // the anchor of the heading in docs/operations.md
}
