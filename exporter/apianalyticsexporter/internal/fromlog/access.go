// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromlog

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

// Mapping says where in a record of an access log an exchange is. A source is the key of
// an attribute of the record, or a path of names with dots into its body, which is a map
// or a text of JSON.
type Mapping struct {
	// Preset is the mapping of a known format, over which the other keys win.
	Preset string `mapstructure:"preset"`
	// Fields are sources by attribute key of docs/attributes.md. Those of
	// http.request.method and of url.path or url.full must be found, or the record is no
	// exchange of this mapping.
	Fields map[string]string `mapstructure:"fields"`
	// RequestHeaders and ResponseHeaders are the source of a map of header fields, or a
	// prefix of sources, which then ends in "_", "." or "-".
	RequestHeaders  string `mapstructure:"request_headers"`
	ResponseHeaders string `mapstructure:"response_headers"`
	// Start is the source of the time at which the request began: RFC 3339, or seconds or
	// milliseconds since 1970. Default: the record's time.
	Start string `mapstructure:"start"`
	// Duration is the source of how long it took, in Unit: ns, us, ms or s (default ms).
	Duration string `mapstructure:"duration"`
	Unit     string `mapstructure:"unit"`

	text []*regexp.Regexp // for bodies of text: named groups are sources
	// line is the source of the request line, of which nginx's variables are made that a
	// format lacks.
	line string
	// ends are sources of the time at which the response ended, of which the first counts
	// where there is no start.
	ends []string
}

// What texts are made of. A caller chooses target and user agent, so what a proxy writes
// without escapes is found by what stands around it.
const (
	token   = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
	version = `HTTP/\d(?:\.\d)?`
	quoted  = `"(?:[^"\\]|\\.)*"`

	envoyBegin = `^\[(?P<start_time>[^\]]*)\] "(?P<method>` + token + `) (?P<path>[^"]*?) (?P<protocol>` + version + `|-)" (?P<response_code>\d+) \S+ ` +
		`(?:\S+ \S+ ".*?" )?(?P<bytes_received>\d+|-) (?P<bytes_sent>\d+|-) (?P<duration>\d+|-) \S+ `
	envoyEnd = `"(?P<request_id>[^"]*)" "(?P<authority>[^"]*)" "[^"]*"(?: \S+ \S+ \S+ (?P<downstream_remote_address>\S+) \S+ \S+| [^"]*)?`
)

var units = map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "": time.Millisecond}

// maxBody is the most bytes of a text body that are read.
const maxBody = 1 << 20

