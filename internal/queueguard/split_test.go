// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// open returns what a queue would use, as after a start, and how often damage was told.
func open(t *testing.T, store *storagetest.Storage) (storage.Client, *int) {
	t.Helper()
	damaged := new(int)
	g := &Guard{StandIn: func([]byte) []byte { return nil }, OnDamage: func(error) { *damaged++ }}
	c, err := g.Client(context.Background(), store, component.KindExporter, component.MustNewID("test"), "traces")
	if err != nil {
		t.Fatal(err)
	}
	return c, damaged
}

func do(t *testing.T, c storage.Client, ops ...*storage.Operation) {
	t.Helper()
	if err := c.Batch(context.Background(), ops...); err != nil {
		t.Fatal(err)
	}
}

var meta = storage.SetOperation("qmv0", []byte("metadata"))

func offer(t *testing.T, c storage.Client, key string, value []byte) {
	t.Helper()
	do(t, c, meta, storage.SetOperation(key, value))
}

func take(t *testing.T, c storage.Client, key string) []byte {
	t.Helper()
	get := storage.GetOperation(key)
	do(t, c, meta, get)
	return get.Value
}

func finish(t *testing.T, c storage.Client, key string) {
	t.Helper()
	do(t, c, meta, storage.DeleteOperation(key))
}

// left are the keys in the storage that are neither metadata nor padding.
func left(store *storagetest.Storage) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(store.Data())), func(k string) bool {
		return k == "qmv0" || strings.HasPrefix(k, paddingKey) || strings.HasPrefix(k, ballastKey)
	})
}

func noise(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Whatever a request holds, it comes back as it was, from memory and after a restart,
// and leaves nothing.
func TestEverySize(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte(`{"id":12345,"note":"the same again"},`), 20_000)
	values := map[string][]byte{"magic": []byte(headMagic), "magic and more": append([]byte(headMagic), noise(50_000)...), "a head": split("1", noise(90_000))[0].Value}
	for _, n := range []int{0, 1, wholeSize - 1, wholeSize, wholeSize + 1, pieceSize - headSize, pieceSize - headSize + 1, pieceSize, 2*pieceSize - headSize, 2*pieceSize - headSize + 1, 600_000} {
		values[fmt.Sprint("noise ", n)], values[fmt.Sprint("text ", n)] = noise(n), text[:n]
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := storagetest.New(nil)
			first, _ := open(t, store)
			offer(t, first, "7", value)
			offer(t, first, "8", value)
			for key, v := range store.Data() {
				if len(v) > pieceSize && !strings.HasPrefix(key, ballastKey) {
					t.Errorf("a value of %d bytes is stored", len(v))
				}
			}
			if !bytes.Equal(take(t, first, "7"), value) {
				t.Error("it came back otherwise")
			}
			finish(t, first, "7")
			for restart := range 2 {
				c, damaged := open(t, store)
				if !bytes.Equal(take(t, c, "8"), value) || *damaged != 0 {
					t.Errorf("restart %d: it came back otherwise, %d damaged", restart, *damaged)
				}
			}
			last, _ := open(t, store)
			finish(t, last, "8") // without a look at it
			if l := left(store); len(l) != 0 {
				t.Errorf("left: %q", l)
			}
		})
	}
}

// Requests that an earlier version has stored are read and deleted.
func TestOldFile(t *testing.T) {
	t.Parallel()
	value := noise(200_000)
	store := storagetest.New(map[string][]byte{"3": value, "4": value, "qmv0": []byte("metadata"), stateKey: []byte(`{"moved":{"9":"3"},"void":{"10":"AAE="}}`)})
	c, _ := open(t, store)
	for key, want := range map[string][]byte{"9": value, "4": value, "10": {0, 1}} {
		if got := take(t, c, key); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d", key, len(got), len(want))
		}
		finish(t, c, key)
	}
	if l := left(store); len(l) != 0 {
		t.Errorf("left: %q", l)
	}
}

// A version that does not know of heads would take them for damaged requests and drop
// them. It refuses to start for as long as there are any.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	store := storagetest.New(nil)
	c, _ := open(t, store)
	starts := func() bool {
		b := store.Data()[stateKey]
		return len(b) == 0 || json.Unmarshal(b, &struct{}{}) == nil
	}
	for i := range 3 {
		offer(t, c, strconv.Itoa(i), noise(50_000))
	}
	offer(t, c, "3", []byte("small"))
	for i := range 4 {
		if starts() != (i == 3) {
			t.Errorf("%d heads: the old version starts: %v", 3-i, starts())
		}
		if i == 1 {
			c, _ = open(t, store) // the count outlives the process
		}
		finish(t, c, strconv.Itoa(i))
	}
	if !starts() || len(left(store)) != 0 {
		t.Errorf("left: %q", left(store))
	}
	store.Set(stateKey, []byte("in a format of the future"))
	if _, err := (&Guard{}).Client(context.Background(), store, component.KindExporter, component.MustNewID("test"), "traces"); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a newer format: %v", err)
	}
}

// Damage anywhere is told, and never becomes a request that looks sound.
func TestDamage(t *testing.T) {
	t.Parallel()
	value := append(noise(60_000), make([]byte, 60_000)...)
	sound := storagetest.New(nil)
	c, _ := open(t, sound)
	offer(t, c, "1", value)
	for key, stored := range sound.Data() {
		if key != "1" && !strings.HasPrefix(key, "1.") {
			continue
		}
		for name, change := range map[string]func() []byte{
			"missing":  func() []byte { return nil },
			"cut":      func() []byte { return stored[:len(stored)-1] },
			"flipped":  func() []byte { b := slices.Clone(stored); b[len(b)-9] ^= 4; return b },
			"longer":   func() []byte { return append(slices.Clone(stored), 0) },
			"packing":  func() []byte { b := slices.Clone(stored); b[len(headMagic)] ^= 8; return b },
			"pieces":   func() []byte { b := slices.Clone(stored); b[len(headMagic)+1] = 0xff; return b },
			"fewer":    func() []byte { b := slices.Clone(stored); b[len(headMagic)+4]--; return b },
			"size":     func() []byte { b := slices.Clone(stored); b[len(headMagic)+5] = 0xff; return b },
			"checksum": func() []byte { b := slices.Clone(stored); b[headSize-1]++; return b },
		} {
			store := storagetest.New(sound.Data())
			store.Set(key, change())
			c, damaged := open(t, store)
			got := take(t, c, "1")
			if *damaged != 1 && (name != "missing" || key != "1") || bytes.Equal(got, value) || len(got) > 0 && !bytes.HasPrefix(got, []byte(headMagic)) {
				t.Errorf("%s, %s: told %d times, %d bytes", key, name, *damaged, len(got))
			}
			finish(t, c, "1")
		}
	}
}

// A full disk keeps nothing from being taken.
func TestTakeFromFullDisk(t *testing.T) {
	t.Parallel()
	store := storagetest.New(nil)
	c, _ := open(t, store)
	var values [][]byte
	for i := range 4 {
		values = append(values, noise(maxFreshBytes/2-1+i)) // only two can be kept in memory
		offer(t, c, strconv.Itoa(i), values[i])
	}
	store.SetFull(true)
	for i, v := range values {
		if !bytes.Equal(take(t, c, strconv.Itoa(i)), v) {
			t.Errorf("request %d came back otherwise", i)
		}
		finish(t, c, strconv.Itoa(i))
	}
	store.SetFull(false)
	finish(t, c, "9")
	if l := left(store); len(l) != 0 {
		t.Errorf("left: %q", l)
	}
}
