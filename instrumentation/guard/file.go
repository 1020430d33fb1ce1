// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// fileInterval is how often files are looked at.
const fileInterval = 2 * time.Second

// File is a Source of files in the vendors' formats (see Parse), which are read again when
// they change. The error is about the options, or about files that cannot be read now.
func File(paths []string, opts ...SourceOption) (*Polled, error) {
	c, err := configure(opts, fileInterval)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("guard: File: no file is named; write for example File([]string{\"rules.json\"})")
	}
	rules, seen, err := readFiles(paths)
	if err != nil {
		return nil, fmt.Errorf("guard: File: %w", err)
	}
	return asking(&c, "File", rules, func(context.Context) (*Rules, time.Duration, error) {
		if now, err := stamps(paths); err != nil || same(now, seen) {
			return nil, 0, err
		}
		rules, now, err := readFiles(paths)
		if err != nil {
			return nil, 0, err
		}
		seen = now
		return rules, 0, nil
	}), nil
}

type stamp struct {
	size int64
	time time.Time
}

func stamps(paths []string) ([]stamp, error) {
	out := make([]stamp, len(paths))
	for i, path := range paths {
		f, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read: %w", err)
		}
		out[i] = stamp{f.Size(), f.ModTime()}
	}
	return out, nil
}

func same(a, b []stamp) bool {
	for i := range a {
		if a[i].size != b[i].size || !a[i].time.Equal(b[i].time) {
			return false
		}
	}
	return len(a) == len(b)
}

func readFiles(paths []string) (*Rules, []stamp, error) {
	at, err := stamps(paths)
	if err != nil {
		return nil, nil, err
	}
	docs := make([][]byte, len(paths))
	for i, path := range paths {
		if docs[i], err = os.ReadFile(path); err != nil {
			return nil, nil, fmt.Errorf("cannot read: %w", err)
		}
	}
	for i := range docs {
		if _, err := Parse(docs[i]); err != nil {
			return nil, nil, fmt.Errorf("%s %w", paths[i], errors.Unwrap(err))
		}
	}
	rules, err := Parse(docs...)
	return rules, at, err
}
