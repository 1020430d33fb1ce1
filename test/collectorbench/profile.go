// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/google/pprof/profile"
)

// inspection is what exists for the inspector: the extension, and the files of the
// components that show it something. (redact/inspect.go is the engine's, which looks into
// strings whoever looks on.) A Collector's files stand below the module and its version.
var inspection = regexp.MustCompile(`/extension/apiinspectorextension(@[^/]+)?/|/apispan(@[^/]+)?/internal/inspect/|` +
	`/(processor/httpredactionprocessor|exporter/apianalyticsexporter)(@[^/]+)?/inspect(_[a-z]+)?\.go$`)

// profiled samples a Collector's CPU in the last four fifths of the time: in the first, the
// inspector shows more, since it has had nothing to show for long. The channel gives the inspector's part
// of the samples in percent: where CPU is noisy, a part of the same seconds is not.
func profiled(ctx context.Context, addr, file string, d time.Duration) <-chan float64 {
	part := make(chan float64, 1)
	go func() {
		defer close(part)
		select {
		case <-ctx.Done():
			return
		case <-time.After(d / 5):
		}
		p, err := fetchProfile(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", addr, d.Seconds()*4/5))
		if err != nil {
			return // the table says that there is none
		}
		if file != "" {
			if err := write(file, p); err != nil {
				fmt.Fprintln(os.Stderr, "collectorbench:", err)
			}
		}
		part <- inspectorPart(p)
	}()
	return part
}

func write(file string, p *profile.Profile) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(p.Write(f), f.Close())
}

func fetchProfile(ctx context.Context, url string) (*profile.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return profile.Parse(res.Body)
}

// inspectorPart is the share of samples in percent that were taken below a function of the
// inspector. Garbage collection has no caller; it is shared in proportion.
func inspectorPart(p *profile.Profile) float64 {
	var ours, all int64
	for _, s := range p.Sample {
		n := s.Value[0]
		if below(s, func(f *profile.Function) bool { return collection.MatchString(f.Name) }) {
			continue
		}
		all += n
		if below(s, func(f *profile.Function) bool { return inspection.MatchString(f.Filename) }) {
			ours += n
		}
	}
	return 100 * float64(ours) / float64(max(all, 1))
}

var collection = regexp.MustCompile(`^runtime\.(gcBgMarkWorker|bgsweep|bgscavenge)$`)

// below reports whether a sample was taken in or below a function that is so.
func below(s *profile.Sample, is func(*profile.Function) bool) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if is(line.Function) {
				return true
			}
		}
	}
	return false
}
