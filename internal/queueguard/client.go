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

// stateKey is stored beside the queue's own keys.
const stateKey = "apispan.queueguard"

// state is what must survive beside the queue's metadata. It is stored in the
// transactions that store them.
type state struct {
	// Moved maps the key of a request to the key where its bytes are.
	Moved map[string]string `json:"moved,omitempty"`
	// Void maps the key of a request that could not be stored to its stand-in.
	Void map[string][]byte `json:"void,omitempty"`
}

func (s *state) empty() bool { return len(s.Moved) == 0 && len(s.Void) == 0 }

func (s *state) has(key string) bool {
	_, moved := s.Moved[key]
	_, void := s.Void[key]
	return moved || void
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
	c := &client{Client: inner, guard: g, doomed: map[string]bool{}}
	b, err := inner.Get(ctx, stateKey)
	if err != nil {
		return nil, err
	}
	if len(b) > 0 {
		c.stored = true
		if err := json.Unmarshal(b, &c.state); err != nil {
			return nil, fmt.Errorf("the record %q in the storage of the queue is damaged: %w", stateKey, err)
		}
	}
	if c.state.Moved == nil {
		c.state.Moved = map[string]string{}
	}
	if c.state.Void == nil {
		c.state.Void = map[string][]byte{}
	}
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
	case sets > 0:
		return c.write(ctx, ops)
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
		p := c.state.physical(f.key)
		delete(c.state.Moved, f.key)
		delete(c.doomed, f.key)
		c.state.Moved[request.Key] = p
		c.found = slices.Delete(c.found, i, i+1)
		// The stored metadata say that it is still being sent, which is as good.
		return nil
	}
	// While requests are recovered, the metadata to be stored still list those that
	// are not offered yet.
	if err := c.commit(ctx, ops, len(c.found) == 0); err != nil {
		c.state.Void[request.Key] = c.guard.StandIn(request.Value)
		c.guard.refused.Store(time.Now().UnixNano())
		return err
	}
	c.guard.refused.Store(0)
	return nil
}

// write stores metadata, and takes or deletes a request. It does not fail if
// metadata cannot be stored: those in the storage stay as they are.
func (c *client) write(ctx context.Context, ops []*storage.Operation) error {
	c.found = nil // the queue works
	if err := c.commit(ctx, ops, true); err != nil {
		for _, op := range ops {
			if op.Type == storage.Delete {
				c.doomed[op.Key] = true
			}
		}
		return c.read(ctx, ops)
	}
	return nil
}

// commit stores ops, which set metadata, with what must go with them. doomed also
// deletes what the queue has done with.
func (c *client) commit(ctx context.Context, ops []*storage.Operation, doomed bool) error {
	gone := map[string]bool{}
	if doomed {
		maps.Copy(gone, c.doomed)
	}
	tx := make([]*storage.Operation, 0, len(ops)+len(gone)+1)
	apart := false
	for _, op := range ops {
		switch {
		case op.Type == storage.Delete:
			gone[op.Key] = true
		case op.Type == storage.Get && c.state.has(op.Key):
			apart = true
		default:
			tx = append(tx, op)
		}
	}
	next := state{Moved: maps.Clone(c.state.Moved), Void: maps.Clone(c.state.Void)}
	for key := range gone {
		if _, ok := next.Void[key]; !ok {
			tx = append(tx, storage.DeleteOperation(next.physical(key)))
		}
		delete(next.Void, key)
		delete(next.Moved, key)
	}
	if !next.empty() {
		b, err := json.Marshal(next)
		if err != nil {
			return err
		}
		tx = append(tx, storage.SetOperation(stateKey, b))
	} else if c.stored {
		tx = append(tx, storage.DeleteOperation(stateKey))
	}
	if err := c.Client.Batch(ctx, tx...); err != nil {
		if c.guard.OnFailure != nil {
			c.guard.OnFailure(err)
		}
		return err
	}
	c.state, c.stored = next, !next.empty()
	if doomed {
		clear(c.doomed)
	}
	if apart {
		return c.read(ctx, ops)
	}
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
		v, err := c.Client.Get(ctx, c.state.physical(op.Key))
		if err != nil {
			return err
		}
		op.Value = v
	}
	return nil
}

// isRequest tells the keys of requests, which are numbers, from those of metadata.
func isRequest(key string) bool {
	_, err := strconv.ParseUint(key, 10, 64)
	return err == nil
}
