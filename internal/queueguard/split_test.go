// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
func open(t *testing.T, store storage.Extension) (storage.Client, *int) {
	t.Helper()
	damaged := new(int)
	g := &Guard{StandIn: func([]byte) []byte { return []byte("stand-in") }, OnDamage: func(error) { *damaged++ }}
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

// tight is a storage with room for few deletions in a transaction.
type tight struct {
	storage.Client

	room *int
}

func (c tight) Batch(ctx context.Context, ops ...*storage.Operation) error {
	n := 0
	for _, op := range ops {
		if op.Type == storage.Delete && isRequest(op.Key) {
			n++
		}
	}
	if n > *c.room {
		return errors.New("no space left on device")
	}
	return c.Client.Batch(ctx, ops...)
}

type tightStorage struct {
	*storagetest.Storage

	room int
}

func (s *tightStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	c, err := s.Storage.GetClient(ctx, kind, id, name)
	return tight{c, &s.room}, err
}

// What there was no room to delete is deleted by the next process, whenever this one
// ends, and although nothing is offered or sent any more.
func TestCrashWhileDeleting(t *testing.T) {
	t.Parallel()
	const n = 6
	store := &tightStorage{storagetest.New(nil), n}
	c, _ := open(t, store)
	for i := range n {
		offer(t, c, strconv.Itoa(i), noise(3*pieceSize))
		take(t, c, strconv.Itoa(i))
	}
	store.room = 0
	for i := range n - 1 {
		finish(t, c, strconv.Itoa(i))
	}
	var points []map[string][]byte
	store.Watch(func(data map[string][]byte) {
		var s state
		if err := s.unmarshal(data[stateKey]); err == nil && len(s.Gone) > 0 {
			points = append(points, data)
		}
	})
	store.room = 2
	finish(t, c, strconv.Itoa(n-1))
	if len(points) == 0 {
		t.Fatal("all was deleted in one transaction")
	}
	for i, data := range points {
		crashed := storagetest.New(data)
		open(t, crashed)
		if l := left(crashed); len(l) != 0 {
			t.Errorf("left by the process that ended at point %d: %q", i, l)
		}
	}
}

// What stands for a request that was refused still does if it was being sent when the
// process ended.
func TestRecoverStandIn(t *testing.T) {
	t.Parallel()
	ctx, store := context.Background(), storagetest.New(nil)
	c, _ := open(t, store)
	store.SetFull(true)
	if err := c.Batch(ctx, meta, storage.SetOperation("0", []byte("refused"))); err == nil {
		t.Fatal("a full disk took a request")
	}
	store.SetFull(false)
	offer(t, c, "1", []byte("taken"))
	want := take(t, c, "0")
	finish(t, c, "1")

	crashed := storagetest.New(store.Data())
	c, damaged := open(t, crashed)
	get := storage.GetOperation("0")
	do(t, c, get)
	do(t, c, storage.DeleteOperation("0"))
	offer(t, c, "2", get.Value)
	if got := take(t, c, "2"); !bytes.Equal(got, want) || *damaged != 0 {
		t.Errorf("%q came back as %q, damaged %d", want, got, *damaged)
	}
	finish(t, c, "2")
	if l := left(crashed); len(l) != 0 {
		t.Errorf("left: %q", l)
	}
}