var presets = map[string]Mapping{
	// Istio's JSON labels, which are those of Envoy's documentation, and Envoy's default text.
	"envoy": {
		Fields: map[string]string{
			httpattr.RequestMethod: "method", httpattr.URLPath: "path", httpattr.ResponseStatusCode: "response_code",
			httpattr.NetworkProtocolVer: "protocol", httpattr.RequestBodySize: "bytes_received", httpattr.ResponseBodySize: "bytes_sent",
			httpattr.ServerAddress: "authority", httpattr.UserAgent: "user_agent",
			// Not x_forwarded_for, which a caller writes.
			httpattr.ClientAddress: "downstream_remote_address", httpattr.MetadataPrefix + "request_id": "request_id",
		},
		Start: "start_time", Duration: "duration", Unit: "ms",
		text: []*regexp.Regexp{
			regexp.MustCompile(envoyBegin + `"(?P<x_forwarded_for>[^"]*)" "(?P<user_agent>[^"]*)" ` + envoyEnd),
			// Envoy escapes nothing that a caller writes.
			regexp.MustCompile(envoyBegin + `"(?P<x_forwarded_for>.*?)" "(?P<user_agent>.*)" ` + envoyEnd + `$`),
		},
	},
	// JSON with the names of nginx's variables, and its format "combined".
	"nginx": {
		Fields: map[string]string{
			httpattr.RequestMethod: "request_method", httpattr.URLPath: "request_uri", httpattr.ResponseStatusCode: "status",
			httpattr.NetworkProtocolVer: "server_protocol", httpattr.RequestBodySize: "content_length", httpattr.ResponseBodySize: "body_bytes_sent",
			httpattr.ServerAddress: "host", httpattr.URLScheme: "scheme", httpattr.UserAgent: "http_user_agent",
			httpattr.ClientAddress: "remote_addr", httpattr.MetadataPrefix + "request_id": "request_id",
		},
		Duration: "request_time", Unit: "s", line: "request", ends: []string{"time_local", "time_iso8601", "msec"},
		text: []*regexp.Regexp{regexp.MustCompile(`^(?P<remote_addr>\S+) - .*? \[(?P<time_local>[^\]]*)\] "(?P<request_method>` + token + `) (?P<request_uri>.*?)(?: (?P<server_protocol>` + version + `))?" ` +
			`(?P<status>\d+) (?P<body_bytes_sent>\d+|-)(?: ` + quoted + ` (?P<http_user_agent>` + quoted + `))?(?: |$)`)},
	},
	"traefik": {
		Fields: map[string]string{
			httpattr.RequestMethod: "RequestMethod", httpattr.URLPath: "RequestPath", httpattr.ResponseStatusCode: "DownstreamStatus",
			httpattr.NetworkProtocolVer: "RequestProtocol", httpattr.RequestBodySize: "RequestContentSize", httpattr.ResponseBodySize: "DownstreamContentSize",
			httpattr.ServerAddress: "RequestHost", httpattr.ServerPort: "RequestPort", httpattr.URLScheme: "RequestScheme", httpattr.ClientAddress: "ClientHost", httpattr.ClientPort: "ClientPort",
			httpattr.MetadataPrefix + "router": "RouterName", httpattr.MetadataPrefix + "service": "ServiceName",
		},
		RequestHeaders: "request_", ResponseHeaders: "downstream_", Start: "StartUTC", Duration: "Duration", Unit: "ns",
	},
	"caddy": {
		Fields: map[string]string{
			httpattr.RequestMethod: "request.method", httpattr.URLPath: "request.uri", httpattr.ResponseStatusCode: "status",
			httpattr.NetworkProtocolVer: "request.proto", httpattr.RequestBodySize: "bytes_read", httpattr.ResponseBodySize: "size",
			httpattr.ServerAddress: "request.host", httpattr.ClientAddress: "request.client_ip", httpattr.NetworkPeerAddress: "request.remote_ip",
		},
		RequestHeaders: "request.headers", ResponseHeaders: "resp_headers", Duration: "duration", Unit: "s", ends: []string{"ts"},
	},
	"kong": {
		Fields: map[string]string{
			httpattr.RequestMethod: "request.method", httpattr.URLFull: "request.url", httpattr.URLPath: "request.uri",
			httpattr.ResponseStatusCode: "response.status", httpattr.RequestBodySize: "request.size", httpattr.ResponseBodySize: "response.size",
			httpattr.ClientAddress: "client_ip", httpattr.ConsumerID: "consumer.id", httpattr.ConsumerLabel: "consumer.username",
			httpattr.MetadataPrefix + "route": "route.name", httpattr.MetadataPrefix + "service": "service.name",
		},
		RequestHeaders: "request.headers", ResponseHeaders: "response.headers", Start: "started_at", Duration: "latencies.request", Unit: "ms",
	},
}

