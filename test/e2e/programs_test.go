// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/test/harness"
)

type binaries struct{ collector, fakes, shop, traffic string }

var built struct {
	once sync.Once
	bin  binaries
	err  error
}

// programs builds the real programs once for all tests of the package. The
// collector is the small one of the demo; APISPAN_COLLECTOR names another.
func programs(t *testing.T) binaries {
	t.Helper()
	built.once.Do(func() {
		b := &harness.Builder{Root: repoRoot(t), Progress: t.Logf}
		ctx := context.WithoutCancel(t.Context())
		steps := []struct {
			into *string
			pkg  string
		}{{&built.bin.fakes, harness.FakeVendor}, {&built.bin.shop, harness.Shop}, {&built.bin.traffic, harness.Traffic}}
		for _, s := range steps {
			if *s.into, built.err = b.Program(ctx, s.pkg); built.err != nil {
				return
			}
		}
		if built.bin.collector = os.Getenv("APISPAN_COLLECTOR"); built.bin.collector == "" {
			built.bin.collector, built.err = b.Collector(ctx, "manifest-demo.yaml")
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.bin
}

// startBackends runs the fake endpoints and, in front of them, the collector with
// the configuration of the demo.
func startBackends(ctx context.Context, t *testing.T, bin binaries, fakeArgs ...string) (*harness.Fakes, *harness.Collector) {
	t.Helper()
	fakes, err := harness.StartFakes(ctx, bin.fakes, fakeArgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fakes, startCollector(ctx, t, bin, fakes)
}

// startCollector runs the collector with the configuration of the demo.
func startCollector(ctx context.Context, t *testing.T, bin binaries, fakes *harness.Fakes, args ...string) *harness.Collector {
	t.Helper()
	collector, err := harness.StartCollector(ctx, ctx, bin.collector, harness.CollectorOptions{
		Config: filepath.Join(repoRoot(t), "collectorbuild", "config", "demo.yaml"),
		State:  t.TempDir(), Moesif: fakes.Moesif, ReadMe: fakes.ReadMe, Args: args,
	})
	if err != nil {
		t.Fatal(err)
	}
	return collector
}

// startMetlo runs the fake endpoints with Metlo's among them.
func startMetlo(ctx context.Context, t *testing.T, bin binaries) (fakes *harness.Fakes, url string) {
	t.Helper()
	return startFake(ctx, t, bin, "metlo")
}

// startFake runs the fake endpoints with the named one among them.
func startFake(ctx context.Context, t *testing.T, bin binaries, name string, args ...string) (fakes *harness.Fakes, url string) {
	t.Helper()
	fakes, err := harness.StartFakes(ctx, bin.fakes, append([]string{"-" + name, "127.0.0.1:0"}, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = fakes.Wait(ctx, "the address of "+name, func() error {
		for _, r := range fakes.Records() {
			if r.Type == "listening" && r.Backend == name {
				url = r.URL
				return nil
			}
		}
		return errors.New("not listening")
	})
	if err != nil {
		t.Fatal(err)
	}
	return fakes, url
}

// throughCollector sends spans through the collector, with a configuration laid over
// the demo's, and returns when the backend has as many events as wanted.
func throughCollector(ctx context.Context, t *testing.T, bin binaries, fakes *harness.Fakes, backend, config string, td ptrace.Traces, want int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), backend+".yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	collector := startCollector(ctx, t, bin, fakes, "--config", file)
	postTraces(ctx, t, "http://"+collector.OTLPHTTP+"/v1/traces", td)
	err := collector.Wait(ctx, "delivery", func() error {
		if got := fakes.Count(backend); got < want {
			return fmt.Errorf("%d of %d events", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := collector.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}
