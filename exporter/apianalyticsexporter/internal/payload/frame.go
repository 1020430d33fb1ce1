// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package payload

import "io"

// Frame is how the items of one request stand together, and how much may.
type Frame struct {
	// Prefix, Separator and Suffix stand before, between and after the items.
	Prefix, Separator, Suffix string
	// MaxItems is the most items in a request; 0 means no limit.
	MaxItems int
	// MaxBytes is the most bytes in a request with its frame; 0 means no limit.
	MaxBytes int
}

// Size returns the bytes of a request that holds all the items.
func (f Frame) Size(items [][]byte) int {
	n := len(f.Prefix) + len(f.Suffix)
	for i, it := range items {
		if i > 0 {
			n += len(f.Separator)
		}
		n += len(it)
	}
	return n
}

// Fit returns how many of the first items go into one request. It is at least 1
// unless there are none: an item that is too large alone is for the encoder to
// prevent, and for the backend to refuse.
func (f Frame) Fit(items [][]byte) int {
	size := len(f.Prefix) + len(f.Suffix)
	for i, it := range items {
		if i > 0 {
			size += len(f.Separator)
		}
		size += len(it)
		if i > 0 && (f.MaxItems > 0 && i >= f.MaxItems || f.MaxBytes > 0 && size > f.MaxBytes) {
			return i
		}
	}
	return len(items)
}

// Cut returns what cuts the items into requests, for [Deliver].
func (f Frame) Cut(items [][]byte) func(lo int) (hi int) {
	return func(lo int) int { return lo + f.Fit(items[lo:]) }
}

// Reader returns the request's content. The items are read where they are, so
// they must not change until the last reader of the request is done.
func (f Frame) Reader(items [][]byte) *Reader {
	return &Reader{frame: f, items: items}
}

// Reader reads one request's content: frame and items.
type Reader struct {
	frame Frame
	items [][]byte
	part  int // 2i+1 is item i, even numbers are the frame around them
	off   int
}

// piece returns what stands at r.part, and false at the end.
func (r *Reader) piece() (s string, b []byte, ok bool) {
	switch last := max(1, 2*len(r.items)); {
	case r.part == 0:
		return r.frame.Prefix, nil, true
	case r.part%2 == 1 && r.part < last:
		return "", r.items[r.part/2], true
	case r.part < last:
		return r.frame.Separator, nil, true
	case r.part == last:
		return r.frame.Suffix, nil, true
	}
	return "", nil, false
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		s, b, ok := r.piece()
		if !ok {
			if n == 0 {
				return 0, io.EOF
			}
			break
		}
		var c, size int
		if b != nil {
			c, size = copy(p[n:], b[r.off:]), len(b)
		} else {
			c, size = copy(p[n:], s[r.off:]), len(s)
		}
		n += c
		if r.off += c; r.off == size {
			r.part, r.off = r.part+1, 0
		}
	}
	return n, nil
}

// WriteTo implements io.WriterTo; a compressor reads the items without a copy.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		s, b, ok := r.piece()
		if !ok {
			return total, nil
		}
		var n int
		var err error
		if b != nil {
			n, err = w.Write(b[r.off:])
		} else if s != "" {
			n, err = io.WriteString(w, s[r.off:])
		}
		total += int64(n)
		if err != nil {
			r.off += n
			return total, err
		}
		r.part, r.off = r.part+1, 0
	}
}
