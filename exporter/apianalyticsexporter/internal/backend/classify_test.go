// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import "testing"

func TestClassifyHTTP(t *testing.T) {
	t.Parallel()
	want := map[Class][]int{
		Delivered: {200, 201, 202, 204, 208, 299},
		Outage: {
			300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 414, 415, 416, 417, 418, 421,
			423, 424, 426, 428, 431, 451, 499,
		},
		Reject: {400, 413, 422},
		Retry:  {0, -1, 100, 101, 408, 425, 429, 500, 501, 502, 503, 504, 599, 600, 999},
	}
	for class, statuses := range want {
		for _, status := range statuses {
			if got := ClassifyHTTP(status); got != class {
				t.Errorf("ClassifyHTTP(%d) = %d, want %d", status, got, class)
			}
		}
	}
}
