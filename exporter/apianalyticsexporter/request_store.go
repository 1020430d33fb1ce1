// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// The stored form of a request, all versions of which stay readable for ever:
//
//	"apsq"  4 bytes
//	0x01    version
//	name    uvarint length, backend name
//	count   uvarint
//	item    uvarint length, bytes; count times
//	crc     CRC-32C of everything before it, big endian, 4 bytes
//
// Version 2 says in addition which stream each item belongs to:
//
//	"apsq"  4 bytes
//	0x02    version
//	name    uvarint length, backend name
//	runs    uvarint
//	run     stream (uvarint length, name), count (uvarint), items as above; runs times
//	crc     as above
//
// A request that holds events only is written as version 1, so that the queue
// survives going back to an older version of this exporter.
const (
	storedMagic    = "apsq"
	storedVersion1 = 1
	storedVersion2 = 2
	// storedStandIn is no stored form: it stands for a request that the queue
	// counts although the storage refused it (see standIn).
	storedStandIn = 0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// requestEncoding stores requests for the persistent queue.
type requestEncoding struct{}

// Marshal implements exporterhelper.QueueBatchEncoding. The context is not
// stored: nothing we send depends on it.
func (requestEncoding) Marshal(_ context.Context, req xexporterhelper.Request) ([]byte, error) {
	r, ok := req.(*request)
	if !ok {
		return nil, fmt.Errorf("api_analytics: cannot store a request of type %T", req)
	}
	if len(r.unreadable) == 1 && len(r.items) == 0 {
		// The queue stores again what was being sent when the process ended. This
		// is still to be told, and another version may be able to read it.
		return bytes.Clone(r.unreadable[0]), nil
	}
	n := len(storedMagic) + 1 + binary.MaxVarintLen64*(2+len(r.items)) + len(r.backend) + r.size + crc32.Size
	b := make([]byte, 0, n)
	b = append(b, storedMagic...)
	if r.streams == nil {
		b = append(b, storedVersion1)
		b = appendField(b, r.backend)
		b = appendItems(b, r.items)
	} else {
		b = append(b, storedVersion2)
		b = appendField(b, r.backend)
		runs := 0
		for lo := 0; lo < len(r.items); lo = r.run(lo) {
			runs++
		}
		b = binary.AppendUvarint(b, uint64(runs))
		for lo := 0; lo < len(r.items); {
			hi := r.run(lo)
			b = appendField(b, string(r.stream(lo)))
			b = appendItems(b, r.items[lo:hi])
			lo = hi
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

func appendField[T string | []byte](b []byte, field T) []byte {
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

func appendItems(b []byte, items [][]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, it := range items {
		b = appendField(b, it)
	}
	return b
}

// Unmarshal implements exporterhelper.QueueBatchEncoding. It never fails, because
// the queue would delete the bytes without a trace: what cannot be read becomes a
// request that says so.
func (requestEncoding) Unmarshal(b []byte) (context.Context, xexporterhelper.Request, error) {
	if r, ok := decodeStandIn(b); ok {
		return context.Background(), r, nil
	}
	r, err := decodeRequest(b)
	if err != nil {
		if len(b) == 0 {
			b = []byte{0} // the queue skips what has no size
		}
		r = &request{unreadable: [][]byte{bytes.Clone(b)}}
	}
	return context.Background(), r, nil
}

// standIn returns what the queue reads instead of a request that could not be
// stored and was given back to its sender: a request without events that has the
// sizes of that one, so that the queue's sums stay right.
func standIn(stored []byte) []byte {
	var items, size int
	if r, err := decodeRequest(stored); err == nil {
		items, size = r.ItemsCount(), r.BytesSize()
	}
	b := append([]byte(storedMagic), storedStandIn)
	b = binary.AppendUvarint(b, uint64(items))
	return binary.AppendUvarint(b, uint64(size))
}

// decodeStandIn reads what standIn made.
func decodeStandIn(b []byte) (*request, bool) {
	b, ok := bytes.CutPrefix(b, append([]byte(storedMagic), storedStandIn))
	if !ok {
		return nil, false
	}
	items, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, false
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 || n+m != len(b) {
		return nil, false
	}
	return &request{absent: sizes{items: int(items), bytes: int(size)}}, true
}

var errStored = errors.New("api_analytics: stored request is not readable")

func decodeRequest(b []byte) (*request, error) {
	head := len(storedMagic) + 1
	if len(b) < head+crc32.Size || string(b[:len(storedMagic)]) != storedMagic {
		return nil, errStored
	}
	body, sum := b[:len(b)-crc32.Size], b[len(b)-crc32.Size:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum) {
		return nil, errStored
	}
	// The items must outlive the storage's buffer.
	body = slices.Clone(body[head:])
	name, body, ok := cutField(body)
	if !ok {
		return nil, errStored
	}
	var items [][]byte
	var streams []backend.Stream
	switch b[head-1] {
	case storedVersion1:
		items, body, ok = cutItems(body)
	case storedVersion2:
		items, streams, body, ok = cutRuns(body)
	default:
		ok = false
	}
	if !ok || len(body) != 0 {
		return nil, errStored
	}
	r := newRequest(string(name), items)
	r.streams = streams
	return r, nil
}

// cutRuns cuts the runs of version 2 off b.
func cutRuns(b []byte) (items [][]byte, streams []backend.Stream, rest []byte, ok bool) {
	runs, n := binary.Uvarint(b)
	if n <= 0 || runs > uint64(len(b)) {
		return nil, nil, nil, false
	}
	b = b[n:]
	streams = []backend.Stream{} // not nil, even without items
	for range runs {
		var name []byte
		var part [][]byte
		if name, b, ok = cutField(b); !ok {
			return nil, nil, nil, false
		}
		if part, b, ok = cutItems(b); !ok {
			return nil, nil, nil, false
		}
		items = append(items, part...)
		for range part {
			streams = append(streams, backend.Stream(name))
		}
	}
	return items, streams, b, true
}

// cutItems cuts a count and as many items off b.
func cutItems(b []byte) (items [][]byte, rest []byte, ok bool) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return nil, nil, false
	}
	b = b[n:]
	items = make([][]byte, count)
	for i := range items {
		if items[i], b, ok = cutField(b); !ok {
			return nil, nil, false
		}
	}
	return items, b, true
}

// cutField cuts a length-prefixed field off b.
func cutField(b []byte) (field, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}
