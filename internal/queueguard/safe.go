// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// safe is a storage client that does not panic: bbolt, below file_storage, does for a
// damaged page, and reads memory that is not there.
type safe struct {
	storage.Client

	file string // of the storage
	// broken is why the storage is not touched any more: after a panic it may hold
	// its locks.
	broken atomic.Pointer[damaged]
}

// damaged is what a storage did that is damaged.
type damaged struct {
	file  string
	cause any
}

func (d *damaged) Error() string {
	cause := strings.ToValidUTF8(fmt.Sprintf("%.200v", d.cause), "")
	return fmt.Sprintf("the file %s of the queue's storage is damaged (%s): set `recreate: true` in the file_storage, which begins a new file and keeps this one beside it as .backup, or move the file away. What it held and was not delivered is not sent; nothing is deleted", d.file, cause)
}

// fileName is what file_storage calls the file of a client.
func fileName(kind component.Kind, id component.ID, name string) string {
	text := strings.ToLower(kind.String()) + "_" + id.Type().String() + "_" + id.Name()
	if name != "" {
		text += "_" + name
	}
	return text
}

// do calls f, and returns what it panics with as an error.
func (s *safe) do(f func() error) (err error) {
	if b := s.broken.Load(); b != nil {
		return b
	}
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			d := &damaged{s.file, r}
			s.broken.Store(d)
			err = d
		}
	}()
	if err = f(); err != nil && isDamage(err) {
		err = &damaged{s.file, err}
	}
	return err
}

// isDamage reports whether an error of bbolt's says that a file is none of its own.
func isDamage(err error) bool {
	for _, text := range []string{"invalid database", "checksum error", "version mismatch", "file size too small", "invalid page"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// Batch implements storage.Client.
func (s *safe) Batch(ctx context.Context, ops ...*storage.Operation) error {
	return s.do(func() error { return s.Client.Batch(ctx, ops...) })
}

// Get implements storage.Client.
func (s *safe) Get(ctx context.Context, key string) (value []byte, err error) {
	err = s.do(func() (err error) {
		value, err = s.Client.Get(ctx, key)
		return err
	})
	return value, err
}

// Set implements storage.Client.
func (s *safe) Set(ctx context.Context, key string, value []byte) error {
	return s.do(func() error { return s.Client.Set(ctx, key, value) })
}

// Delete implements storage.Client.
func (s *safe) Delete(ctx context.Context, key string) error {
	return s.do(func() error { return s.Client.Delete(ctx, key) })
}

// Close implements storage.Client.
func (s *safe) Close(ctx context.Context) error {
	if s.Client == nil || s.broken.Load() != nil {
		return nil // it could wait for ever for its own lock
	}
	return s.do(func() error { return s.Client.Close(ctx) })
}
