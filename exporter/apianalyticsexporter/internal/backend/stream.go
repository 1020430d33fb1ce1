// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import "github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"

// Stream names what the items of a request are. Items of two streams never share
// a request, since each stream has a path, limits and a frame of its own. Values
// are stored with queued items: they never change.
type Stream string

// Events is the stream of exchanges, which every backend has. The other streams
// are named after the kinds of entities.
const Events Stream = ""

// StreamOf returns the stream of a kind of entity.
func StreamOf(k entity.Kind) Stream { return Stream(k) }

const (
	// DropNoID: an entity without the id that it is known by, or with a mask in
	// its place, which would make one of all.
	DropNoID Drop = "no_id"
	// DropIncomplete: an entity without another field that the backend requires.
	DropIncomplete Drop = "incomplete"
	// DropNoEntity: the backend has no entities of this kind.
	DropNoEntity Drop = "no_entity"
)

// EntityBackend is implemented by an Encoder whose backend has users, companies,
// subscriptions or actions.
type EntityBackend interface {
	// Entities returns an encoder for each kind that the backend has.
	Entities() map[entity.Kind]EntityEncoder
}

// EntityEncoder is the endpoint for entities of one kind, and translates them.
type EntityEncoder interface {
	Endpoint
	// AppendEntity appends exactly one item to dst and returns it, or returns dst
	// unchanged and the reason why there is no item. It must retain neither e nor
	// dst. Unknown fields are left out: an update must not erase what the backend
	// knows.
	AppendEntity(dst []byte, e *entity.Entity) ([]byte, Drop)
}
