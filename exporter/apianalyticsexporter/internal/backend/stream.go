// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

// Stream names what the items of a request are. Items of two streams never share
// a request, since each stream has a path, limits and a frame of its own. Values
// are stored with queued items: they never change.
type Stream string

// Events is the stream of exchanges, which every backend has. The other streams
// are named after the kinds of entities.
const Events Stream = ""