// Presets are the names of the known formats.
func Presets() []string {
	var names []string
	for n := range presets {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Compile completes the mapping and says what is wrong with it; key is its key in the
// configuration.
func (m *Mapping) Compile(key string) (out Mapping, errs []error) {
	if m.Preset != "" {
		p, ok := presets[m.Preset]
		if !ok {
			errs = append(errs, fmt.Errorf("`%s::preset` is %q: write one of %s, or none and `fields`", key, m.Preset, strings.Join(Presets(), ", ")))
		}
		out = p
		out.Preset = m.Preset
	}
	fields := map[string]string{}
	for _, from := range []map[string]string{out.Fields, m.Fields} {
		maps.Copy(fields, from)
	}
	out.Fields = fields
	for k, source := range m.Fields {
		if e, _ := httpattr.Below(k); httpattr.Lookup(k) == nil && e == nil || httpattr.IsRedactionStamp(k) {
			errs = append(errs, fmt.Errorf("`%s::fields` has %q, which is no attribute of an exchange: write one of docs/attributes.md such as http.request.method", key, k))
		}
		if source == "" {
			errs = append(errs, fmt.Errorf("`%s::fields::%s` is empty: write where it is, such as request.method", key, k))
		}
	}
	for _, set := range []struct{ to, from *string }{
		{&out.RequestHeaders, &m.RequestHeaders}, {&out.ResponseHeaders, &m.ResponseHeaders},
		{&out.Start, &m.Start}, {&out.Duration, &m.Duration}, {&out.Unit, &m.Unit},
	} {
		if *set.from != "" {
			*set.to = *set.from
		}
	}
	if _, ok := units[out.Unit]; !ok {
		errs = append(errs, fmt.Errorf("`%s::unit` is %q: write ns, us, ms or s", key, out.Unit))
	}
	if fields[httpattr.RequestMethod] == "" || fields[httpattr.URLPath] == "" && fields[httpattr.URLFull] == "" {
		errs = append(errs, fmt.Errorf("`%s` has no source of http.request.method, or none of url.path or url.full: write them under `fields`, or a `preset`", key))
	}
	return out, errs
}

// source finds values in a record.
type source struct {
	attrs, body pcommon.Map
	line        map[string]string // what the request line has, under nginx's names
}

func (s *source) get(path string) (pcommon.Value, bool) {
	if path == "" {
		return pcommon.Value{}, false
	}
	for _, m := range []pcommon.Map{s.attrs, s.body} {
		if v, ok := follow(m, path); ok && v.Type() != pcommon.ValueTypeEmpty {
			if v.Type() == pcommon.ValueTypeStr && (v.Str() == "" || v.Str() == "-") {
				continue // what access logs write for nothing
			}
			return v, true
		}
	}
	if v := s.line[path]; v != "" {
		return pcommon.NewValueStr(v), true
	}
	return pcommon.Value{}, false
}

// readLine reads a request line.
func (s *source) readLine(from string) {
	v, ok := s.get(from)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return
	}
	if found := requestLine.FindStringSubmatch(v.Str()); found != nil {
		s.line = map[string]string{"request_method": found[1], "request_uri": found[2], "server_protocol": found[3]}
	}
}

var requestLine = regexp.MustCompile(`^(` + token + `) (\S.*?)(?: (` + version + `))?$`)

// follow follows a path; a key with dots in it wins.
func follow(m pcommon.Map, path string) (pcommon.Value, bool) {
	if v, ok := m.Get(path); ok {
		return v, true
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if v, ok := m.Get(path[:i]); ok && v.Type() == pcommon.ValueTypeMap {
			return follow(v.Map(), path[i+1:])
		}
	}
	return pcommon.Value{}, false
}

func (s *source) headers(from, to string, attrs pcommon.Map) {
	if from == "" {
		return
	}
	if v, ok := s.get(from); ok && v.Type() == pcommon.ValueTypeMap {
		for k, e := range v.Map().All() {
			e.CopyTo(attrs.PutEmpty(to + strings.ToLower(k)))
		}
		return
	}
	if !strings.ContainsAny(from[len(from)-1:], "_.-") {
		return
	}
	for _, m := range []pcommon.Map{s.attrs, s.body} {
		for k, e := range m.All() {
			if name, ok := strings.CutPrefix(k, from); ok && name != "" {
				e.CopyTo(attrs.PutEmpty(to + strings.ToLower(name)))
			}
		}
	}
}

// bodyOf returns the record's body as a map, empty if it is none.
func (m *Mapping) bodyOf(v pcommon.Value) pcommon.Map {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		return v.Map()
	case pcommon.ValueTypeStr:
		text := strings.TrimSpace(v.Str())
		out := pcommon.NewMap()
		switch {
		case len(text) > maxBody || text == "":
		case text[0] == '{':
			var raw map[string]any
			if json.Unmarshal([]byte(text), &raw) == nil {
				_ = out.FromRaw(raw) // JSON has no other types
			}
		default:
			for _, form := range m.text {
				found := form.FindStringSubmatch(text)
				if found == nil {
					continue
				}
				for i, name := range form.SubexpNames() {
					if name != "" {
						out.PutStr(name, strings.Trim(found[i], `"`))
					}
				}
				break
			}
		}
		return out
	}
	return pcommon.NewMap()
}

