// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import "net/http"

// Caller says who makes a request, by the same options and with the same care as a wrapper
// that is made with them: WithIdentity, WithIdentityFrom, WithSessionKey,
// WithTrustedProxies, WithClientAddressHeader. It is for those who must know before the
// handler runs, such as package guard. Sources in the body are not read.
type Caller struct{ c *config }

// NewCaller returns a Caller. Mistakes in options are reported as the wrappers do: see
// Validate.
func NewCaller(opts ...Option) *Caller { return &Caller{newConfig(serverSide, opts)} }

// Identity returns who calls. Callbacks see an Exchange without route and response; one
// that panics says nothing.
func (c *Caller) Identity(r *http.Request) (id Identity) {
	if len(c.c.identity) > 0 {
		c.c.callIdentity(Exchange{Request: r}, &id)
	}
	if c.c.anyResolver {
		c.c.resolve(&id, r, "", notInBody)
	}
	return id
}

// Address returns the address of the client without a port: the peer's, or what proxies
// that are trusted say.
func (c *Caller) Address(r *http.Request) string { return c.c.address(r) }
