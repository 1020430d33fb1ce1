// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/redact"
)

// option is one of ours: it carries an otelhttp option (mostly one that does
// nothing), whose unexported method makes it an otelhttp.Option.
type option struct {
	otelhttp.Option

	apply func(*settings)
}

func opt(apply func(*settings)) Option {
	return &option{Option: otelhttp.WithSpanOptions(), apply: apply}
}

// BodyMode says whose bodies are recorded.
type BodyMode uint8

const (
	// BodiesOff records no content. It is the default: the semantic convention
	// forbids to record content unless asked for.
	BodiesOff BodyMode = iota
	// BodiesOnError records content if the status is 400 or above, the handler
	// panicked, or the round trip failed. Content is held until that is known,
	// so it costs the memory of BodiesAll.
	BodiesOnError
	// BodiesAll records the content of every exchange that is not skipped.
	BodiesAll
)

const (
	// DefaultMaxBodySize is the limit of WithMaxBodySize, in bytes.
	DefaultMaxBodySize = 8 << 10
	// DefaultMemoryBudget is the limit of WithMemoryBudget, in bytes.
	DefaultMemoryBudget = 64 << 20

	// maxBodySize is the largest limit that can be asked for.
	maxBodySize = 16 << 20
)

// settings is what options write to; newConfig compiles it.
type settings struct {
	enabled        bool
	bodies         BodyMode
	reqMax, resMax int
	types          []string
	reqHeaders     headerSpec
	resHeaders     headerSpec
	sanitize       []string
	policy         *redact.Policy

	defaultSkips bool
	skip         []func(Exchange) bool
	skipRequest  []func(*http.Request) bool
	routes       []RouteRule

	identity  []func(Exchange) Identity
	resolvers [numFields][]Source
	// identityPlans are resolvers as they are used.
	identityPlans [numFields]caller.Plan

	sessionKey     string // "": off
	sessionSources []caller.Credential
	metadata       []func(Exchange) map[string]any

	forwarding   forwarding
	probePeers   []netip.Prefix
	eventHeader  string
	eventPrefix  string
	trustEventID bool
	budget       int64
	decoders     map[string]Decoder

	tracing       tracing
	meterProvider metric.MeterProvider
	side          side
	errs          []error
}

// headerSpec is a selection of header fields.
type headerSpec struct {
	names []string // canonical or with a trailing *
	all   bool
	std   bool // the default of its side
}

// WithEnabled turns capture on or off as a whole, or for a route (see Route). Default:
// true. With false the span is what tracing makes it, with apispan.skip = true and
// nothing else from here, since a backend would take a span without the mark for a call
// whose headers and bodies were not recorded. So no backend gets the call, whatever
// exports the span.
func WithEnabled(on bool) Option { return opt(func(s *settings) { s.enabled = on }) }

// WithBodies says whose bodies are recorded. Default: BodiesOff.
func WithBodies(m BodyMode) Option {
	return opt(func(s *settings) {
		if s.bodies = m; m > BodiesAll {
			s.bodies = BodiesOff
			s.errs = append(s.errs, fmt.Errorf("httpcapture: WithBodies: there is no mode %d; give BodiesOff, BodiesOnError or BodiesAll", m))
		}
	})
}

// WithMaxBodySize limits the content recorded of each body, in bytes. Default
// and meaning of zero or less: DefaultMaxBodySize, 8 KiB; at most 16 MiB. A lower
// OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT or OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
// wins, so that the truncation mark stays true.
//
// Exports are sized by it: a batch of 512 spans with two bodies of 4 KiB is 4 MiB,
// the most a gRPC receiver takes by default.
func WithMaxBodySize(bytes int) Option {
	return opt(func(s *settings) { s.reqMax, s.resMax = bytes, bytes })
}

// WithMaxRequestBodySize is WithMaxBodySize for request bodies only.
func WithMaxRequestBodySize(bytes int) Option { return opt(func(s *settings) { s.reqMax = bytes }) }

// WithMaxResponseBodySize is WithMaxBodySize for response bodies only.
func WithMaxResponseBodySize(bytes int) Option { return opt(func(s *settings) { s.resMax = bytes }) }

// WithContentTypes says which media types are recorded, and replaces the
// default. Each is a type ("application/json"), a range ("text/*", "*/*") or a
// suffix ("+json"). Default: everything textual by the semantic convention, and
// newline-delimited or sequenced JSON and GraphQL. No argument: none.
//
// Content that is not textual is recorded as a byte slice.
func WithContentTypes(types ...string) Option {
	return opt(func(s *settings) {
		s.types = make([]string, 0, len(types))
		for _, t := range types {
			t = strings.ToLower(strings.TrimSpace(t))
			if t == "" || (strings.IndexByte(t, '/') < 0 && t[0] != '+') {
				s.errs = append(s.errs, fmt.Errorf("httpcapture: WithContentTypes: %q is neither type/subtype, type/* nor +suffix", t))
				continue
			}
			s.types = append(s.types, t)
		}
	})
}

