// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

var sink []byte

func benchDocument() string {
	return `{"items":[` + strings.TrimSuffix(strings.Repeat(
		`{"id":9007199254740993,"name":"Ada Lovelace","tags":["a","b"],"price":12.5,"active":true},`, 12), ",") + `]}`
}

// The rival is json.Valid; the floor of AppendString is a plain copy.
func BenchmarkEmbeddable(b *testing.B) {
	doc := benchDocument()
	b.Run("own", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		b.ReportAllocs()
		for b.Loop() {
			if !Embeddable(doc) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		raw := []byte(doc)
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if !json.Valid(raw) {
				b.Fatal("refused")
			}
		}
	})
}

func BenchmarkAppendString(b *testing.B) {
	text := strings.Repeat("The quick brown fox, no escapes. ", 32)
	b.Run("floor/copy", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			sink = append(sink[:0], text...)
		}
	})
	b.Run("own", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			sink = AppendString(sink[:0], text)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			sink, _ = json.Marshal(text)
		}
	})
}
