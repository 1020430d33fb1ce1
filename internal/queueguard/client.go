// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// stateKey is stored beside the queue's own keys.
	stateKey = "apispan.queueguard"
	// maxFreshBytes bounds what is kept in memory beside the storage, so that what is
	// sent at once need not be read.
	maxFreshBytes = 8 << 20
)

// state is what must survive beside the queue's metadata. It is stored in the
// transactions that store them.
type state struct {
	// Moved maps the key of a request to the key where its bytes are.
	Moved map[string]string `json:"moved,omitempty"`
	// Void maps the key of a request that could not be stored to its stand-in.
	Void map[string][]byte `json:"void,omitempty"`
	// Heads is how many requests are stored otherwise than as they are.
	Heads int `json:"heads,omitempty"`
	// Gone are requests that the stored metadata do not know any more, and that there was
	// no room to delete.
	Gone map[string]bool `json:"gone,omitempty"`
}

// newerMark begins a state with heads. Versions that do not know of these take it for
// damaged and refuse to start, where they would take the heads for damaged requests and
// drop them.
const newerMark = "written by a newer version "

func (s *state) empty() bool {
	return len(s.Moved) == 0 && len(s.Void) == 0 && len(s.Gone) == 0 && s.Heads == 0
}

func (s *state) marshal() ([]byte, error) {
	b, err := json.Marshal(s)
	if s.Heads > 0 {
		b = append([]byte(newerMark), b...)
	}
	return b, err
}

func (s *state) unmarshal(b []byte) error {
	return json.Unmarshal(bytes.TrimPrefix(b, []byte(newerMark)), s)
}

// physical returns the key where the bytes of a request are.
func (s *state) physical(key string) string {
	if p, ok := s.Moved[key]; ok {
		return p
	}
	return key
}

// client is the storage as the queue sees it.
type client struct {
	storage.Client

	guard *Guard

	mu     sync.Mutex
	state  state
	stored bool // the storage holds a state
	padded bool // it holds the paddings
	// ballast is true if it holds the ballast.
	ballast bool
	// shapes are those of the requests that this process has stored or read, by
	// physical key.
	shapes map[string]shape
	// fresh are requests that this process has stored, until they are taken.
	fresh      map[string][]byte
	freshBytes int
	// doomed are the requests that the queue has done with, but that could not be
	// deleted in a transaction that stores metadata.
	doomed map[string]bool
	// found are the requests that were being sent when the last process ended, until
	// the queue begins to work.
	found []found
}

type found struct {
	key   string // as the queue calls it
	value []byte
}

func newClient(ctx context.Context, inner storage.Client, g *Guard) (*client, error) {
	c := &client{Client: inner, guard: g, doomed: map[string]bool{}, shapes: map[string]shape{}, fresh: map[string][]byte{}}
	stored, padding, ballast := storage.GetOperation(stateKey), storage.GetOperation(paddingKey+"0"), storage.GetOperation(ballastPiece(0))
	if err := inner.Batch(ctx, stored, padding, ballast); err != nil {
		return nil, err
	}
	c.padded, c.ballast = len(padding.Value) > 0, len(ballast.Value) > 0
	if b := stored.Value; len(b) > 0 {
		c.stored = true
		if err := c.state.unmarshal(b); err != nil {
			return nil, fmt.Errorf("the record %q in the storage of the queue is damaged, or of a newer version; start the version that wrote it until the queue is empty, or move the file away: %w", stateKey, err)
		}
	}
	if c.state.Moved == nil {
		c.state.Moved = map[string]string{}
	}
	if c.state.Void == nil {
		c.state.Void = map[string][]byte{}
	}
	// Nothing else may come that would take them along.
	c.sweep(ctx)
	return c, nil
}

// Get implements storage.Client.
func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

// Set implements storage.Client.
func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client. The queue makes five kinds of calls, each with
// its operations in one transaction:
//
//	offer    set metadata, set request
//	take     set metadata, get request
//	finish   set metadata, delete request
//	recover  get requests; delete them; offer each again
//	others   get, set or delete metadata of older versions
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gets, sets, deletes int
	var request *storage.Operation // to be stored
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			gets++
		case storage.Delete:
			deletes++
		case storage.Set:
			sets++
			if isRequest(op.Key) {
				request = op
			}
		}
	}
	switch {
	case request != nil:
		return c.offer(ctx, request, ops)
	case sets > 0 && gets > 0:
		// The stored metadata say that it still waits, which is as good.
		c.found = nil // the queue works
		return c.read(ctx, ops)
	case sets > 0:
		c.found = nil
		c.finish(ctx, ops)
		return nil
	case deletes > 0 && gets == 0:
		// Never without metadata that say so.
		for _, op := range ops {
			c.doomed[op.Key] = true
		}
		return nil
	case deletes > 0:
		return c.Client.Batch(ctx, ops...)
	}
	if err := c.read(ctx, ops); err != nil {
		return err
	}
	for _, op := range ops {
		if isRequest(op.Key) && op.Value != nil {
			c.found = append(c.found, found{op.Key, op.Value})
		}
	}
	return nil
}

