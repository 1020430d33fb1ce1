// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import "github.com/apispan/apispan/internal/httpattr"

// field names one piece of information, whatever attribute brought it.
type field uint8

const (
	fieldMethod field = iota
	fieldMethodOriginal
	fieldStatus
	fieldRoute
	fieldURLFull
	fieldURLScheme
	fieldURLPath
	fieldURLQuery
	fieldTarget
	fieldServerAddress
	fieldServerPort
	fieldHTTPHost
	fieldNetHostName
	fieldNetHostPort
	fieldNetPeerName
	fieldNetPeerPort
	fieldClientAddress
	fieldClientPort
	fieldPeerAddress
	fieldPeerPort
	fieldLocalAddress
	fieldLocalPort
	fieldProtocol
	fieldUserAgent
	fieldReqBody
	fieldReqBodySize
	fieldReqTruncated
	fieldReqIncomplete
	fieldRespBody
	fieldRespBodySize
	fieldRespTruncated
	fieldRespIncomplete
	fieldUserID
	fieldUserEmail
	fieldUserFullName
	fieldUserName
	fieldSessionID
	fieldSessionKey
	fieldSessionAuthType
	fieldCompanyID
	fieldSubscriptionID
	fieldConsumerID
	fieldConsumerLabel
	fieldConsumerEmail
	fieldEventID
	fieldAPIVersion
	fieldWeight
	fieldSkip
	fieldBlockedBy
	fieldPolicy
	fieldRedactionCount
	numFields
)

// alias says that an attribute brings a field. Of the attributes present on a
// span the one with the lowest rank wins; 0 is the current convention (or our
// own key), everything else a fallback.
type alias struct {
	key   string
	field field
	rank  uint8
}

