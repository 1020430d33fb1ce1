// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
)

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
	fieldGuardAction
	fieldGuardRule
	fieldPolicy
	fieldRedactionCount
	fieldRedactionRules
	fieldRedactionDecisions
	fieldUpstreamPolicy
	fieldUpstreamCount
	fieldUpstreamRules
	numFields
)

// fieldOf says which key of the vocabulary brings a field. Keys that no field asks for
// are not read.
var fieldOf = map[string]field{
	httpattr.RequestMethod:         fieldMethod,
	httpattr.RequestMethodOriginal: fieldMethodOriginal,
	httpattr.ResponseStatusCode:    fieldStatus,
	httpattr.Route:                 fieldRoute,
	httpattr.URLFull:               fieldURLFull,
	httpattr.URLScheme:             fieldURLScheme,
	httpattr.URLPath:               fieldURLPath,
	httpattr.URLQuery:              fieldURLQuery,
	"http.target":                  fieldTarget,
	httpattr.ServerAddress:         fieldServerAddress,
	httpattr.ServerPort:            fieldServerPort,
	"http.host":                    fieldHTTPHost,
	"net.host.name":                fieldNetHostName,
	"net.host.port":                fieldNetHostPort,
	"net.peer.name":                fieldNetPeerName,
	"net.peer.port":                fieldNetPeerPort,
	httpattr.ClientAddress:         fieldClientAddress,
	httpattr.ClientPort:            fieldClientPort,
	httpattr.NetworkPeerAddress:    fieldPeerAddress,
	httpattr.NetworkPeerPort:       fieldPeerPort,
	httpattr.NetworkLocalAddress:   fieldLocalAddress,
	httpattr.NetworkLocalPort:      fieldLocalPort,
	httpattr.NetworkProtocolVer:    fieldProtocol,
	httpattr.UserAgent:             fieldUserAgent,

	httpattr.RequestBody:            fieldReqBody,
	httpattr.RequestBodySize:        fieldReqBodySize,
	httpattr.RequestBodyTruncated:   fieldReqTruncated,
	httpattr.RequestBodyIncomplete:  fieldReqIncomplete,
	httpattr.ResponseBody:           fieldRespBody,
	httpattr.ResponseBodySize:       fieldRespBodySize,
	httpattr.ResponseBodyTruncated:  fieldRespTruncated,
	httpattr.ResponseBodyIncomplete: fieldRespIncomplete,

	httpattr.UserID:          fieldUserID,
	httpattr.UserEmail:       fieldUserEmail,
	httpattr.UserFullName:    fieldUserFullName,
	httpattr.UserName:        fieldUserName,
	httpattr.SessionID:       fieldSessionID,
	httpattr.SessionKey:      fieldSessionKey,
	httpattr.SessionAuthType: fieldSessionAuthType,
	httpattr.CompanyID:       fieldCompanyID,
	httpattr.SubscriptionID:  fieldSubscriptionID,
	httpattr.ConsumerID:      fieldConsumerID,
	httpattr.ConsumerLabel:   fieldConsumerLabel,
	httpattr.ConsumerEmail:   fieldConsumerEmail,

	httpattr.EventID:         fieldEventID,
	httpattr.APIVersion:      fieldAPIVersion,
	httpattr.Weight:          fieldWeight,
	httpattr.Skip:            fieldSkip,
	httpattr.BlockedBy:       fieldBlockedBy,
	httpattr.GuardAction:     fieldGuardAction,
	httpattr.GuardRule:       fieldGuardRule,
	httpattr.RedactionPolicy: fieldPolicy,
	httpattr.RedactionCount:  fieldRedactionCount,

	httpattr.RedactionRules:          fieldRedactionRules,
	httpattr.RedactionDecisions:      fieldRedactionDecisions,
	httpattr.RedactionUpstreamPolicy: fieldUpstreamPolicy,
	httpattr.RedactionUpstreamCount:  fieldUpstreamCount,
	httpattr.RedactionUpstreamRules:  fieldUpstreamRules,
}

// alias says what an attribute brings. Of the attributes present on a span that bring
// the same, the one with the lowest rank wins.
type alias struct {
	field field
	rank  uint8
	// read is what the value is: a field, a header field, all fields of a header.
	read   reading
	header string
}

type reading uint8

const (
	readField reading = iota
	readRequestHeader
	readRequestHeaders
	readResponseHeaders
)

// aliasByKey is the vocabulary as this package reads it, prefixes apart; it is built
// once and never written again.
var aliasByKey = func() map[string]alias {
	m := map[string]alias{}
	for _, e := range httpattr.Entries() {
		switch f, ok := fieldOf[e.Means]; {
		case ok:
			m[e.Key] = alias{field: f, rank: e.Rank}
		case e.Place == httpattr.RequestFields:
			m[e.Key] = alias{read: readRequestHeaders}
		case e.Place == httpattr.ResponseFields:
			m[e.Key] = alias{read: readResponseHeaders}
		case e.Place == httpattr.RequestField && !strings.HasSuffix(e.Key, "."):
			m[e.Key] = alias{read: readRequestHeader, header: e.As[len(httpattr.RequestHeaderPrefix):]}
		}
	}
	return m
}()

// Resource attributes, in order of preference.
var (
	serviceNameKeys    = keysOf(httpattr.ServiceName)
	serviceVersionKeys = keysOf(httpattr.ServiceVersion)
	environmentKeys    = keysOf(httpattr.DeploymentEnv)
)

// keysOf returns the keys with one meaning, the current one first.
func keysOf(current string) []string {
	var keys []string
	for _, e := range httpattr.Entries() {
		if e.As == current {
			keys = append(keys, e.Key)
		}
	}
	return keys
}
