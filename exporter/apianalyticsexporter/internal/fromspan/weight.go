// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// maxStated is the largest weight that a span may state, by its tracestate or by itself:
// nobody samples more thinly than one in a million, and one span must not outweigh all
// others of a month.
const maxStated = 1_000_000

// readWeight reads how many exchanges the span stands for. ours is false if a caller may
// have chosen trace id and tracestate.
func (r *Reader) readWeight(ex *exchange.Exchange, span ptrace.Span, ours bool) {
	ex.OwnTrace = ours || r.TrustCallers
	ex.Weight = 1
	switch n, ok := r.integer(fieldWeight); {
	case !ok:
	case r.attr[fieldWeight].Type() == pcommon.ValueTypeStr:
		ex.WeightIgnored = true // applications state numbers; what is copied from baggage is text
	default:
		ex.Weight = n
	}
	if state := span.TraceState().AsRaw(); state != "" {
		th, rv := sampling(state)
		n, ok := countFromThreshold(th)
		switch {
		case ex.OwnTrace:
			ex.Randomness = rv
			if ok {
				ex.Weight = n
			}
		case ok && n > 1:
			ex.WeightIgnored = true
		}
	}
	ex.Weight = min(max(1, ex.Weight), maxStated)
}

// thresholdDigits is the size of a sampling threshold in hexadecimal digits
// (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
const thresholdDigits = 14

// adjustedCount returns how many spans this one stands for according to the "ot"
// entry of a tracestate ("ot=th:c" was kept with probability 1/4, so 4), rounded
// to an integer, and false if there is no usable threshold.
func adjustedCount(tracestate string) (int64, bool) {
	th, _ := sampling(tracestate)
	return countFromThreshold(th)
}

// sampling returns threshold and randomness of a tracestate's "ot" entry, each
// empty if it is not there or, for the randomness, malformed.
func sampling(tracestate string) (th, rv string) {
	for tracestate != "" {
		var entry string
		entry, tracestate, _ = strings.Cut(tracestate, ",")
		key, value, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if key != "ot" {
			continue
		}
		for value != "" {
			var sub string
			sub, value, _ = strings.Cut(value, ";")
			if s, ok := strings.CutPrefix(sub, "th:"); ok && th == "" {
				th = s
			} else if s, ok := strings.CutPrefix(sub, "rv:"); ok && rv == "" && isRandomness(s) {
				rv = s
			}
		}
		break
	}
	return th, rv
}

// isRandomness reports whether s is 14 lower-case hexadecimal digits.
func isRandomness(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return len(s) == thresholdDigits
}

func countFromThreshold(th string) (int64, bool) {
	if th == "" || len(th) > thresholdDigits {
		return 0, false
	}
	t, err := strconv.ParseUint(th, 16, 64)
	if err != nil {
		return 0, false
	}
	t <<= 4 * (thresholdDigits - len(th)) // trailing zeros are left out
	const all = 1 << (4 * thresholdDigits)
	return max(1, int64(math.Round(float64(all)/float64(all-t)))), true
}
