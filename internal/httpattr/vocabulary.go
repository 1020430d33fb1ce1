// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "strings"

// Place says what a value is, and so in which syntax it is read.
type Place uint8

// The places. A value in none of them is a text: any syntax, found by its bytes.
const (
	Text Place = iota
	// Standard values are defined by the conventions and carry no payload.
	Standard
	// RequestField and ResponseField are header fields; the key is a prefix.
	RequestField
	ResponseField
	// RequestFields and ResponseFields are all fields of a header: a map, a list or a
	// text.
	RequestFields
	ResponseFields
	RequestContent
	ResponseContent
	URL
	Path
	Query
	// ClientIP is the address of the client, PeerIP that of the socket's other end.
	ClientIP
	PeerIP
	// Identity says who called.
	Identity
	// Metadata is what the application adds; the key is a prefix.
	Metadata
)

var placeNames = [...]string{
	"text", "standard", "request header", "response header", "request header section", "response header section",
	"request body", "response body", "url", "path", "query", "client ip", "peer ip", "identity", "metadata",
}

func (p Place) String() string { return placeNames[p] }

// Entry is one attribute key. All readers (engine, wrapper, processor, exporter) take
// what they know about a key from here; tests hold each to it.
type Entry struct {
	// Key is the key; one that ends in "." is a prefix.
	Key string
	// As is the current key with the same meaning; Key itself if it is current.
	As    string
	Place Place
	// Kind is the type of the value, in the words of docs/attributes.md.
	Kind string
	// Rank orders the keys of one meaning on one span: the lowest speaks.
	Rank uint8
	// Means is the key by which a reader tells apart what As puts together: which of
	// several hosts it is. Mostly As.
	Means string
	// Vocabularies are the names of apply_to, in the processor, that have the key; none
	// for current keys, which are always read.
	Vocabularies []string
}