// offer stores a request. One that was being sent when the last process ended is
// not written again.
func (c *client) offer(ctx context.Context, request *storage.Operation, ops []*storage.Operation) error {
	for i, f := range c.found {
		if !bytes.Equal(f.value, request.Value) {
			continue
		}
		if standIn, ok := c.state.Void[f.key]; ok {
			c.state.Void[request.Key] = standIn
			delete(c.state.Void, f.key)
		} else {
			c.state.Moved[request.Key] = c.state.physical(f.key)
			delete(c.state.Moved, f.key)
		}
		delete(c.doomed, f.key)
		c.found = slices.Delete(c.found, i, i+1)
		// The stored metadata say that it is still being sent, which is as good.
		return nil
	}
	c.sweep(ctx)
	err := c.weigh(ctx)
	if err == nil {
		// While requests are recovered, the metadata to be stored still list those that
		// are not offered yet.
		err = c.commit(ctx, ops, len(c.found) == 0, all)
	}
	if err != nil {
		c.failed(err)
		c.state.Void[request.Key] = c.guard.StandIn(request.Value)
		c.guard.refused.Store(time.Now().UnixNano())
		return err
	}
	if len(request.Value) <= maxFreshBytes-c.freshBytes {
		c.fresh[request.Key] = request.Value
		c.freshBytes += len(request.Value)
	}
	c.guard.refused.Store(0)
	return nil
}

// finish stores metadata, and deletes a request. It does not fail if metadata cannot be
// stored: those in the storage stay as they are.
func (c *client) finish(ctx context.Context, ops []*storage.Operation) {
	err := c.commit(ctx, ops, true, all)
	if err == nil {
		return
	}
	c.failed(err)
	n := 1 + len(c.doomed) + len(c.state.Gone)
	if !c.lighten(ctx) {
		n /= 2 // the same again would fail again
	}
	for ; ; n /= 2 {
		if c.commit(ctx, ops, true, n) == nil {
			c.sweep(ctx)
			return
		}
		if n == 0 {
			break
		}
	}
	for _, op := range ops {
		if op.Type == storage.Delete {
			c.doomed[op.Key] = true
		}
	}
}

// sweep deletes what there was no room to delete, as much as there is room for now.
func (c *client) sweep(ctx context.Context) {
	for n := len(c.state.Gone); n > 0; {
		if c.commit(ctx, nil, false, n) == nil {
			n = len(c.state.Gone)
		} else {
			n /= 2
		}
	}
}

func (c *client) failed(err error) {
	if c.guard.OnFailure != nil {
		c.guard.OnFailure(err)
	}
}

// all is no limit.
const all = -1

// commit stores ops, which set metadata, with what must go with them. What the queue has
// done with is deleted, but not more requests than the limit, whichever; doomed says
// whether the metadata are without those, too, that could not be deleted before.
func (c *client) commit(ctx context.Context, ops []*storage.Operation, doomed bool, limit int) error {
	next := state{Moved: maps.Clone(c.state.Moved), Void: maps.Clone(c.state.Void), Heads: c.state.Heads, Gone: map[string]bool{}}
	maps.Copy(next.Gone, c.state.Gone)
	if doomed {
		maps.Copy(next.Gone, c.doomed)
	}
	tx := make([]*storage.Operation, 0, len(ops)+len(next.Gone)+1)
	shapes := map[string]shape{}
	for _, op := range ops {
		switch {
		case op.Type == storage.Delete:
			next.Gone[op.Key] = true
		case op.Type == storage.Set && isRequest(op.Key):
			parts := split(op.Key, op.Value)
			shapes[op.Key] = shapeOf(parts[0].Value)
			if shapes[op.Key].head {
				next.Heads++
			}
			tx = append(tx, parts...)
		default:
			tx = append(tx, op)
		}
	}
	var deleted []string
	for key := range next.Gone {
		if len(deleted) == limit {
			break
		}
		p := next.physical(key)
		if _, ok := next.Void[key]; !ok {
			was, err := c.shape(ctx, p)
			if err != nil {
				return err
			}
			tx = append(tx, was.deletes(p)...)
			if was.head {
				next.Heads = max(0, next.Heads-1)
			}
		}
		deleted = append(deleted, p)
		delete(next.Void, key)
		delete(next.Moved, key)
		delete(next.Gone, key)
	}
	if err := c.store(ctx, tx, &next); err != nil {
		return err
	}
	for _, p := range deleted {
		delete(c.shapes, p)
		c.forget(p)
	}
	maps.Copy(c.shapes, shapes)
	if doomed {
		clear(c.doomed)
	}
	return nil
}

// store carries out a transaction with which the state becomes next.
func (c *client) store(ctx context.Context, tx []*storage.Operation, next *state) error {
	if !next.empty() {
		b, err := next.marshal()
		if err != nil {
			return err
		}
		tx = append(tx, storage.SetOperation(stateKey, b))
	} else if c.stored {
		tx = append(tx, storage.DeleteOperation(stateKey))
	}
	if !c.padded {
		for i := range paddings {
			tx = append(tx, storage.SetOperation(paddingKey+strconv.Itoa(i), []byte{0}))
		}
	}
	if err := c.Client.Batch(ctx, tx...); err != nil {
		return err
	}
	c.state, c.stored, c.padded = *next, !next.empty(), true
	return nil
}

// read carries out the gets among ops.
func (c *client) read(ctx context.Context, ops []*storage.Operation) error {
	for _, op := range ops {
		if op.Type != storage.Get {
			continue
		}
		if v, ok := c.state.Void[op.Key]; ok {
			op.Value = v
			continue
		}
		p := c.state.physical(op.Key)
		if v, ok := c.fresh[p]; ok {
			op.Value = v
			c.forget(p)
			continue
		}
		v, err := c.fetch(ctx, p)
		if err != nil {
			return err
		}
		op.Value = v
	}
	return nil
}

// forget gives up what fresh has under a physical key.
func (c *client) forget(key string) {
	c.freshBytes -= len(c.fresh[key])
	delete(c.fresh, key)
}

// isRequest tells the keys of requests, which are numbers, from those of metadata.
func isRequest(key string) bool {
	_, err := strconv.ParseUint(key, 10, 64)
	return err == nil
}
