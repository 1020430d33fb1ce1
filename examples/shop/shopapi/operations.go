// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/apispan/apispan/examples/shop/shopdata"
)

// This file has the two endpoints where one path serves many operations: GraphQL over
// HTTP, and tools for agents (Model Context Protocol, JSON-RPC 2.0 in one POST). Both know
// a few operations by name and no more of their languages.

type graphQLError struct {
	Message string `json:"message"`
}

// graphQL answers 200 whether it worked or not, as GraphQL servers do.
func (s *Shop) graphQL(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	if !decode(w, r, &in) {
		return
	}
	refuse := func(message string) {
		reply(w, http.StatusOK, map[string]any{"data": nil, "errors": []graphQLError{{message}}})
	}
	text := func(name string) string { v, _ := in.Variables[name].(string); return v }
	switch in.OperationName {
	case "SignIn":
		user, ok := s.byEmail[strings.ToLower(text("email"))]
		if !ok || text("password") != shopdata.Password {
			refuse("wrong email or password")
			return
		}
		identify(r.Context(), user)
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"signIn": map[string]any{"token": user.Token, "name": user.Name}}})
	case "Product":
		p, ok := s.product(text("sku"))
		if !ok {
			refuse("there is no such product")
			return
		}
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"product": p}})
	default:
		refuse("unknown operation")
	}
}

// JSON-RPC's codes.
const (
	rpcNoMethod  = -32601
	rpcBadParams = -32602
)

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type rpcAnswer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

type mcpContent struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// mcp lets an agent look for products and tell a customer's order.
func (s *Shop) mcp(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name      string            `json:"name"`
			Arguments map[string]string `json:"arguments"`
		} `json:"params"`
	}
	if !decode(w, r, &in) {
		return
	}
	answer := rpcAnswer{Version: "2.0", ID: in.ID}
	say := func(text string) {
		answer.Result = map[string]any{"content": []mcpContent{{"text", text}}}
	}
	switch {
	case in.Method == "tools/list":
		answer.Result = map[string]any{"tools": []map[string]string{{"name": "find_product"}, {"name": "notify_customer"}}}
	case in.Method != "tools/call":
		answer.Error = &rpcError{rpcNoMethod, "unknown method"}
	case in.Params.Name == "find_product":
		if p, ok := s.product(in.Params.Arguments["sku"]); ok {
			say(p.Name)
		} else {
			answer.Error = &rpcError{rpcBadParams, "there is no such product"}
		}
	case in.Params.Name == "notify_customer":
		say("told " + userOf(r.Context()).Name + " by mail to " + in.Params.Arguments["email"])
	default:
		answer.Error = &rpcError{rpcBadParams, "unknown tool"}
	}
	reply(w, http.StatusOK, answer)
}