// current are the keys of the conventions and our own.
var current = []Entry{
	{Key: RequestMethod, Place: Standard, Kind: "string"},
	{Key: RequestMethodOriginal, Place: Standard, Kind: "string"},
	{Key: ResponseStatusCode, Place: Standard, Kind: "int"},
	{Key: Route, Place: Standard, Kind: "string"},
	{Key: RequestHeaderPrefix, Place: RequestField, Kind: "string[]"},
	{Key: ResponseHeaderPrefix, Place: ResponseField, Kind: "string[]"},
	{Key: RequestBody, Place: RequestContent, Kind: "string or bytes"},
	{Key: ResponseBody, Place: ResponseContent, Kind: "string or bytes"},
	{Key: RequestBodySize, Place: Standard, Kind: "int"},
	{Key: ResponseBodySize, Place: Standard, Kind: "int"},
	{Key: URLFull, Place: URL, Kind: "string"},
	{Key: URLScheme, Place: Standard, Kind: "string"},
	{Key: URLPath, Place: Path, Kind: "string"},
	{Key: URLQuery, Place: Query, Kind: "string"},
	{Key: "url.fragment", Place: Query},
	{Key: ServerAddress, Place: Standard, Kind: "string"},
	{Key: ServerPort, Place: Standard, Kind: "int"},
	{Key: ClientAddress, Place: ClientIP, Kind: "string"},
	{Key: ClientPort, Place: Standard, Kind: "int"},
	{Key: NetworkPeerAddress, Place: PeerIP, Kind: "string"},
	{Key: NetworkPeerPort, Place: Standard, Kind: "int"},
	{Key: NetworkLocalAddress, Place: Standard, Kind: "string"},
	{Key: NetworkLocalPort, Place: Standard, Kind: "int"},
	{Key: NetworkProtocolName, Place: Standard, Kind: "string"},
	{Key: NetworkProtocolVer, Place: Standard, Kind: "string"},
	{Key: "network.transport", Place: Standard},
	{Key: "network.type", Place: Standard},
	{Key: UserAgent, Place: Text, Kind: "string"},
	{Key: ErrorType, Place: Standard, Kind: "string"},
	{Key: "http.request.resend_count", Place: Standard},
	{Key: "messaging.message.body", Place: RequestContent},

	{Key: UserID, Place: Identity, Kind: "string"},
	{Key: UserName, Place: Identity, Kind: "string"},
	{Key: UserEmail, Place: Identity, Kind: "string"},
	{Key: UserFullName, Place: Identity, Kind: "string"},
	{Key: SessionID, Place: Identity, Kind: "string"},
	{Key: SessionKey, Place: Identity, Kind: "string"},
	{Key: SessionAuthType, Place: Identity, Kind: "string"},
	{Key: CompanyID, Place: Identity, Kind: "string"},
	{Key: SubscriptionID, Place: Identity, Kind: "string"},
	{Key: ConsumerID, Place: Identity, Kind: "string"},
	{Key: ConsumerLabel, Place: Identity, Kind: "string"},
	{Key: ConsumerEmail, Place: Identity, Kind: "string"},

	{Key: RequestBodyTruncated, Place: Standard, Kind: "bool"},
	{Key: ResponseBodyTruncated, Place: Standard, Kind: "bool"},
	{Key: RequestBodyIncomplete, Place: Standard, Kind: "bool"},
	{Key: ResponseBodyIncomplete, Place: Standard, Kind: "bool"},
	{Key: Hijacked, Place: Standard, Kind: "bool"},
	{Key: MetadataPrefix, Place: Metadata, Kind: "string, bool, int, double, array"},
	{Key: EventID, Place: Standard, Kind: "string (UUID)"},
	{Key: APIVersion, Place: Standard, Kind: "string"},
	{Key: Weight, Place: Standard, Kind: "int ≥ 1"},
	{Key: Captured, Place: Standard, Kind: "bool"},
	{Key: Skip, Place: Standard, Kind: "bool"},
	{Key: BlockedBy, Place: Standard, Kind: "string"},
	{Key: GuardAction, Place: Standard, Kind: "string"},
	{Key: GuardRule, Place: Standard, Kind: "string"},
	{Key: RedactionPolicy, Place: Standard, Kind: "string"},
	{Key: RedactionCount, Place: Standard, Kind: "int"},
	{Key: RedactionRules, Place: Text, Kind: "string[]"},
	{Key: RedactionDecisions, Place: Text, Kind: "string[]"},
	{Key: RedactionDryRun, Place: Text, Kind: "string[]"},
	{Key: RedactionUpstreamPolicy, Place: Text, Kind: "string[]"},
	{Key: RedactionUpstreamCount, Place: Standard, Kind: "int"},
	{Key: RedactionUpstreamRules, Place: Text, Kind: "string[]"},

	{Key: EventName, Place: Standard},
	{Key: ActionName, Place: Standard, Kind: "string"},
	{Key: CompanyDomain, Place: Text, Kind: "string"},
	{Key: SubscriptionStatus, Place: Standard, Kind: "string"},
	{Key: SubscriptionPeriodStart, Place: Standard, Kind: "string (RFC 3339)"},
	{Key: SubscriptionPeriodEnd, Place: Standard, Kind: "string (RFC 3339)"},
	{Key: SubscriptionItems, Place: Text, Kind: "array of maps"},
	{Key: CampaignSource, Place: Text, Kind: "string"},
	{Key: CampaignMedium, Place: Text, Kind: "string"},
	{Key: CampaignName, Place: Text, Kind: "string"},
	{Key: CampaignTerm, Place: Text, Kind: "string"},
	{Key: CampaignContent, Place: Text, Kind: "string"},
	{Key: CampaignReferrer, Place: URL, Kind: "string"},
	{Key: CampaignReferringDomain, Place: Text, Kind: "string"},
	{Key: CampaignGCLID, Place: Text, Kind: "string"},

	{Key: ServiceName, Place: Standard, Kind: "string"},
	{Key: ServiceVersion, Place: Standard, Kind: "string"},
	{Key: "service.namespace", Place: Standard},
	{Key: "service.instance.id", Place: Standard},
	{Key: DeploymentEnv, Place: Standard, Kind: "string"},
	{Key: TelemetrySDKLanguage, Place: Standard, Kind: "string"},
	{Key: "telemetry.sdk.name", Place: Standard},
	{Key: "telemetry.sdk.version", Place: Standard},
	{Key: "otel.scope.name", Place: Standard},
	{Key: "otel.scope.version", Place: Standard},
	{Key: "rpc.system", Place: Standard},
	{Key: "rpc.method", Place: Standard},
	{Key: "rpc.service", Place: Standard},
	{Key: "rpc.grpc.status_code", Place: Standard},

	// Older keys that mean the other end of the socket on a server and the host that
	// was called on a client.
	{Key: "net.peer.name", Place: PeerIP},
	{Key: "net.peer.port", Place: Standard},
	{Key: "net.protocol.name", Place: Standard},
	{Key: "net.transport", Place: Standard},
}