// WithRequestHeaders names the request header fields to record, and replaces the
// default list (see the README). A trailing * matches any ending. No argument:
// none. Credential fields are recorded as "[REDACTED]" even if named, unless a
// policy turned them into something else.
func WithRequestHeaders(names ...string) Option {
	return opt(func(s *settings) { s.reqHeaders = headerSpec{names: s.fieldNames("WithRequestHeaders", names)} })
}

// WithResponseHeaders is WithRequestHeaders for response header fields.
func WithResponseHeaders(names ...string) Option {
	return opt(func(s *settings) { s.resHeaders = headerSpec{names: s.fieldNames("WithResponseHeaders", names)} })
}

// fieldNames leaves out what can be no field name, with or without * at its end.
func (s *settings) fieldNames(option string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		n = strings.TrimSpace(n)
		if bare := strings.TrimSuffix(strings.TrimSuffix(n, "*"), "."); n != "*" && n != ".*" && !validFieldName(bare) {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: %s: %q is not a header name", option, n))
			continue
		}
		out = append(out, n)
	}
	return out
}

// WithAllHeaders records all header fields of both sides, at most 48 a side, with
// the values of credential fields (Authorization, Cookie, X-Api-Key, …)
// replaced by "[REDACTED]". Traceparent and Tracestate are left out, as the span
// states them. Default: off.
func WithAllHeaders() Option {
	return opt(func(s *settings) { s.reqHeaders, s.resHeaders = headerSpec{all: true}, headerSpec{all: true} })
}

// WithPolicy redacts every attribute before it is set on the span, with the
// result that the http_redaction processor gives for the same policy, and stamps
// the span with the policy's hash. Attributes that stand on the span already when
// the exchange ends (url.full, client.address, …) are redacted too. Default: nil,
// no policy.
func WithPolicy(p *redact.Policy) Option { return opt(func(s *settings) { s.policy = p }) }

// WithSkip leaves an exchange out, judged at its end: the span stays and gets
// apispan.skip = true, nothing is captured. Several options add up; one true is
// enough. A panic in f counts as true.
func WithSkip(f func(Exchange) bool) Option {
	return opt(func(s *settings) {
		if f != nil {
			s.skip = append(s.skip, f)
		}
	})
}

// WithSkipRequest is WithSkip judged before the exchange begins, which saves the
// work of capturing. A panic in f counts as true.
func WithSkipRequest(f func(*http.Request) bool) Option {
	return opt(func(s *settings) {
		if f != nil {
			s.skipRequest = append(s.skipRequest, f)
		}
	})
}

// WithoutDefaultSkips captures OPTIONS requests and health checks too.
// By default they are skipped: GET or HEAD of /health, /healthz, /livez, /readyz and
// the like; OPTIONS that was answered as such, that is with Allow,
// Access-Control-Allow-Methods or -Headers, with status 404, 405 or 501, or without
// content either way. A handler that serves OPTIONS like any other method is recorded.
// No header of a request hides it: for probers see WithProbePeers.
func WithoutDefaultSkips() Option { return opt(func(s *settings) { s.defaultSkips = false }) }

// WithProbePeers skips the health checks of load balancers and orchestrators on paths
// that others use, too: GET and HEAD from one of these peers (CIDR or address), by a
// user agent that begins with kube-probe/, GoogleHC/ or ELB-HealthChecker/, without
// X-Forwarded-For, Forwarded, Via or X-Real-Ip, since what a load balancer only passes
// on is no check of its own. Default: none. Servers only.
func WithProbePeers(cidrs ...string) Option {
	return opt(func(s *settings) { s.probePeers = s.prefixes("WithProbePeers", s.probePeers, cidrs) })
}

// WithRoutes changes the capture of single routes. The first rule that matches
// applies; its options are laid over the ones of the wrapper.
//
//	httpcapture.WithRoutes(
//		httpcapture.Route("POST /login", httpcapture.WithBodies(httpcapture.BodiesOff)),
//		httpcapture.Route("/internal/*", httpcapture.WithEnabled(false)),
//	)
//
// Options that can be changed for a route: WithEnabled, WithBodies,
// WithMaxBodySize and its two variants, WithContentTypes, WithRequestHeaders,
// WithResponseHeaders, WithAllHeaders. Others are an error (see Validate).
func WithRoutes(rules ...RouteRule) Option {
	return opt(func(s *settings) { s.routes = append(s.routes, rules...) })
}

// WithIdentity asks f who made the call, at the end of the exchange. Several
// options add up, the first non-empty value of a field wins. Values from
// SetIdentity come before those of f, those of WithIdentityFrom after.
func WithIdentity(f func(Exchange) Identity) Option {
	return opt(func(s *settings) {
		if f != nil {
			s.identity = append(s.identity, f)
		}
	})
}

