// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

func (e *endpoint) addFault(spec string) error {
	fault, err := parseFault(spec)
	if err != nil {
		return err
	}
	e.faults = append(e.faults, fault)
	return nil
}

// parseFault reads comma-separated settings; README.md lists them.
func parseFault(spec string) (backendtest.Fault, error) {
	var f backendtest.Fault
	for item := range strings.SplitSeq(spec, ",") {
		key, value, hasValue := strings.Cut(item, "=")
		var err error
		switch key {
		case "status":
			if f.Status, err = strconv.Atoi(value); err == nil && (f.Status < 200 || f.Status > 999) {
				err = fmt.Errorf("%d is not between 200 and 999", f.Status)
			}
		case "count":
			if f.Count, err = strconv.Atoi(value); err == nil && f.Count == 0 {
				err = fmt.Errorf("0 is no count; leave the fault out, or write -1 for all requests")
			}
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		case "retry-after":
			f.RetryAfter = value
		case "body":
			f.Body = value
		case "take":
			f.Take = true
		case "reset":
			f.Reset = true
		default:
			err = fmt.Errorf("unknown; known are status, count, delay, retry-after, body, take, reset")
		}
		if err == nil && (key == "take" || key == "reset") == hasValue {
			err = fmt.Errorf("take and reset have no value, all others have one")
		}
		if err != nil {
			return f, fmt.Errorf("fault setting %q: %w", key, err)
		}
	}
	return f, nil
}
