// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"encoding/binary"
	"strings"
)

// verdict is what a request is refused for, or "".
type verdict string

const (
	fine      verdict = ""
	tooDeep   verdict = "depth"
	tooLarge  verdict = "memory"
	malformed verdict = "malformed"
)

// limits are those of the configuration, in bytes and levels.
type limits struct {
	memory int
	depth  int
}

// frame is a message that the scan is inside of.
type frame struct {
	kind  *message
	end   int
	depth int
}

// protobuf scans an encoded message. What it cannot read the decoder could not
// either, and is refused: what stands behind it would not have been counted.
func (l limits) protobuf(b []byte, root *message) verdict {
	memory, stack := len(b), make([]frame, 0, 32)
	at := frame{kind: root, end: len(b)}
	for i := 0; ; {
		for i == at.end {
			if len(stack) == 0 {
				return fine
			}
			at, stack = stack[len(stack)-1], stack[:len(stack)-1]
		}
		tag, n := binary.Uvarint(b[i:at.end])
		if n <= 0 || tag>>3 == 0 {
			return malformed
		}
		i += n
		var size int
		switch tag & 7 {
		case 0:
			if _, size = binary.Uvarint(b[i:at.end]); size <= 0 {
				return malformed
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := binary.Uvarint(b[i:at.end])
			if n <= 0 || length > uint64(at.end-i-n) {
				return malformed
			}
			i += n
			size = int(length)
			child := at.kind.fields[tag>>3]
			if child == nil {
				break
			}
			if memory += child.cost; memory > l.memory {
				return tooLarge
			}
			depth := at.depth
			if child.nested {
				if depth++; depth > l.depth {
					return tooDeep
				}
			}
			stack = append(stack, at)
			at = frame{kind: child, end: i + size, depth: depth}
			continue
		default: // groups: no field of OTLP, and a way to hide what follows
			return malformed
		}
		if size > at.end-i {
			return malformed
		}
		i += size
	}
}

// Levels of JSON that a value of OTLP can stand at, and that each level of nesting
// adds: {"arrayValue":{"values":[{…, or {"kvlistValue":{"values":[{"value":{….
const (
	jsonBase  = 24
	jsonLevel = 5
)

// json scans OTLP/JSON: brackets outside of strings, and the names before them.
func (l limits) json(b []byte) verdict {
	memory := len(b)
	costs := make([]int, 1, 32) // of an object within each bracket that is open
	costs[0] = jsonCost
	var name []byte // the last string
	named := false  // it is followed by a colon
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			begin := i + 1
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			name, named = b[begin:min(i, len(b))], false
		case ':':
			named = true
		case '{', '[':
			cost := costs[len(costs)-1]
			if named {
				cost = costOf(name)
			}
			if len(costs) > jsonBase+jsonLevel*l.depth {
				return tooDeep
			}
			if memory += cost; memory > l.memory {
				return tooLarge
			}
			costs, named = append(costs, cost), false
		case '}', ']':
			costs = costs[:max(1, len(costs)-1)]
			named = false
		case ',':
			named = false
		}
	}
	return fine
}

// signals are the message types of requests, by what their names and paths hold.
var signals = []struct {
	name string
	kind *message
}{{"trace", traces}, {"log", logs}, {"metric", metrics}}

// request scans a request whose path or type has the given name. Where the name tells
// nothing, the request must be harmless whatever it is read as.
func (l limits) request(name string, b []byte) verdict {
	name = strings.ToLower(name)
	for _, s := range signals {
		if strings.Contains(name, s.name) {
			return l.protobuf(b, s.kind)
		}
	}
	for _, s := range signals {
		if v := l.protobuf(b, s.kind); v == tooDeep || v == tooLarge {
			return v
		}
	}
	return fine
}