// WithIdentityFrom reads a field of the identity from the request without code:
// the first source that gives a value wins.
//
//	httpcapture.WithIdentityFrom(httpcapture.FieldUserID,
//		httpcapture.FromJWT("sub"), httpcapture.FromHeader("X-User-Id"))
//
// A credential does not become an identity: see Source.
func WithIdentityFrom(field IdentityField, sources ...Source) Option {
	return opt(func(s *settings) {
		if field >= numFields {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: WithIdentityFrom: unknown field %d", field))
			return
		}
		if len(sources) == 0 {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: WithIdentityFrom: %s has no source; give for example FromJWT(\"sub\")", identityKeys[field]))
		}
		for _, src := range sources {
			if src.err != nil {
				s.errs = append(s.errs, src.err)
				continue
			}
			s.resolvers[field] = append(s.resolvers[field], src)
		}
	})
}

// WithMetadata asks f for values that become apispan.metadata.<key>, at the end
// of the exchange. SetMetadata wins over f for the same key. See SetMetadata for
// types and limits.
func WithMetadata(f func(Exchange) map[string]any) Option {
	return opt(func(s *settings) {
		if f != nil {
			s.metadata = append(s.metadata, f)
		}
	})
}

// WithTrustedProxies names the proxies (CIDR, address, or "unix" for whoever connects
// over a Unix socket) whose X-Forwarded-For, else Forwarded, is believed when
// client.address is set, and whose X-Forwarded-Proto, X-Forwarded-Host or Forwarded when
// url.scheme, server.address and server.port are. Lists are read from the end, and no
// further than to the first address that is not named. Default: none, so client.address
// is the peer and the others are what this server was asked for, whatever the request
// claims. Servers only.
func WithTrustedProxies(cidrs ...string) Option {
	return opt(func(s *settings) {
		cidrs := slices.DeleteFunc(slices.Clone(cidrs), func(c string) bool {
			unix := strings.EqualFold(c, "unix")
			s.forwarding.unix = s.forwarding.unix || unix
			return unix
		})
		s.forwarding.proxies = s.prefixes("WithTrustedProxies", s.forwarding.proxies, cidrs)
	})
}

// WithClientAddressHeader names the headers in which trusted proxies write the address
// of the client, in order; only these are read. X-Forwarded-For and Forwarded are lists
// as ever, any other has one address, such as X-Real-Ip, Cf-Connecting-Ip,
// True-Client-Ip, Fly-Client-Ip. Name one that your proxy sets on every request: what it
// leaves out or passes on, a client can write. Default: X-Forwarded-For, then
// Forwarded. Without WithTrustedProxies none is read.
func WithClientAddressHeader(names ...string) Option {
	return opt(func(s *settings) {
		s.forwarding.headers = make([]string, 0, len(names)) // not nil: the default is not read
		for _, n := range names {
			if !validFieldName(n) {
				s.errs = append(s.errs, fmt.Errorf("httpcapture: WithClientAddressHeader: %q is not a header name", n))
				continue
			}
			s.forwarding.headers = append(s.forwarding.headers, http.CanonicalHeaderKey(n))
		}
	})
}

// prefixes adds addresses and CIDR prefixes to a list.
func (s *settings) prefixes(option string, to []netip.Prefix, cidrs []string) []netip.Prefix {
	to = slices.Clip(to)
	for _, c := range cidrs {
		p, err := netip.ParsePrefix(c)
		if err != nil {
			a, aerr := netip.ParseAddr(c)
			if aerr != nil {
				s.errs = append(s.errs, fmt.Errorf("httpcapture: %s: %q is neither an address nor a CIDR prefix: %w", option, c, err))
				continue
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // as peers are compared
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		to = append(to, p.Masked())
	}
	return to
}

// WithMemoryBudget limits the bytes of bodies that are held at any moment by all
// exchanges in progress in this process, in bytes. Default: DefaultMemoryBudget,
// 64 MiB; zero or less: no limit. What does not fit is not recorded and counted
// with reason memory_budget. The count is shared by all wrappers of the process,
// each compares it with its own limit. Finished spans are not part of it: they
// belong to the SDK's queue.
//
// Bodies of 8 to 64 KB share slabs, eight to a slab or more. As long as an exchange in
// progress holds a part of a slab, all of it counts; slabs take no more than half of the
// budget. A body that is kept for long, by a processor that holds on to spans, keeps its
// slab: eight times its length as a rule, 32 times at most.
func WithMemoryBudget(bytes int64) Option { return opt(func(s *settings) { s.budget = bytes }) }

// Decoder opens a content coding. It must not read ahead of what is asked and
// must return io.ErrUnexpectedEOF for input that was cut.
type Decoder func(io.Reader) (io.Reader, error)

// WithDecoder adds a content coding, such as "br" or "zstd", to the built-in gzip
// and deflate. Content in a coding that nothing decodes is not recorded, as the
// convention wants content codings removed; it is counted with reason
// content_coding.
func WithDecoder(coding string, d Decoder) Option {
	return opt(func(s *settings) {
		if d == nil || strings.TrimSpace(coding) == "" {
			s.errs = append(s.errs, fmt.Errorf("httpcapture: WithDecoder: %q needs a name and a decoder", coding))
			return
		}
		m := make(map[string]Decoder, len(s.decoders)+1)
		maps.Copy(m, s.decoders)
		m[strings.ToLower(coding)] = d
		s.decoders = m
	})
}