// other are the keys of other producers: one line each. The columns are the key, the
// current key with its meaning, the rank and the vocabularies:
//
//   - legacy: semantic conventions before HTTP became stable (v1.23)
//     (https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/)
//   - hypertrace: agents of hypertrace (https://github.com/hypertrace/specification); what
//     they encode ("*.base64") is decoded before it is redacted, see EncodedBodies
//   - ecs: Elastic Common Schema and Elastic APM (https://www.elastic.co/docs/reference/ecs/ecs-http)
//   - datadog: Datadog's tracers and agent
//     (https://docs.datadoghq.com/tracing/trace_collection/tracing_naming_convention/)
//   - agents: what language agents and proxies write besides, and Moesif's own OpenTelemetry
//     intake ("company.id")
var other = []struct {
	key, as string
	rank    uint8
	in      string
}{
	{"http.method", RequestMethod, 1, "legacy"},
	{"http.status_code", ResponseStatusCode, 1, "legacy"},
	{URLTemplate, Route, 1, "semconv"},
	{"http.url", URLFull, 1, "legacy datadog"},
	{"url.original", URLFull, 2, "ecs"},
	{"http.request.url", URLFull, 3, "agents"},
	{"http.target", URLFull, 4, "legacy"},
	{"http.scheme", URLScheme, 1, "legacy"},
	{"http.path", URLPath, 1, "agents"},
	{"http.query", URLQuery, 1, "agents"},
	{"http.query_string", URLQuery, 2, "agents"},

	{"url.domain", ServerAddress, 2, "ecs"},
	{"http.host", ServerAddress, 3, "legacy"},
	{"net.host.name", ServerAddress, 4, "legacy"},
	{"http.server_name", ServerAddress, 5, "legacy"},
	{"url.port", ServerPort, 2, "ecs"},
	{"net.host.port", ServerPort, 3, "legacy"},

	{"http.client_ip", ClientAddress, 1, "legacy datadog"},
	{"client.ip", ClientAddress, 2, "ecs"},
	{"source.ip", ClientAddress, 3, "ecs"},
	{"source.address", ClientAddress, 4, "ecs"},
	{"network.client.ip", ClientAddress, 5, "datadog"},
	{"http.client.ip", ClientAddress, 6, "agents"},
	{"enduser.ip", ClientAddress, 7, "agents"},
	{"source.port", ClientPort, 3, "ecs"},
	{"net.sock.peer.addr", NetworkPeerAddress, 1, "legacy"},
	{"net.peer.ip", NetworkPeerAddress, 2, "legacy"},
	{"peer.address", NetworkPeerAddress, 3, "agents"},
	{"net.sock.peer.port", NetworkPeerPort, 1, "legacy"},
	{"net.sock.host.addr", NetworkLocalAddress, 1, "legacy"},
	{"net.host.ip", NetworkLocalAddress, 2, "legacy"},
	{"net.sock.host.port", NetworkLocalPort, 1, "legacy"},
	{"net.protocol.version", NetworkProtocolVer, 1, "legacy"},
	{"http.flavor", NetworkProtocolVer, 2, "legacy"},
	{"http.version", NetworkProtocolVer, 3, "ecs"},
	{"http.user_agent", UserAgent, 1, "legacy"},
	{"http.useragent", UserAgent, 2, "datadog"},

	{"http.request.body", RequestBody, 1, "hypertrace"},
	{"rpc.request.body", RequestBody, 2, "hypertrace"},
	{"http.request.body.text", RequestBody, 3, "agents"},
	{"http.request.payload", RequestBody, 4, "agents"},
	{"http.request_body", RequestBody, 5, "agents"},
	{"http.response.body", ResponseBody, 1, "hypertrace"},
	{"rpc.response.body", ResponseBody, 2, "hypertrace"},
	{"http.response.body.text", ResponseBody, 3, "agents"},
	{"http.response.payload", ResponseBody, 4, "agents"},
	{"http.response_body", ResponseBody, 5, "agents"},
	{"http.request_content_length", RequestBodySize, 1, "legacy"},
	{"http.request.body.bytes", RequestBodySize, 2, "ecs"},
	{"http.response_content_length", ResponseBodySize, 1, "legacy"},
	{"http.response.body.bytes", ResponseBodySize, 2, "ecs"},
	{"http.request.body.truncated", RequestBodyTruncated, 1, "hypertrace"},
	{"http.response.body.truncated", ResponseBodyTruncated, 1, "hypertrace"},

	{"http.request.headers.", RequestHeaderPrefix, 1, "ecs datadog"},
	{"http.response.headers.", ResponseHeaderPrefix, 1, "ecs datadog"},
	{"rpc.request.metadata.", RequestHeaderPrefix, 2, "hypertrace"},
	{"rpc.response.metadata.", ResponseHeaderPrefix, 2, "hypertrace"},
	{"rpc.grpc.request.metadata.", RequestHeaderPrefix, 3, "agents"},
	{"rpc.grpc.response.metadata.", ResponseHeaderPrefix, 3, "agents"},
	{"rpc.connect_rpc.request.metadata.", RequestHeaderPrefix, 4, "agents"},
	{"rpc.connect_rpc.response.metadata.", ResponseHeaderPrefix, 4, "agents"},
	{"http.headers.", RequestHeaderPrefix, 5, "agents"},
	{"http.request.headers", requestFields, 1, "ecs"},
	{"http.response.headers", responseFields, 1, "ecs"},
	{"http.request.header", requestFields, 2, "agents"},
	{"http.response.header", responseFields, 2, "agents"},
	{"http.request.cookies", RequestHeaderPrefix + "cookie", 1, "agents"},
	{"http.request.referrer", RequestHeaderPrefix + "referer", 1, "ecs"},
	{"http.referrer", RequestHeaderPrefix + "referer", 2, "datadog"},
	{"http.referer", RequestHeaderPrefix + "referer", 3, "agents"},

	{EndUserID, UserID, 1, "legacy"},
	{"enduser.pseudo.id", UserID, 2, "agents"},
	{"company.id", CompanyID, 1, "agents"},
	{"organization.id", CompanyID, 2, "ecs"},
	{"subscription.id", SubscriptionID, 1, "agents"},
	{LegacyDeploymentEnv, DeploymentEnv, 1, "legacy"},
	{"service.environment", DeploymentEnv, 2, "ecs"},
}

