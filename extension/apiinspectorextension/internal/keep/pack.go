// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"
)

var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is one there is
	return w
}}

// minPacked is what is not worth packing.
const minPacked = 1 << 10

// pack compresses the event in memory, if that makes it smaller.
func (e *Event) pack() {
	if len(e.Data) < minPacked {
		return
	}
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	if _, err := w.Write(e.Data); err != nil || w.Close() != nil || b.Len() >= len(e.Data) {
		return
	}
	e.Data, e.packed = bytes.Clone(b.Bytes()), true
}

// Bytes returns the event as it was encoded.
func (e *Event) Bytes() []byte {
	if !e.packed {
		return e.Data
	}
	r, err := gzip.NewReader(bytes.NewReader(e.Data))
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return b
}
