// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"path/filepath"
	"strconv"
)

// checkVolumes checks the directories of queues.
func checkVolumes(t *tree, r *Report) {
	queued := map[string]int64{} // by storage extension
	for _, c := range section(t, "exporters") {
		queue := at(c, "sending_queue")
		if s := text(at(queue, "storage")); s != "" {
			size := int64(128 << 20) // the default of api_analytics
			if text(at(queue, "sizer")) == "bytes" {
				size = number(at(queue, "queue_size"), size)
			}
			queued[file(t, s)] += size
		}
	}
	for id, size := range queued {
		dir := text(at(section(t, "extensions")[id], "directory"))
		if dir == "" {
			continue
		}
		// The directory may be made at start: look at what there is of it.
		have := dir
		for {
			if _, err := os.Stat(have); err == nil || have == filepath.Dir(have) {
				break
			}
			have = filepath.Dir(have)
		}
		free, ok := freeSpace(have)
		switch {
		case have != dir && at(section(t, "extensions")[id], "create_directory") != true:
			r.addf(12, Fail, id, "its directory does not exist: make it, or write `create_directory: true`")
		case !ok:
			r.addf(12, Skip, id, "free space cannot be told on this system")
		case free < 2*size:
			r.addf(12, Warn, id, "queues of %d MiB, and %d MiB free: leave twice the queue's size, or the disk fills before the queue does", size>>20, free>>20)
		default:
			r.addf(12, OK, id, "queues of %d MiB, %d MiB free", size>>20, free>>20)
		}
	}
}

// checkSDK looks at the environment variables of an instrumented service, if this is
// run where they are set.
func checkSDK(t *tree, r *Report) {
	env := func(names ...string) (string, int64, bool) {
		for _, name := range names {
			if v, ok := os.LookupEnv(name); ok && v != "" {
				n, err := strconv.ParseInt(v, 10, 64)
				return name, n, err == nil
			}
		}
		return "", 0, false
	}
	found := false
	if name, n, ok := env("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"); ok && n < 128 {
		found = true
		r.addf(16, Fail, name, "is %d: captured headers would push out other attributes; leave it at 128 or more", n)
	}
	if name, n, ok := env("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"); ok && n < 8192 {
		found = true
		r.addf(16, Warn, name, "is %d: bodies are cut there, and what is cut is not marked unless httpcapture is told", n)
	}
	batch := int64(512)
	if _, n, ok := env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"); ok {
		batch = n
	}
	// Two bodies of the default limit and half as much of everything else.
	if need := batch * 3 * 8192; need > receiverLimit(t) {
		found = true
		r.addf(16, Warn, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "%d spans with two bodies of 8 KiB are up to %d MiB, more than the receiver takes (%d MiB), and are refused for good: lower it, raise the receiver's limit, or use captureexport", batch, need>>20, receiverLimit(t)>>20)
	}
	if v, ok := os.LookupEnv("OTEL_TRACES_SAMPLER"); ok && v != "always_on" && v != "parentbased_always_on" {
		found = true
		r.addf(16, Warn, "OTEL_TRACES_SAMPLER", "is %s: unsampled exchanges are not seen; captureexport with sdktrace.AlwaysRecord sees all", v)
	}
	if !found {
		r.addf(16, OK, "", "")
	}
}
