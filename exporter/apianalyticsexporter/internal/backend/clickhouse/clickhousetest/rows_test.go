// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import "testing"

// TestCheck: what the engine refuses is refused here, and what it takes is taken (the same
// rows go to the engine in test/clickhouse).
func TestCheck(t *testing.T) {
	t.Parallel()
	const sound = `"event_id":"5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a","direction":"incoming","weight":1,"duration_us":0`
	for more, ok := range map[string]bool{
		``:                                      true,
		`,"time":"2026-01-31 10:11:12.345678"`:  true,
		`,"time":"2026-01-31T10:11:12.345678Z"`: false,
		`,"time":"1969-12-31 23:59:59.999999"`:  false,
		`,"time":1769854272345678`:              false,
		`,"status":65536`:                       false,
		`,"status":-1`:                          false,
		`,"status":"200"`:                       false,
		`,"unknown":1`:                          false,
		`,"request_headers":["a"]`:              false,
		`,"request_headers":{"a":"b"}`:          true,
		`,"request_size":18446744073709551615`:  true,
		`,"request_size":18446744073709551616`:  false,
		`,"request_size":null`:                  false,
		`,"shed_bodies":1`:                      false,
		`,"path":"\u0000\u2028 \\ud800"`:        true,
		`,"path":"\ud83d\ude00"`:                true,
		`,"path":"\ud800"`:                      false,
		`,"path":"\ud800\u0041"`:                false,
		`,"path":"\udc00"`:                      false,
		",\"path\":\"\xff\"":                    false,
	} {
		if problems := Check([]byte("{" + sound + more + "}")); (len(problems) == 0) != ok {
			t.Errorf("%s: %q, want taken %v", more, problems, ok)
		}
	}
}
