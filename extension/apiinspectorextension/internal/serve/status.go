// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
)

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { reply(w, s.makeStatus()) }

func (s *Server) stats() api.Stats {
	use, told := s.Store.Usage(), s.Store.Told()
	return api.Stats{
		Seen: s.Store.Counts.Seen(), Kept: use.Kept, NotShown: use.NotShown, TooLarge: use.Large, Arrived: told.Arrived, PerSecond: s.Store.Counts.PerSecond(s.now()),
		NewFields: s.Fields.NewFields(), Sampling: round(use.Sampling),
	}
}

// round keeps a share from changing all the time. A small one is not none, which the page would take for not known.
func round(p float64) float64 {
	if p >= 0.995 {
		return 1
	}
	return max(float64(int(p*1000)), 1) / 1000
}

func (s *Server) makeStatus() api.Status {
	use, told := s.Store.Usage(), s.Store.Told()
	setup := s.Setup()
	out := api.Status{
		Version: s.Version, Since: s.since.UTC(), Now: s.now().UTC(), ShowRaw: s.Limits.ShowRaw, Listens: notNil(setup.Listens), TraceURL: s.TraceURL,
		Targets: []string{}, DryRun: []string{}, Redactor: []api.Redactor{}, Backends: []api.Backend{}, Stats: s.stats(),
		Ring: api.Ring{
			Exchanges: use.Exchanges, MaxExchanges: s.Limits.MaxExchanges, Bytes: use.Bytes, MaxBytes: s.Limits.MaxBytes,
			TTL: float64(s.Limits.TTL.Milliseconds()), Pinned: use.Pinned, Full: use.Full,
		},
	}
	for _, src := range told.Sources {
		if src.Backend == "" {
			out.Redactor = append(out.Redactor, api.Redactor{
				Component: src.Component, Policy: src.Policy, Text: clean(src.Text), Since: src.Since.UTC(), DryRun: src.PolicyDryRun, Warnings: notNil(src.Warnings),
			})
			continue
		}
		out.Backends = append(out.Backends, api.Backend{
			Component: src.Component, Backend: src.Backend, Target: src.Target, DryRun: src.DryRun, Warnings: notNil(src.Warnings),
		})
		if src.DryRun {
			out.DryRun = append(out.DryRun, src.Component)
			continue
		}
		out.Live = true
		if src.Target != "" && !slices.Contains(out.Targets, src.Target) {
			out.Targets = append(out.Targets, src.Target)
		}
	}
	out.Notices = s.notices(&out, &setup)
	return out
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// notices say what the one who looks must know, what is worst first.
func (s *Server) notices(st *api.Status, setup *Setup) []api.Notice {
	out := []api.Notice{}
	add := func(level, code, text, fix string) {
		out = append(out, api.Notice{Level: level, Code: code, Text: text, Fix: fix})
	}
	for _, p := range setup.Bare {
		out = append(out, Bare(p))
	}
	for _, c := range setup.Unseen {
		add("warning", "unseen", fmt.Sprintf("%s does not show what it does.", c), c+":\n  inspector: api_inspector")
	}
	if len(setup.Bare) == 0 && len(st.Redactor) == 0 && len(st.Backends) > 0 {
		add("warning", "no_redaction", "No http_redaction shows what it does, so there is no before and after.", "processors:\n  http_redaction:\n    inspector: api_inspector")
	}
	if len(st.Backends) == 0 {
		add("warning", "no_exporter", "No api_analytics shows what it does, so there are no vendors' requests and no numbers.", "exporters:\n  api_analytics/moesif:\n    inspector: api_inspector")
	}
	if len(st.Backends) > 0 && !st.Live {
		add("info", "dry_run", "DRY RUN – nothing leaves.", "")
	}
	if st.ShowRaw {
		add("warning", "show_raw", "Values from before the redaction are kept in memory and shown here (show_raw). Each look is logged.", "")
	}
	for _, r := range st.Redactor {
		if r.DryRun {
			add("warning", "policy_dry_run", fmt.Sprintf("The policy of %s is a dry run: it tells what it would do and changes nothing.", r.Component), "")
		}
	}
	s.trafficNotices(st, add)
	return out
}

func (s *Server) trafficNotices(st *api.Status, add func(level, code, text, fix string)) {
	stats := &st.Stats
	if stats.Seen == 0 && st.Ring.Exchanges == 0 {
		if len(stats.Arrived) > 0 {
			add("info", "not_http", NoneOf(stats.Arrived), "")
		}
		add("info", "nothing_yet", Where(st.Listens), Example(st.Listens))
		return
	}
	if stats.Seen > 0 && !s.Store.Counts.Bodies() {
		add("info", "no_bodies", "Bodies are not captured, so far none was: httpcapture takes WithBodies(httpcapture.BodiesAll), OBI has payload_extraction.", "httpcapture.WithBodies(httpcapture.BodiesAll)")
	}
	if stats.NotShown > 0 {
		add("warning", "not_shown", fmt.Sprintf("%d not shown: the inspector could not keep up.", stats.NotShown), "")
	}
	if stats.TooLarge > 0 {
		add("warning", "too_large", fmt.Sprintf("%s not shown: an exchange may fill half of the memory there is (max_bytes).", are(stats.TooLarge, "part of an exchange", "parts of exchanges")), "")
	}
	if text := sampled(stats); text != "" {
		add("info", "sample", text, "")
	}
	if stats.NewFields > 0 {
		add("warning", "new_fields", are(int64(stats.NewFields), "field", "fields")+" new: see Fields.", "")
	}
	s.leftNotices(add)
}

// sampled says that the list is a sample, also when what it left out came at once and is over.
func sampled(s *api.Stats) string {
	switch kept := float64(s.Kept) / float64(max(s.Seen, 1)); {
	case s.Sampling < 1:
		return fmt.Sprintf("Details are a sample, %s of the traces (details_per_second); numbers count all.", percent(s.Sampling))
	case kept < 0.95 && s.Seen-s.Kept > 20: // some may be on their way
		return fmt.Sprintf("Details were kept of %s of the exchanges since the start, as more came at once (details_per_second); numbers count all.", percent(kept))
	}
	return ""
}

// counted is a number of things.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// are begins a sentence about a number of things.
func are(n int64, one, many string) string { return counted(n, one+" is", many+" are") }

// NoneOf says what arrived where none was an exchange, by kind as inspect.NoExchange has it.
func NoneOf(arrived map[string]int64) string {
	n := int64(0)
	kinds := slices.SortedFunc(maps.Keys(arrived), func(a, b string) int {
		return cmp.Or(cmp.Compare(arrived[b], arrived[a]), strings.Compare(a, b))
	})
	for i, k := range kinds {
		n += arrived[k]
		name, rest, _ := strings.Cut(k, " ")
		kinds[i] = strings.TrimSpace(fmt.Sprintf("%s %d %s", name, arrived[k], rest))
	}
	return fmt.Sprintf("%s arrived, none was an HTTP exchange (kinds: %s).", counted(n, "span", "spans"), strings.Join(kinds, ", "))
}

// Bare says that a pipeline has no redaction.
func Bare(pipeline string) api.Notice {
	return api.Notice{
		Level: "error", Code: "no_redaction", Text: fmt.Sprintf("Nothing is redacted: the pipeline %s has no http_redaction, so what it exports is as it was captured.", pipeline),
		Fix: "processors:\n  http_redaction:\nservice: {pipelines: {" + pipeline + ": {processors: [http_redaction]}}} # first of its processors",
	}
}

// Where says where OTLP may be sent.
func Where(listens []string) string {
	if len(listens) == 0 {
		return "Send OTLP to the Collector."
	}
	places := make([]string, len(listens))
	for i, l := range listens {
		scheme, addr, _ := strings.Cut(l, "://")
		kind := "HTTP"
		if strings.HasPrefix(scheme, "grpc") {
			kind = "gRPC"
		}
		if strings.HasSuffix(scheme, "s") {
			kind += " with TLS"
		}
		places[i] = addr + " (" + kind + ")"
	}
	return "OTLP listens on " + strings.Join(places, " and ") + "."
}

func percent(p float64) string {
	if p < 0.01 {
		return "less than 1 %"
	}
	return fmt.Sprintf("about %.0f %%", 100*p)
}

// leftNotices say so if everything that was looked at lately was left out by an exporter.
func (s *Server) leftNotices(add func(level, code, text, fix string)) {
	type count struct {
		n, out int
		reason map[string]int
		state  string
	}
	by := map[string]*count{}
	for _, rec := range s.Store.Latest(100) {
		for i := range rec.Backends {
			b := &rec.Backends[i]
			c := by[b.Component]
			if c == nil {
				c = &count{reason: map[string]int{}}
				by[b.Component] = c
			}
			c.n++
			if state, reason := show.State(b); state == "gated" || state == "sampled_out" {
				c.out++
				c.state = state
				c.reason[reason]++
			}
		}
	}
	for _, component := range slices.Sorted(maps.Keys(by)) {
		c := by[component]
		if c.n < 3 || c.out < c.n {
			continue
		}
		most := ""
		for _, r := range slices.Sorted(maps.Keys(c.reason)) {
			if most == "" || c.reason[r] > c.reason[most] {
				most = r
			}
		}
		text := fmt.Sprintf("%s left out all of the last %d exchanges: %s", component, c.n, most)
		if c.state == "sampled_out" {
			text = fmt.Sprintf("%s has sampled out all of the last %d exchanges", component, c.n)
		}
		if why := leftBy[most]; why != "" {
			text += " (" + why + ")"
		}
		add("warning", c.state, text+".", "")
	}
}

// leftBy says which key does it, by the reason.
var leftBy = map[string]string{
	"sampled":      "the exporter's key sampling::percent",
	"hosts":        "the exporter's key hosts",
	"skip":         "the exporter's key skip",
	"direction":    "the backend takes calls in one direction, or its key direction says so",
	"method":       "the backend has no place for this method",
	"no_status":    "the spans have no http.response.status_code",
	"no_identity":  "no consumer is known: the key identity of http_redaction, or WithIdentity in the application",
	"health_check": "the backend wants no health checks",
	"self_traffic": "they are calls to the backend itself",
	"requested":    "the span attribute apispan.skip",
	"nested":       "other spans speak for the calls: the exporter's key calls::nested",
	"other_end":    "other spans speak for the calls: the exporter's key calls::prefer",
	"event_name":   "log records of other events",
}

// Example is a command that sends a span with an exchange to one of some addresses.
func Example(listens []string) string {
	for _, l := range listens {
		if addr, ok := strings.CutPrefix(l, "http://"); ok {
			return "id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n'); now=$(date +%s)000000000; curl -s http://" + addr + "/v1/traces -H 'content-type: application/json' -d '" +
				`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"try"}}]},"scopeSpans":[{"spans":[{"traceId":"'$id'","spanId":"'${id%????????????????}'","name":"POST /orders","kind":2,"startTimeUnixNano":"'$now'","endTimeUnixNano":"'$now'","attributes":[` +
				`{"key":"http.request.method","value":{"stringValue":"POST"}},{"key":"url.path","value":{"stringValue":"/orders"}},{"key":"url.scheme","value":{"stringValue":"http"}},{"key":"http.route","value":{"stringValue":"/orders"}},{"key":"http.response.status_code","value":{"intValue":"201"}},` +
				`{"key":"http.request.header.content-type","value":{"arrayValue":{"values":[{"stringValue":"application/json"}]}}},{"key":"http.request.body.content","value":{"stringValue":"{\"card\":\"4111 1111 1111 1111\",\"item\":\"A1\"}"}}]}]}]}]}'`
		}
	}
	return ""
}
