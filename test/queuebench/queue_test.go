// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package queuebench measures what the guard of a queue saves in the storage below it.
package queuebench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/apispan/apispan/internal/queueguard"
)

// BenchmarkQueue makes the calls of the exporterhelper's persistent queue (offer, take,
// finish) with requests of about 600 kB, of which some wait, against file_storage with
// fsync, alone and guarded.
//
//	go test -C test ./queuebench -run '^$' -bench . -benchtime 300x
//
// written/B is what the system was asked to write to the file for each byte stored.
func BenchmarkQueue(b *testing.B) {
	for _, guarded := range []bool{false, true} {
		for _, waiting := range []int{4, 200} {
			b.Run(fmt.Sprintf("guarded=%v/waiting=%d", guarded, waiting), func(b *testing.B) {
				run(b, client(b, guarded), waiting)
			})
		}
	}
}

func run(b *testing.B, c storage.Client, waiting int) {
	ctx, value := context.Background(), events(600_000)
	do := func(ops ...*storage.Operation) {
		if err := c.Batch(ctx, ops...); err != nil {
			b.Fatal(err)
		}
	}
	meta := func(n int) *storage.Operation { return storage.SetOperation("qmv0", []byte(fmt.Sprintf("%040d", n))) }
	offered := 0
	offer := func() {
		do(meta(offered), storage.SetOperation(strconv.Itoa(offered), value))
		offered++
	}
	for range waiting {
		offer()
	}
	b.SetBytes(int64(len(value)))
	before := written(b)
	taken := 0
	for b.Loop() {
		offer()
		key := strconv.Itoa(taken)
		get := storage.GetOperation(key)
		do(meta(taken), get)
		if len(get.Value) != len(value) {
			b.Fatalf("%d of %d bytes came back", len(get.Value), len(value))
		}
		do(meta(taken), storage.DeleteOperation(key))
		taken++
	}
	b.ReportMetric(float64(written(b)-before)/float64(b.N*len(value)), "written/B")
}

func client(b *testing.B, guarded bool) storage.Client {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.FSync = b.TempDir(), true
	ext, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := ext.Start(context.Background(), nil); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ext.Shutdown(context.Background()) })
	id := component.MustNewID("bench")
	var c storage.Client
	if store := ext.(storage.Extension); guarded {
		g := &queueguard.Guard{StandIn: func([]byte) []byte { return nil }}
		c, err = g.Client(context.Background(), store, component.KindExporter, id, "traces")
	} else {
		c, err = store.GetClient(context.Background(), component.KindExporter, id, "traces")
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// events looks like a request of encoded events.
func events(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for i := 0; len(b) < size; i++ {
		body := make([]byte, 90)
		for j := range body {
			body[j] = byte(r.Uint32())
		}
		e, _ := json.Marshal(map[string]any{
			"request": map[string]any{
				"time": fmt.Sprintf("2026-01-01T00:00:00.%09dZ", i), "uri": fmt.Sprintf("https://api.example.com/orders/%d", r.IntN(1e6)), "verb": "POST",
				"headers": map[string]string{"content-type": "application/json", "user-agent": "load/1", "x-request-id": fmt.Sprint(r.Uint64())},
				"body":    map[string]any{"id": r.IntN(1e9), "note": base64.StdEncoding.EncodeToString(body), "items": []any{"one", "two", r.IntN(100)}},
			},
			"response": map[string]any{"status": 200, "headers": map[string]string{"content-type": "application/json"}, "body": map[string]any{"ok": true, "order": r.IntN(1e9)}},
			"user_id":  fmt.Sprintf("user-%d", r.IntN(5000)),
		})
		b = append(b, e...)
	}
	return b[:size]
}

// written are the bytes that this process asked the system to write (Linux), without
// those of the test's own output.
func written(b *testing.B) int64 {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip("needs /proc/self/io")
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Skip("/proc/self/io has no wchar")
	return 0
}
