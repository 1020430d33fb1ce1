// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package storagetest is a storage extension in memory, for tests of what a queue
// leaves behind. It outlives the components of a test as a file outlives processes,
// can be full like a disk, and shows what it holds after each transaction, which is
// where a crash may come.
package storagetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Storage has one key space for all clients. It is safe for concurrent use.
type Storage struct {
	component.StartFunc
	component.ShutdownFunc

	mu    sync.Mutex
	data  map[string][]byte
	full  bool
	after func(map[string][]byte)
}

// New returns a storage with a copy of data, which may be nil.
func New(data map[string][]byte) *Storage {
	s := &Storage{data: map[string][]byte{}}
	maps.Copy(s.data, data)
	return s
}

// Data is what a crash at this moment would leave.
func (s *Storage) Data() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.data)
}

// Set replaces one value, as damage does: it works on a full storage, too, and
// Watch does not see it.
func (s *Storage) Set(key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[key] = slices.Clone(value)
}

// SetFull makes transactions that write or delete fail, or succeed again.
func (s *Storage) SetFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Watch calls f with a copy of the data after each transaction, before another
// begins; f must not use the storage. Nil ends it.
func (s *Storage) Watch(f func(data map[string][]byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// GetClient implements storage.Extension.
func (s *Storage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return client{s}, nil
}

type client struct{ s *Storage }

func (c client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (client) Close(context.Context) error { return nil }

func (c client) Batch(_ context.Context, ops ...*storage.Operation) error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full && slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type != storage.Get }) {
		return errors.New("no space left on device")
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(s.data[op.Key])
		case storage.Set:
			s.data[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(s.data, op.Key)
		}
	}
	if s.after != nil {
		s.after(maps.Clone(s.data))
	}
	return nil
}
