// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

// The race detector makes pools forget, so what is allocated is counted without it.

package apianalyticsexporter

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/internal/inspect/inspecttest"
)

// TestInspectorAllocations: one that wants nothing costs some allocations a batch and none an
// event, and none at all is as before.
func TestInspectorAllocations(t *testing.T) {
	td := benchTraces(1024)
	measure := func(rec *inspecttest.Recorder) float64 {
		r := newRig(t, benchConfig("moesif"))
		if rec != nil {
			r.looked(rec)
		}
		r.start()
		return testing.AllocsPerRun(20, func() { r.exp.translator.translate(context.Background(), td) })
	}
	without := measure(nil)
	with := measure(&inspecttest.Recorder{Unwanted: func(inspect.Key) bool { return true }})
	if with > without+64 {
		t.Errorf("%.0f allocations for 256 events with an inspector, %.0f without", with, without)
	}
	var none *watch
	var l look
	ex := &exchange.Exchange{}
	item := []byte("item")
	items := [][]byte{item}
	if n := testing.AllocsPerRun(100, func() {
		none.begin(&l, td)
		none.read(&l, ex, true)
		none.skip(&l, ptrace.Span{}, "")
		none.encoded(&l, ex, nil, item, false)
		none.left(&l, reasonInternal)
		none.batch(&l)
		none.lost(items, reasonInternal)
		none.remade(item, item)
		none.answered(nil, items, backend.Reply{}, answer{})
		none.rehearsed(nil, items)
		none.counted("", 1)
	}); n != 0 {
		t.Errorf("%v allocations without an inspector", n)
	}
}
