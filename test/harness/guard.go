// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"os"
	"regexp"
)

var extensionsLine = regexp.MustCompile(`(?m)^  extensions: \[(.*)\]$`)

// WithPolicy writes to file what makes the configuration of the demo hand out the blocking
// rules of the fake Moesif at address: a second --config.
func WithPolicy(demo, file, address string) error {
	text, err := os.ReadFile(demo)
	if err != nil {
		return err
	}
	list := extensionsLine.FindSubmatch(text)
	if list == nil {
		return errors.New("demo.yaml has no service::extensions in one line")
	}
	return os.WriteFile(file, fmt.Appendf(nil, `extensions:
  api_policy:
    endpoint: %s
    interval: 1s
    storage: file_storage/queue
    moesif: { application_id: demo-application, endpoint: "${env:MOESIF_ENDPOINT}" }
service:
  extensions: [%s, api_policy]
`, address, list[1]), 0o600)
}

// QuotaRules are rules of Moesif's: a user (Alan, who has the free plan) is over his quota,
// and everybody gets a notice.
const QuotaRules = `{
  "rules": [
    {"_id": "quota-free", "name": "Free plan used up", "type": "user", "block": true, "applied_to": "matching",
     "variables": [{"name": "0", "path": "body.plan"}],
     "response": {"status": 429, "headers": {"X-Plan": "{{0}}"}, "body": {"error": "quota", "message": "The calls of plan {{0}} are used up."}}},
    {"_id": "notice", "name": "Maintenance", "type": "regex", "block": false,
     "response": {"status": 200, "headers": {"X-Notice": "Maintenance on Sunday"}, "body": null}}
  ],
  "user_rules": {"u-alan": [{"rules": "quota-free", "values": {"0": "free"}}]}
}
`
