// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
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
	// maxPart is how many bytes of the first part of an upload are read.
	maxPart = 64 << 10
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
	if ex.Method == http.MethodGet {
		return operationInQuery(ex)
	}
	b := &ex.Request.Body
	doc := strings.TrimLeft(b.Data, " \t\r\n")
	if b.Binary || doc == "" || ex.Method != http.MethodPost {
		return ""
	}
	switch t := ex.Request.Get("content-type"); {
	case isMedia(t, "application/graphql"):
		return join2(graphQL(doc, ""))
	case isMedia(t, "multipart/form-data"):
		doc = uploaded(doc, t)
	}
	if strings.HasPrefix(doc, "[") { // a batch
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

// isMedia reports whether a content type is of that media type.
func isMedia(contentType, want string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), want)
}

// uploaded returns the first part of a form if it has the operations of an upload.
func uploaded(form, contentType string) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return ""
	}
	part, err := multipart.NewReader(strings.NewReader(form), params["boundary"]).NextPart()
	if err != nil || part.FormName() != "operations" {
		return ""
	}
	content, _ := io.ReadAll(io.LimitReader(part, maxPart)) // as far as it goes
	return strings.TrimLeft(string(content), " \t\r\n")
}

// operationInQuery reads the operation of a GraphQL request without a body.
func operationInQuery(ex *exchange.Exchange) string {
	if !strings.Contains(ex.Query, "query") && !strings.Contains(ex.Query, "operationName") {
		return ""
	}
	q, _ := url.ParseQuery(ex.Query) // what of it can be read
	return graphQLCall(ex, q.Get("query"), q.Get("operationName"), strings.Contains(q.Get("extensions"), persisted))
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
	_, stored := jsonfind.Find(doc, []string{"extensions", persisted})
	return graphQLCall(ex, member("query"), member("operationName"), stored)
}

// persisted is the extension that names a query which the server knows.
const persisted = "persistedQuery"

// graphQLCall names what a GraphQL request asks for. Other requests have members of these
// names, too: it is one if its query is a document, or not there because the server knows it.
func graphQLCall(ex *exchange.Exchange, query, operation string, stored bool) string {
	kind, first := graphQL(query, operation)
	if kind == "" && !stored && !strings.HasSuffix(strings.TrimRight(ex.Path, "/"), "/graphql") {
		return ""
	}
	return join2(kind, firstOf(operation, first))
}

// graphQL returns type and name of an operation in a document: the one that is wanted, else
// the first. Of what is no document it returns nothing.
func graphQL(doc, want string) (kind, operation string) {
	depth := 0
	var first [2]string
	for rest := doc; rest != ""; {
		switch c := rest[0]; {
		case c == '#':
			_, rest, _ = strings.Cut(rest, "\n")
		case strings.HasPrefix(rest, `"""`):
			_, rest, _ = strings.Cut(rest[3:], `"""`)
		case c == '"':
			rest = afterString(rest)
		case c == '@': // a directive
			rest = rest[1+len(identifier(rest[1:])):]
		case c == '{' && depth == 0:
			if kind == "" {
				kind = "query" // the short form
			}
			if kind != "fragment" {
				if want == "" || operation == want {
					return kind, operation
				}
				if first[0] == "" {
					first = [2]string{kind, operation}
				}
			}
			kind, operation = "", ""
			fallthrough
		case c == '{' || c == '(' || c == '[':
			depth++
			rest = rest[1:]
		case c == '}' || c == ')' || c == ']':
			depth = max(0, depth-1)
			rest = rest[1:]
		default:
			word := identifier(rest)
			switch {
			case depth > 0 || word == "":
			case kind == "" && definitions[word]:
				kind = word
			case kind == "":
				return first[0], first[1] // something else
			case operation == "":
				operation = word
			}
			rest = rest[max(1, len(word)):]
		}
	}
	return first[0], first[1]
}

// definitions are what a document with operations is made of.
var definitions = map[string]bool{"query": true, "mutation": true, "subscription": true, "fragment": true}

// afterString returns what follows the string that s begins with.
func afterString(s string) string {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[i+1:]
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