// aliases is the whole vocabulary of the reader apart from headers and metadata,
// which are known by their prefix. Sources, checked 2026-11-20:
//
//   - rank 0: semantic conventions (https://opentelemetry.io/docs/specs/semconv/http/)
//     and docs/attributes.md for "apispan." keys
//   - "http.method", "http.target", "net.*" …: semantic conventions up to v1.20
//     (https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/)
//   - "http.request.body", "rpc.*.body", "*.truncated": Hypertrace agents
//     (github.com/hypertrace/specification); their "*.base64" is not read, since
//     redaction does not look into base64
//   - "url.domain", "http.request.body.bytes", "organization.id" …: Elastic
//     Common Schema (https://www.elastic.co/guide/en/ecs/current/ecs-field-reference.html)
//   - "company.id": Moesif's own OpenTelemetry intake
var aliases = []alias{
	{httpattr.RequestMethod, fieldMethod, 0},
	{"http.method", fieldMethod, 1},
	{httpattr.RequestMethodOriginal, fieldMethodOriginal, 0},
	{httpattr.ResponseStatusCode, fieldStatus, 0},
	{"http.status_code", fieldStatus, 1},
	{httpattr.Route, fieldRoute, 0},
	{httpattr.URLTemplate, fieldRoute, 1},

	{httpattr.URLFull, fieldURLFull, 0},
	{"http.url", fieldURLFull, 1},
	{"url.original", fieldURLFull, 2},
	{httpattr.URLScheme, fieldURLScheme, 0},
	{"http.scheme", fieldURLScheme, 1},
	{httpattr.URLPath, fieldURLPath, 0},
	{httpattr.URLQuery, fieldURLQuery, 0},
	{"http.target", fieldTarget, 1},

	{httpattr.ServerAddress, fieldServerAddress, 0},
	{"url.domain", fieldServerAddress, 2},
	{httpattr.ServerPort, fieldServerPort, 0},
	{"url.port", fieldServerPort, 2},
	{"http.host", fieldHTTPHost, 1},
	{"net.host.name", fieldNetHostName, 1},
	{"http.server_name", fieldNetHostName, 2},
	{"net.host.port", fieldNetHostPort, 1},
	{"net.peer.name", fieldNetPeerName, 1},
	{"net.peer.port", fieldNetPeerPort, 1},

	{httpattr.ClientAddress, fieldClientAddress, 0},
	{"http.client_ip", fieldClientAddress, 1},
	{"client.ip", fieldClientAddress, 2},
	{"source.ip", fieldClientAddress, 3},
	{httpattr.ClientPort, fieldClientPort, 0},
	{"source.port", fieldClientPort, 3},
	{httpattr.NetworkPeerAddress, fieldPeerAddress, 0},
	{"net.sock.peer.addr", fieldPeerAddress, 1},
	{"net.peer.ip", fieldPeerAddress, 2},
	{httpattr.NetworkPeerPort, fieldPeerPort, 0},
	{"net.sock.peer.port", fieldPeerPort, 1},
	{httpattr.NetworkLocalAddress, fieldLocalAddress, 0},
	{"net.sock.host.addr", fieldLocalAddress, 1},
	{"net.host.ip", fieldLocalAddress, 2},
	{httpattr.NetworkLocalPort, fieldLocalPort, 0},
	{"net.sock.host.port", fieldLocalPort, 1},

	{httpattr.NetworkProtocolVer, fieldProtocol, 0},
	{"net.protocol.version", fieldProtocol, 1},
	{"http.flavor", fieldProtocol, 2},
	{"http.version", fieldProtocol, 3},
	{httpattr.UserAgent, fieldUserAgent, 0},
	{"http.user_agent", fieldUserAgent, 1},

	{httpattr.RequestBody, fieldReqBody, 0},
	{"http.request.body", fieldReqBody, 1},
	{"rpc.request.body", fieldReqBody, 2},
	{httpattr.RequestBodySize, fieldReqBodySize, 0},
	{"http.request_content_length", fieldReqBodySize, 1},
	{"http.request.body.bytes", fieldReqBodySize, 2},
	{httpattr.RequestBodyTruncated, fieldReqTruncated, 0},
	{"http.request.body.truncated", fieldReqTruncated, 1},
	{httpattr.RequestBodyIncomplete, fieldReqIncomplete, 0},
	{httpattr.ResponseBody, fieldRespBody, 0},
	{"http.response.body", fieldRespBody, 1},
	{"rpc.response.body", fieldRespBody, 2},
	{httpattr.ResponseBodySize, fieldRespBodySize, 0},
	{"http.response_content_length", fieldRespBodySize, 1},
	{"http.response.body.bytes", fieldRespBodySize, 2},
	{httpattr.ResponseBodyTruncated, fieldRespTruncated, 0},
	{"http.response.body.truncated", fieldRespTruncated, 1},
	{httpattr.ResponseBodyIncomplete, fieldRespIncomplete, 0},

	{httpattr.UserID, fieldUserID, 0},
	{httpattr.EndUserID, fieldUserID, 1},
	{"enduser.pseudo.id", fieldUserID, 2},
	{httpattr.UserEmail, fieldUserEmail, 0},
	{httpattr.UserFullName, fieldUserFullName, 0},
	{httpattr.UserName, fieldUserName, 0},
	{httpattr.SessionID, fieldSessionID, 0},
	{httpattr.SessionKey, fieldSessionKey, 0},
	{httpattr.SessionAuthType, fieldSessionAuthType, 0},
	{httpattr.CompanyID, fieldCompanyID, 0},
	{"company.id", fieldCompanyID, 1},
	{"organization.id", fieldCompanyID, 2},
	{httpattr.SubscriptionID, fieldSubscriptionID, 0},
	{"subscription.id", fieldSubscriptionID, 1},
	{httpattr.ConsumerID, fieldConsumerID, 0},
	{httpattr.ConsumerLabel, fieldConsumerLabel, 0},
	{httpattr.ConsumerEmail, fieldConsumerEmail, 0},

	{httpattr.EventID, fieldEventID, 0},
	{httpattr.APIVersion, fieldAPIVersion, 0},
	{httpattr.Weight, fieldWeight, 0},
	{httpattr.Skip, fieldSkip, 0},
	{httpattr.BlockedBy, fieldBlockedBy, 0},
	{httpattr.RedactionPolicy, fieldPolicy, 0},
	{httpattr.RedactionCount, fieldRedactionCount, 0},
}

// aliasByKey indexes aliases; it is built once and never written again.
var aliasByKey = func() map[string]alias {
	m := make(map[string]alias, len(aliases))
	for _, a := range aliases {
		m[a.key] = a
	}
	return m
}()

// Header attributes: a prefix and the header's name. The plural form is Elastic
// APM's; there the whole header section may also be one map.
const (
	reqHeadersMap     = "http.request.headers"
	respHeadersMap    = "http.response.headers"
	reqHeadersPrefix  = reqHeadersMap + "."
	respHeadersPrefix = respHeadersMap + "."
	headerKeyStart    = "http.re"
)

// Resource attributes, in order of preference.
var (
	serviceNameKeys    = []string{httpattr.ServiceName}
	serviceVersionKeys = []string{httpattr.ServiceVersion}
	environmentKeys    = []string{httpattr.DeploymentEnv, httpattr.LegacyDeploymentEnv, "service.environment"}
)
