// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package eventmask_test

import (
	"context"
	"encoding/json"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/eventmask"
)

// NewFactory is what the manifest of the OpenTelemetry Collector Builder looks for in a
// module under `extensions`.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("shop_mask"),
		func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return shopMask{}, nil
		}, component.StabilityLevelAlpha)
}

// shopMask is the extension.
type shopMask struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ eventmask.Masker = shopMask{}

// MaskEvent implements eventmask.Masker: calls of the shop's own robots are dropped, and
// of a user's address only the country stays.
func (shopMask) MaskEvent(_ context.Context, backend string, event []byte) ([]byte, error) {
	if backend != "moesif" {
		return event, nil
	}
	var ev map[string]any
	if err := json.Unmarshal(event, &ev); err != nil {
		return nil, err
	}
	if ev["user_id"] == "robot" {
		return nil, nil
	}
	request, _ := ev["request"].(map[string]any)
	if body, ok := request["body"].(map[string]any); ok {
		if address, ok := body["address"].(map[string]any); ok {
			body["address"] = map[string]any{"country": address["country"]}
		}
	}
	return json.Marshal(ev)
}

func Example() {
	ext, err := NewFactory().Create(context.Background(), extension.Settings{ID: component.MustNewID("shop_mask")}, nil)
	if err != nil {
		panic(err)
	}
	masker := ext.(eventmask.Masker) // the exporter does this at start
	for _, event := range []string{
		`{"user_id":"ada","request":{"body":{"address":{"street":"High Street 1","country":"GB"}}},"transaction_id":"1"}`,
		`{"user_id":"robot","request":{},"transaction_id":"2"}`,
	} {
		sent, err := masker.MaskEvent(context.Background(), "moesif", []byte(event))
		fmt.Printf("%s %v\n", sent, err)
	}
	// Output:
	// {"request":{"body":{"address":{"country":"GB"}}},"transaction_id":"1","user_id":"ada"} <nil>
	//  <nil>
}