// Span writes the exchange that a record of an access log tells into span, and reports
// whether it tells one of this mapping. It is whole if it has a status, too: formats have
// names in common.
func (m *Mapping) Span(rec plog.LogRecord, span ptrace.Span) (ok, whole bool) {
	s := source{attrs: rec.Attributes(), body: m.bodyOf(rec.Body())}
	s.readLine(m.line)
	method, ok := s.get(m.Fields[httpattr.RequestMethod])
	if !ok || method.Type() != pcommon.ValueTypeStr {
		return false, false
	}
	_, path := s.get(m.Fields[httpattr.URLPath])
	_, full := s.get(m.Fields[httpattr.URLFull])
	if !path && !full {
		return false, false
	}
	attrs := span.Attributes()
	for k, v := range rec.Attributes().All() {
		if httpattr.IsRedactionStamp(k) {
			v.CopyTo(attrs.PutEmpty(k))
		}
	}
	for to, from := range m.Fields {
		if v, ok := s.get(from); ok {
			v.CopyTo(attrs.PutEmpty(to))
		}
	}
	s.headers(m.RequestHeaders, httpattr.RequestHeaderPrefix, attrs)
	s.headers(m.ResponseHeaders, httpattr.ResponseHeaderPrefix, attrs)
	if _, ok := s.get("request.tls"); ok && m.Preset == "caddy" {
		attrs.PutStr(httpattr.URLScheme, "https")
	}

	var took time.Duration
	if v, ok := s.get(m.Duration); ok {
		took = period(v, units[m.Unit])
	}
	start := timeOf(rec)
	for _, end := range m.ends {
		if v, ok := s.get(end); ok {
			if t, ok := moment(v); ok {
				start = t.Add(-took)
				break
			}
		}
	}
	if v, ok := s.get(m.Start); ok {
		if t, ok := moment(v); ok {
			start = t
		}
	}
	span.SetKind(ptrace.SpanKindServer)
	span.SetName(method.Str())
	span.SetTraceID(rec.TraceID())
	span.SetSpanID(rec.SpanID())
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
	// The span that the record belongs to may be an event of its own.
	sum := sha256.Sum256([]byte(rec.Timestamp().String() + "\x00" + rec.ObservedTimestamp().String() + "\x00" + rec.Body().AsString() + "\x00" + asText(rec.Attributes())))
	attrs.PutStr(httpattr.EventID, httpattr.NewEventID(rec.TraceID(), rec.SpanID(), append([]byte("log\x00"), sum[:]...)))
	_, whole = s.get(m.Fields[httpattr.ResponseStatusCode])
	return true, whole
}

func asText(m pcommon.Map) string {
	b, _ := json.Marshal(m.AsRaw()) // NaN gives nothing
	return string(b)
}

func number(v pcommon.Value) float64 {
	n, err := strconv.ParseFloat(v.AsString(), 64)
	if err != nil || math.IsNaN(n) {
		return 0
	}
	return n
}

// period reads a duration: a number of units, or a text with its unit. Of what is none, or
// more than a day, it is 0.
func period(v pcommon.Value, unit time.Duration) time.Duration {
	n := number(v) * float64(unit)
	if d, err := time.ParseDuration(v.AsString()); err == nil {
		n = float64(d)
	}
	if n > 0 && n < float64(24*time.Hour) {
		return time.Duration(n)
	}
	return 0
}

// layouts of times: RFC 3339, nginx's, and two more of Caddy's.
var layouts = [...]string{time.RFC3339Nano, "02/Jan/2006:15:04:05 -0700", "2006-01-02T15:04:05Z0700", "2006/01/02 15:04:05"}

// moment reads a time: a text, or seconds, milliseconds, microseconds or nanoseconds since
// 1970.
func moment(v pcommon.Value) (time.Time, bool) {
	text := v.AsString()
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	n := number(v)
	switch {
	case n > 1e17 && n < 9e18:
		return time.Unix(0, int64(n)).UTC(), true
	case n >= 1e14 && n <= 1e17:
		return time.UnixMicro(int64(n)).UTC(), true
	case n > 1e11 && n < 1e14:
		return time.UnixMilli(int64(n)).UTC(), true
	case n > 1e8 && n <= 1e11:
		return time.UnixMicro(int64(n * 1e6)).UTC(), true
	}
	return time.Time{}, false
}
