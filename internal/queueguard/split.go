// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// file_storage keeps its keys in bbolt, which writes whole pages, has at least two keys
// in each, and copies a page for any change in it. With requests of hundreds of
// kilobytes the queue's metadata, a few bytes that change with every request, share a
// page with some of them, and each change writes these again: about 15 bytes for each
// byte stored. So a request is cut into pieces of half of eight pages, and small keys
// before the metadata keep pieces out of their page. What belongs together is stored,
// read and deleted in one transaction.
const (
	// pieceSize is what two of, with keys and headers, fill eight pages of 4 kB.
	pieceSize = 16<<10 - 64
	// wholeSize is up to where a request is stored as it is.
	wholeSize = 4 << 10
	// maxSize is beyond what any receiver takes; larger ones are stored as they are, too.
	maxSize = 1 << 30

	// headMagic begins the value under a request's own key if it is not stored as it is.
	// No protobuf begins with a zero byte, and a request that begins with the magic is
	// never stored as it is.
	headMagic = "\x00apispan.pieces\x01"

	// paddings are how many small keys stand between requests and metadata: bbolt does
	// not split a page of four keys or fewer.
	paddings   = 4
	paddingKey = "apispan.padding." // before stateKey
)

// How the bytes in a head and its pieces are to be read.
const (
	packedNot = 0
	packedS2  = 1
)

// head is what stands before the first piece: how the bytes are packed, how many pieces
// have keys of their own, how many bytes all have, and their CRC-32C.
type head struct {
	packed byte
	pieces int
	size   int
	sum    uint32
}

const headSize = len(headMagic) + 1 + 4 + 4 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (h head) append(b []byte) []byte {
	b = append(b, headMagic...)
	b = append(b, h.packed)
	b = binary.BigEndian.AppendUint32(b, uint32(h.pieces))
	b = binary.BigEndian.AppendUint32(b, uint32(h.size))
	return binary.BigEndian.AppendUint32(b, h.sum)
}

// cutHead returns the head of a stored value and what follows it. ok is false if the
// value is stored as it is.
func cutHead(stored []byte) (h head, first []byte, ok bool) {
	if len(stored) < headSize || string(stored[:len(headMagic)]) != headMagic {
		return head{}, stored, false
	}
	b := stored[len(headMagic):headSize]
	h = head{b[0], int(binary.BigEndian.Uint32(b[1:])), int(binary.BigEndian.Uint32(b[5:])), binary.BigEndian.Uint32(b[9:])}
	h.pieces = min(h.pieces, maxSize/pieceSize) // what is damaged must not take memory
	return h, stored[headSize:], true
}

func pieceKey(key string, i int) string { return key + "." + strconv.Itoa(100_000+i) }

// split returns what stores value under key: the head, and the pieces after it.
func split(key string, value []byte) []*storage.Operation {
	if (len(value) <= wholeSize || len(value) > maxSize) && !bytes.HasPrefix(value, []byte(headMagic)) {
		return []*storage.Operation{storage.SetOperation(key, value)}
	}
	h := head{packed: packedS2}
	rest := s2.Encode(nil, value)
	if len(rest) > len(value)-len(value)/16 {
		h.packed, rest = packedNot, value
	}
	h.size, h.sum = len(rest), crc32.Checksum(rest, castagnoli)
	first := rest[:min(len(rest), pieceSize-headSize)]
	rest = rest[len(first):]
	h.pieces = (len(rest) + pieceSize - 1) / pieceSize
	ops := make([]*storage.Operation, 0, 1+h.pieces)
	ops = append(ops, storage.SetOperation(key, append(h.append(make([]byte, 0, headSize+len(first))), first...)))
	for i := range h.pieces {
		ops = append(ops, storage.SetOperation(pieceKey(key, i), rest[i*pieceSize:min(len(rest), (i+1)*pieceSize)]))
	}
	return ops
}

// errDamaged says that a stored request is incomplete or cannot be unpacked.
var errDamaged = errors.New("a stored request is damaged")

// join is the reverse of split.
func join(stored []byte, pieces []*storage.Operation) ([]byte, error) {
	h, first, ok := cutHead(stored)
	if !ok {
		return stored, nil
	}
	n, missing := len(first), len(pieces) != h.pieces
	for _, p := range pieces {
		n += len(p.Value)
		missing = missing || len(p.Value) == 0
	}
	if n != h.size || missing {
		return nil, fmt.Errorf("%w: %d of %d bytes are there", errDamaged, n, h.size)
	}
	all := append(make([]byte, 0, n), first...)
	for _, p := range pieces {
		all = append(all, p.Value...)
	}
	if crc32.Checksum(all, castagnoli) != h.sum {
		return nil, fmt.Errorf("%w: its %d bytes have another checksum", errDamaged, n)
	}
	switch h.packed {
	case packedNot:
		return all, nil
	case packedS2:
		if size, err := s2.DecodedLen(all); err != nil || size > maxSize {
			return nil, fmt.Errorf("%w: it cannot be unpacked", errDamaged)
		}
		value, err := s2.Decode(nil, all)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
		return value, nil
	}
	return nil, fmt.Errorf("%w, or of a newer version: packing %d is not known", errDamaged, h.packed)
}

// shape is how a request is stored: as it is, or as a head and so many pieces.
type shape struct {
	head   bool
	pieces int
}

// deletes returns what deletes a request under a physical key.
func (s shape) deletes(key string) []*storage.Operation {
	ops := []*storage.Operation{storage.DeleteOperation(key)}
	for i := range s.pieces {
		ops = append(ops, storage.DeleteOperation(pieceKey(key, i)))
	}
	return ops
}

func shapeOf(stored []byte) shape {
	h, _, ok := cutHead(stored)
	return shape{ok, h.pieces}
}

func pieceGets(key string, n int) []*storage.Operation {
	ops := make([]*storage.Operation, n)
	for i := range ops {
		ops[i] = storage.GetOperation(pieceKey(key, i))
	}
	return ops
}

// fetch reads the request that is stored under key, nil if there is none. What is
// damaged is returned as it is stored, which is nothing that an encoding can read.
func (c *client) fetch(ctx context.Context, key string) ([]byte, error) {
	get, known := storage.GetOperation(key), c.shapes[key]
	pieces := pieceGets(key, known.pieces)
	if err := c.Client.Batch(ctx, append(pieces, get)...); err != nil {
		return nil, err
	}
	now := shapeOf(get.Value)
	c.shapes[key] = now
	if now.pieces != known.pieces {
		pieces = pieceGets(key, now.pieces)
		if err := c.Client.Batch(ctx, pieces...); err != nil {
			return nil, err
		}
	}
	value, err := join(get.Value, pieces)
	if err != nil {
		if c.guard.OnDamage != nil {
			c.guard.OnDamage(err)
		}
		return get.Value, nil
	}
	return value, nil
}

// shape says how what is stored under key is stored.
func (c *client) shape(ctx context.Context, key string) (shape, error) {
	if known, ok := c.shapes[key]; ok {
		return known, nil
	}
	stored, err := c.Client.Get(ctx, key)
	if err != nil {
		return shape{}, err
	}
	return shapeOf(stored), nil
}
