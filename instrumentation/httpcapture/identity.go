// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/httpattr"
)

// Identity says who made a call. Empty fields are unknown.
type Identity struct {
	UserID         string // user.id
	CompanyID      string // apispan.company.id
	SubscriptionID string // apispan.subscription.id
	ConsumerID     string // apispan.consumer.id: the owner of the API key
	Label          string // apispan.consumer.label
	Email          string // apispan.consumer.email
	// SessionID becomes session.id. Give an id that is no credential: it is
	// recorded as it is, unless a policy changes it.
	SessionID string
}

// IdentityField names a field of Identity for WithIdentityFrom.
type IdentityField uint8

// The fields of Identity.
const (
	FieldUserID IdentityField = iota
	FieldCompanyID
	FieldSubscriptionID
	FieldConsumerID
	FieldLabel
	FieldEmail
	// FieldSessionID takes a digest of what the source gives ("sha256:" and 22
	// characters), because what names a session in a request is usually the
	// credential itself.
	FieldSessionID
	numFields
)

var identityKeys = [numFields]attribute.Key{
	FieldUserID:         httpattr.UserID,
	FieldCompanyID:      httpattr.CompanyID,
	FieldSubscriptionID: httpattr.SubscriptionID,
	FieldConsumerID:     httpattr.ConsumerID,
	FieldLabel:          httpattr.ConsumerLabel,
	FieldEmail:          httpattr.ConsumerEmail,
	FieldSessionID:      httpattr.SessionID,
}

func (id *Identity) field(f IdentityField) *string {
	switch f {
	case FieldUserID:
		return &id.UserID
	case FieldCompanyID:
		return &id.CompanyID
	case FieldSubscriptionID:
		return &id.SubscriptionID
	case FieldConsumerID:
		return &id.ConsumerID
	case FieldLabel:
		return &id.Label
	case FieldEmail:
		return &id.Email
	default:
		return &id.SessionID
	}
}

// merge fills the empty fields of id from other.
func (id *Identity) merge(other *Identity) {
	for f := range numFields {
		if p := id.field(f); *p == "" {
			*p = *other.field(f)
		}
	}
}

// SetIdentity says who made the call that ctx belongs to. It may be called at any
// depth of the handler, several times (a later non-empty field wins), and from any
// goroutine, until the handler returns; afterwards, and without a captured
// exchange in ctx, it does nothing.
func SetIdentity(ctx context.Context, id Identity) {
	rec := recordFrom(ctx)
	if rec == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.finished {
		return
	}
	if rec.inside == nil {
		rec.inside = &inside{}
	}
	id.merge(&rec.inside.id)
	rec.inside.id = id
}

// Skip leaves the exchange that ctx belongs to out: its span gets apispan.skip =
// true and nothing else. It works until the handler returns.
func Skip(ctx context.Context) {
	rec := recordFrom(ctx)
	if rec == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if !rec.finished {
		rec.skip = true
	}
}

// inside is what the application said while it served the exchange.
type inside struct {
	id   Identity
	meta []attribute.KeyValue
	over int // metadata that did not fit
}

// appendIdentity appends the fields that are set.
func (c *config) appendIdentity(dst []attribute.KeyValue, id *Identity) []attribute.KeyValue {
	for f := range numFields {
		v := *id.field(f)
		if v == "" {
			continue
		}
		if len(v) > caller.MaxValue || !utf8.ValidString(v) {
			c.drops.add(reasonIdentityLimit, 1)
			continue
		}
		dst = append(dst, identityKeys[f].String(v))
	}
	return dst
}
