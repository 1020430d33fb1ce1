// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// This file reads the pages of a bbolt file, as its package internal/common has them, and
// checks what bbolt takes for granted or panics about: that each page of the tree is the
// one that it is taken for, lies within the file, is used once, and that keys are in order.

const (
	pageHeader  = 16 // id, flags, count, overflow
	element     = 16 // of branch and leaf pages
	branchPage  = 0x01
	leafPage    = 0x02
	bucketFlag  = 0x01
	metaBytes   = 64
	metaSummed  = 56
	maxDepth    = 64
	maxKeyBytes = 32 << 10
)

var errPages = errors.New("invalid page")

type pages struct {
	file           io.ReaderAt
	size, pageSize int64
	end            uint64 // the first page that is not used
	seen           map[uint64]bool
}

// checkPages returns an error of errPages if the file is damaged.
func checkPages(file io.ReaderAt, size, pageSize int64) error {
	if pageSize < 512 || pageSize > 1<<20 {
		return fmt.Errorf("%w size %d", errPages, pageSize)
	}
	p := &pages{file: file, size: size, pageSize: pageSize, seen: map[uint64]bool{}}
	var root, last uint64
	for i := range int64(2) {
		b := make([]byte, metaBytes)
		if err := p.read(b, i*pageSize+pageHeader); err != nil {
			return err
		}
		sum := fnv.New64a()
		_, _ = sum.Write(b[:metaSummed])
		txid := binary.NativeEndian.Uint64(b[48:])
		if binary.NativeEndian.Uint64(b[metaSummed:]) != sum.Sum64() || p.end > 0 && txid < last {
			continue
		}
		root, p.end, last = binary.NativeEndian.Uint64(b[16:]), binary.NativeEndian.Uint64(b[40:]), txid
	}
	if p.end == 0 {
		return fmt.Errorf("%w: no meta page is sound", errPages)
	}
	return p.check(root, nil, nil, 0)
}

func (p *pages) read(b []byte, at int64) error {
	if at < 0 || at+int64(len(b)) > p.size {
		return fmt.Errorf("%w: the file ends at %d", errPages, p.size)
	}
	_, err := p.file.ReadAt(b, at)
	return err
}

// check checks a page and those below it, whose keys are at least low and less than high.
func (p *pages) check(id uint64, low, high []byte, depth int) error {
	if id < 2 || id >= p.end || p.seen[id] || depth > maxDepth {
		return fmt.Errorf("%w: a reference to page %d", errPages, id)
	}
	p.seen[id] = true
	at := int64(id) * p.pageSize //nolint:gosec // below end
	head := make([]byte, pageHeader)
	if err := p.read(head, at); err != nil {
		return err
	}
	flags, count := binary.NativeEndian.Uint16(head[8:]), int64(binary.NativeEndian.Uint16(head[10:]))
	overflow := uint64(binary.NativeEndian.Uint32(head[12:]))
	if self := binary.NativeEndian.Uint64(head); self != id || flags != branchPage && flags != leafPage || id+overflow >= p.end {
		return fmt.Errorf("%w: %d calls itself %d, of kind %d", errPages, id, self, flags)
	}
	for i := id + 1; i <= id+overflow; i++ {
		if p.seen[i] {
			return fmt.Errorf("%w: %d is used twice", errPages, i)
		}
		p.seen[i] = true
	}
	return p.elements(id, at, int64(overflow+1)*p.pageSize, count, flags, low, high, depth) //nolint:gosec // below end
}

// elements checks those of a page of so many bytes.
func (p *pages) elements(id uint64, at, bytesOf, count int64, flags uint16, low, high []byte, depth int) error {
	if flags == branchPage && count == 0 || pageHeader+count*element > bytesOf {
		return fmt.Errorf("%w: %d has %d elements", errPages, id, count)
	}
	table := make([]byte, count*element)
	if err := p.read(table, at+pageHeader); err != nil {
		return err
	}
	keys := make([][]byte, count)
	for i := range count {
		e := table[i*element:]
		pos, ksize, vsize := int64(binary.NativeEndian.Uint32(e)), int64(binary.NativeEndian.Uint32(e[4:])), int64(0)
		if flags == leafPage {
			pos, ksize, vsize = int64(binary.NativeEndian.Uint32(e[4:])), int64(binary.NativeEndian.Uint32(e[8:])), int64(binary.NativeEndian.Uint32(e[12:]))
		}
		start := pageHeader + i*element + pos
		if ksize > maxKeyBytes || start+ksize+vsize > bytesOf {
			return fmt.Errorf("%w: element %d of %d leaves it", errPages, i, id)
		}
		keys[i] = make([]byte, ksize)
		if err := p.read(keys[i], at+start); err != nil {
			return err
		}
		if i == 0 && low != nil && bytes.Compare(keys[0], low) < 0 || i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 || high != nil && bytes.Compare(keys[i], high) >= 0 {
			return fmt.Errorf("%w: the keys of %d are not in order", errPages, id)
		}
		if flags == leafPage && binary.NativeEndian.Uint32(e) == bucketFlag {
			if err := p.bucket(at+start+ksize, vsize, depth); err != nil {
				return err
			}
		}
	}
	if flags == leafPage {
		return nil
	}
	for i := range count {
		next := high
		if i+1 < count {
			next = keys[i+1]
		}
		if err := p.check(binary.NativeEndian.Uint64(table[i*element+8:]), keys[i], next, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks what is in a bucket, whose header is the value of a key.
func (p *pages) bucket(at, size int64, depth int) error {
	head := make([]byte, 16)
	if size < int64(len(head)) {
		return fmt.Errorf("%w: a bucket of %d bytes", errPages, size)
	}
	if err := p.read(head, at); err != nil {
		return err
	}
	if root := binary.NativeEndian.Uint64(head); root != 0 {
		return p.check(root, nil, nil, depth+1)
	}
	// A small bucket is a page within the value.
	inline := make([]byte, pageHeader)
	if size < 16+pageHeader {
		return fmt.Errorf("%w: a bucket of %d bytes", errPages, size)
	}
	if err := p.read(inline, at+16); err != nil {
		return err
	}
	flags, count := binary.NativeEndian.Uint16(inline[8:]), int64(binary.NativeEndian.Uint16(inline[10:]))
	if flags != leafPage {
		return fmt.Errorf("%w: a bucket of kind %d", errPages, flags)
	}
	return p.elements(0, at+16, size-16, count, flags, nil, nil, depth+1)
}