// requestFields and responseFields stand for all fields of a header.
const (
	requestFields  = RequestHeaderPrefix + "*"
	responseFields = ResponseHeaderPrefix + "*"
)

// apart are keys that one reader, who puts a URL or a host together out of parts, must
// tell from the key that they stand for.
var apart = map[string]string{
	"http.target": "http.target", "http.host": "http.host", "net.host.name": "net.host.name", "http.server_name": "net.host.name",
	"net.host.port": "net.host.port",
}

// vocabulary is the table with its index. It is built once and never written again.
var vocabulary = index()

type table struct {
	entries []Entry
	byKey   map[string]*Entry
	// prefixes are the entries that end in ".", those of fields first.
	prefixes []*Entry
}

func index() *table {
	t := &table{byKey: make(map[string]*Entry, len(current)+len(other)), entries: make([]Entry, 0, len(current)+len(other))}
	add := func(e Entry) {
		t.entries = append(t.entries, e)
		p := &t.entries[len(t.entries)-1]
		t.byKey[e.Key] = p
		if strings.HasSuffix(e.Key, ".") {
			t.prefixes = append(t.prefixes, p)
		}
	}
	for _, e := range current {
		e.As, e.Means = e.Key, e.Key
		add(e)
	}
	for _, o := range other {
		e := Entry{Key: o.key, As: o.as, Means: o.as, Rank: o.rank, Vocabularies: strings.Fields(o.in)}
		switch to, known := t.byKey[o.as]; {
		case known:
			e.Place, e.Kind = to.Place, to.Kind
		case o.as == requestFields:
			e.Place = RequestFields
		case o.as == responseFields:
			e.Place = ResponseFields
		default: // one field
			e.Place, e.Kind = RequestField, t.byKey[RequestHeaderPrefix].Kind
		}
		if m := apart[o.key]; m != "" {
			e.Means = m
		}
		add(e)
	}
	return t
}

// Entries returns the vocabulary: current keys, then those of other producers.
func Entries() []Entry { return vocabulary.entries }

// Lookup returns what is known about a key. The result is shared and must not be
// changed; it is nil for a key of no vocabulary, and for one below a prefix.
func Lookup(key string) *Entry { return vocabulary.byKey[key] }

// Below returns the prefix that a key stands below, and the rest of the key, which is
// not empty; nil if there is none.
func Below(key string) (e *Entry, rest string) {
	if len(key) < 6 || key[0] != 'h' && key[0] != 'r' && key[0] != OwnPrefix[0] {
		return nil, ""
	}
	for _, p := range vocabulary.prefixes {
		if len(key) > len(p.Key) && key[:len(p.Key)] == p.Key {
			return p, key[len(p.Key):]
		}
	}
	return nil, ""
}
