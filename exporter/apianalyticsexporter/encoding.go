// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// The stored form of a request, all versions of which stay readable for ever:
//
//	"apsq"  4 bytes
//	0x01    version
//	name    uvarint length, backend name
//	count   uvarint
//	item    uvarint length, bytes; count times
//	crc     CRC-32C of everything before it, big endian, 4 bytes
const (
	storedMagic    = "apsq"
	storedVersion1 = 1
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
	n := len(storedMagic) + 1 + binary.MaxVarintLen64*(2+len(r.items)) + len(r.backend) + r.size + crc32.Size
	b := make([]byte, 0, n)
	b = append(b, storedMagic...)
	b = append(b, storedVersion1)
	b = binary.AppendUvarint(b, uint64(len(r.backend)))
	b = append(b, r.backend...)
	b = binary.AppendUvarint(b, uint64(len(r.items)))
	for _, it := range r.items {
		b = binary.AppendUvarint(b, uint64(len(it)))
		b = append(b, it...)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// Unmarshal implements exporterhelper.QueueBatchEncoding. It never fails, because
// the queue would delete the bytes without a trace: what cannot be read becomes a
// request that says so.
func (requestEncoding) Unmarshal(b []byte) (context.Context, xexporterhelper.Request, error) {
	r, err := decodeRequest(b)
	if err != nil {
		r = &request{unreadable: []int{max(1, len(b))}}
	}
	return context.Background(), r, nil
}

var errStored = errors.New("api_analytics: stored request is not readable")

func decodeRequest(b []byte) (*request, error) {
	head := len(storedMagic) + 1
	if len(b) < head+crc32.Size || string(b[:len(storedMagic)]) != storedMagic || b[head-1] != storedVersion1 {
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
	count, n := binary.Uvarint(body)
	if n <= 0 || count > uint64(len(body)) {
		return nil, errStored
	}
	body = body[n:]
	items := make([][]byte, count)
	for i := range items {
		if items[i], body, ok = cutField(body); !ok {
			return nil, errStored
		}
	}
	if len(body) != 0 {
		return nil, errStored
	}
	return newRequest(string(name), items), nil
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
