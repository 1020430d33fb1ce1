// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/jsonfind"
)

const (
	// maxOperation is the most bytes of an operation's name.
	maxOperation = 200
	// maxBatched is how many calls of a batch are named.
	maxBatched = 5
)

// operationKeys are attributes that become metadata under their own names: what was
// called, and what it used.
var operationKeys = map[string]bool{
	"mcp.method.name": true, "mcp.resource.uri": true, "mcp.protocol.version": true,
	"gen_ai.tool.name": true, "gen_ai.prompt.name": true, "gen_ai.operation.name": true, "gen_ai.agent.name": true,
	"gen_ai.provider.name": true, "gen_ai.system": true, "gen_ai.request.model": true, "gen_ai.response.model": true,
	"graphql.operation.name": true, "graphql.operation.type": true,
	"rpc.system": true, "rpc.system.name": true, "rpc.method": true, "rpc.service": true, "rpc.response.status_code": true,
}

const usagePrefix = "gen_ai.usage."

// isOperationKey reports whether an attribute is metadata about the operation.
func isOperationKey(key string) bool {
	switch {
	case len(key) < 6:
		return false
	case key[0] == 'g', key[0] == 'm', key[0] == 'r':
		return operationKeys[key] || strings.HasPrefix(key, usagePrefix)
	}
	return false
}

// addOperation files such an attribute.
func (r *Reader) addOperation(key string, v pcommon.Value) {
	if x, ok := metadataValue(v, maxDepth-1); ok && x != "" {
		r.metadata = append(r.metadata, exchange.KeyValue{Key: key, Value: x})
	}
}

// readOperation names what a path does that serves many operations: by the attributes,
// else by the request's body, as redaction has left it.
func (r *Reader) readOperation(ex *exchange.Exchange) {
	said := func(key string) string {
		for i := range r.metadata {
			if s, ok := r.metadata[i].Value.(string); ok && r.metadata[i].Key == key {
				return s
			}
		}
		return ""
	}
	var op string
	switch {
	case said("mcp.method.name") != "":
		op = join2(said("mcp.method.name"), firstOf(said("gen_ai.tool.name"), said("gen_ai.prompt.name")))
	case said("graphql.operation.name") != "" || said("graphql.operation.type") != "":
		op = join2(said("graphql.operation.type"), said("graphql.operation.name"))
	case strings.EqualFold(firstOf(said("rpc.system"), said("rpc.system.name")), "jsonrpc"):
		op = said("rpc.method")
	default:
		op = operationIn(ex)
		if !isPlain(op) { // a caller's free text is no name
			op = ""
		}
	}
	if op = name(op); op == "" {
		return
	}
	ex.Operation = op
	r.metadata = append(r.metadata, exchange.KeyValue{Key: "operation", Value: op})
}

// operationIn reads the operation out of a JSON-RPC or GraphQL request.
func operationIn(ex *exchange.Exchange) string {
	b := &ex.Request.Body
	doc := strings.TrimLeft(b.Data, " \t\r\n")
	if b.Binary || doc == "" || ex.Method != http.MethodPost {
		return ""
	}
	if doc[0] == '[' { // a batch
		var ops []string
		jsonfind.Elements(doc, func(e string) bool {
			if op := name(oneOperation(e, ex)); op != "" {
				if len(ops) == maxBatched {
					ops = append(ops, "…")
					return false
				}
				ops = append(ops, op)
			}
			return true
		})
		return strings.Join(ops, ", ")
	}
	return oneOperation(doc, ex)
}

func oneOperation(doc string, ex *exchange.Exchange) string {
	if doc == "" || doc[0] != '{' {
		return ""
	}
	member := func(path ...string) string {
		m, ok := jsonfind.Find(doc, path)
		if !ok {
			return ""
		}
		return jsonfind.Scalar(m.Value(doc))
	}
	if member("jsonrpc") != "" {
		return join2(member("method"), member("params", "name"))
	}
	query := member("query")
	kind, operation := graphQL(query)
	if kind == "" && !strings.HasSuffix(strings.TrimRight(ex.Path, "/"), "/graphql") {
		return ""
	}
	if said := member("operationName"); said != "" {
		if kindOf := kindOfOperation(query, said); kindOf != "" {
			kind = kindOf
		}
		operation = said
	}
	return join2(kind, operation)
}

// graphQL returns type and name of the first operation of a document; of what is none,
// nothing.
func graphQL(query string) (kind, operation string) {
	rest := query
	for {
		rest = strings.TrimLeft(rest, " \t\r\n,\ufeff")
		if !strings.HasPrefix(rest, "#") {
			break
		}
		_, rest, _ = strings.Cut(rest, "\n")
	}
	if strings.HasPrefix(rest, "{") {
		return "query", ""
	}
	for _, kind := range [...]string{"query", "mutation", "subscription"} {
		after, ok := strings.CutPrefix(rest, kind)
		if !ok || after == "" || !strings.ContainsRune(" \t\r\n({@", rune(after[0])) {
			continue
		}
		return kind, identifier(strings.TrimLeft(after, " \t\r\n"))
	}
	if strings.HasPrefix(rest, "fragment ") { // operations follow it; which one, operationName says
		return "query", ""
	}
	return "", ""
}

// kindOfOperation finds the type of the operation of a name.
func kindOfOperation(query, name string) string {
	for _, kind := range [...]string{"query", "mutation", "subscription"} {
		for rest := query; ; {
			i := strings.Index(rest, kind)
			if i < 0 {
				break
			}
			rest = rest[i+len(kind):]
			if identifier(strings.TrimLeft(rest, " \t\r\n")) == name {
				return kind
			}
		}
	}
	return ""
}

func identifier(s string) string {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c-'0' > 9) {
			return s[:i]
		}
	}
	return s
}

// isPlain reports whether op has only what stands in names of methods and operations.
func isPlain(op string) bool {
	return strings.IndexFunc(op, func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-./:$ ,…", r))
	}) < 0
}

func join2(a, b string) string { return strings.TrimSpace(a + " " + b) }

// name makes one line of at most maxOperation bytes.
func name(s string) string {
	s = strings.Join(strings.Fields(validUTF8(s)), " ")
	if len(s) <= maxOperation {
		return s
	}
	n := maxOperation
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
