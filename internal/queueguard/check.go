// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// lockTimeout is how long to wait for a predecessor that still ends.
const lockTimeout = 10 * time.Second

// check reads the file of a file_storage before that opens it: bbolt looks for its free
// pages in a goroutine of its own, and what that panics with at a damaged page ends the
// process, with recreate, too. So here the file is kept beside the new one if recreate is
// set, and is an error that says what to do if not.
func (g *Guard) check(ext storage.Extension, name string) error {
	dir, recreate := fileStorage(ext)
	if dir == "" {
		return nil // another storage, or a newer one: it opens the file itself
	}
	file := filepath.Join(dir, name)
	err := checkFile(file)
	if err == nil || !recreate {
		return err
	}
	backup := file + "." + time.Now().UTC().Format("2006-01-02T15-04-05.000") + ".backup"
	if rename := os.Rename(file, backup); rename != nil {
		return errors.Join(err, rename)
	}
	if g.OnDamage != nil {
		g.OnDamage(fmt.Errorf("the file is kept as %s and a new one is begun, since `recreate` is set: %w", backup, err))
	}
	return nil
}

// fileStorage returns where a file_storage keeps its files, and whether it is to begin
// anew where one is damaged; "" for any other storage. Neither is told otherwise.
func fileStorage(ext storage.Extension) (dir string, recreate bool) {
	v := reflect.Indirect(reflect.ValueOf(ext))
	if v.Kind() != reflect.Struct {
		return "", false
	}
	cfg := reflect.Indirect(v.FieldByName("cfg"))
	if !cfg.IsValid() || cfg.Kind() != reflect.Struct {
		return "", false
	}
	if d := cfg.FieldByName("Directory"); d.IsValid() && d.Kind() == reflect.String {
		dir = d.String()
	}
	if r := cfg.FieldByName("Recreate"); r.IsValid() && r.Kind() == reflect.Bool {
		recreate = r.Bool()
	}
	return dir, recreate
}

// checkFile checks a bbolt file while nobody writes to it.
func checkFile(file string) error {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // it is made
	}
	s := &safe{file: file}
	err = s.do(func() error {
		// For its lock, and for what it says of the first pages; it reads no others.
		db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
		if err != nil {
			return err
		}
		f, err := os.Open(file)
		if err == nil {
			err = checkPages(f, info.Size(), int64(db.Info().PageSize))
			_ = f.Close()
		}
		return errors.Join(err, db.Close())
	})
	var d *damaged
	if errors.As(err, &d) {
		return d
	}
	return nil // the storage says what is wrong
}
