// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queuebench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/apispan/apispan/internal/queueguard"
)

const damagedFile = "exporter_api_analytics_moesif_traces"

// openQueue opens the guarded queue of an exporter in a directory.
func openQueue(t *testing.T, dir string, recreate bool) (storage.Client, error) {
	t.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.Recreate = dir, recreate
	ext, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := ext.Start(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	g := &queueguard.Guard{StandIn: func([]byte) []byte { return nil }}
	return g.Client(context.Background(), ext.(storage.Extension), component.KindExporter, component.MustNewIDWithName("api_analytics", "moesif"), "traces")
}

// TestDamagedFile: whatever is wrong with the file of a queue, the Collector either works
// with it or says which file is damaged and what to do; it does not panic, and with
// recreate it starts.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	const page = 4096
	ctx := context.Background()
	whole := t.TempDir()
	c, err := openQueue(t, whole, false)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 200 {
		value := make([]byte, 100+r.IntN(30_000))
		for j := range value {
			value[j] = byte(r.Uint32())
		}
		if err := c.Batch(ctx, storage.SetOperation("metadata", []byte(strconv.Itoa(i))), storage.SetOperation(strconv.Itoa(i), value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(filepath.Join(whole, damagedFile))
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return []byte{} },
		"text":           func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 3000)) },
		"half":           func(b []byte) []byte { return b[:len(b)/2] },
		"one page":       func(b []byte) []byte { return b[:page] },
		"meta pages":     func(b []byte) []byte { clear(b[:2*page]); return b },
		"all but meta":   func(b []byte) []byte { clear(b[2*page:]); return b },
		"noise for meta": func(b []byte) []byte { noise(r, b[:2*page]); return b },
		"noise behind":   func(b []byte) []byte { noise(r, b[2*page:]); return b },
	}
	for i := range 60 {
		damages[fmt.Sprint("zeroed page ", i)] = func(b []byte) []byte {
			at := (2 + r.IntN(len(b)/page-2)) * page
			clear(b[at : at+page])
			return b
		}
		damages[fmt.Sprint("noise in a page's head ", i)] = func(b []byte) []byte {
			at := (2 + r.IntN(len(b)/page-2)) * page
			noise(r, b[at:at+64])
			return b
		}
	}
	told, worked := 0, 0
	for name, damage := range damages {
		dir := t.TempDir()
		file := filepath.Join(dir, damagedFile)
		if err := os.WriteFile(file, damage(append([]byte(nil), sound...)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := openQueue(t, dir, false)
		if err == nil {
			worked++
			use(ctx, c)
			continue
		}
		told++
		for _, want := range []string{damagedFile, "recreate: true", "move the file away"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q: %v", name, want, err)
			}
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: the file is gone: %v", name, err)
		}
		c, err = openQueue(t, dir, true)
		if err != nil {
			t.Errorf("%s: with recreate: %v", name, err)
			continue
		}
		use(ctx, c)
		if kept, _ := filepath.Glob(file + ".*.backup"); len(kept) != 1 {
			t.Errorf("%s: with recreate %d files are kept", name, len(kept))
		}
	}
	t.Logf("%d told, %d worked", told, worked)
	if told < 10 || worked == 0 {
		t.Errorf("%d told, %d worked: the damages do not test much", told, worked)
	}
}

func noise(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// use does what a queue does; it may fail and must not panic.
func use(ctx context.Context, c storage.Client) {
	for i := range 200 {
		get := storage.GetOperation(strconv.Itoa(i))
		_ = c.Batch(ctx, storage.SetOperation("metadata", []byte("x")), get)
		_ = c.Batch(ctx, storage.SetOperation("metadata", []byte("y")), storage.DeleteOperation(strconv.Itoa(i)))
	}
	_ = c.Batch(ctx, storage.SetOperation("metadata", []byte("z")), storage.SetOperation("200", []byte("new")))
	_ = c.Close(ctx)
}
