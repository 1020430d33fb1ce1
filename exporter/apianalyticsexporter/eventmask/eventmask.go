// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package eventmask lets the builder of a Collector see, change or drop each event as
// the backend would get it: what MASK_EVENT_MODEL is in Moesif's SDKs. It is for what no
// policy can say; a policy masks before anything is encoded, and for every backend alike.
//
// Write an extension (its factory is in the example), whose type has one method,
// MaskEvent; add its module to the manifest of the OpenTelemetry Collector Builder; and
// name it:
//
//	extensions:
//	  shop_mask:
//	exporters:
//	  api_analytics/moesif:
//	    moesif: { application_id: "${env:MOESIF_APPLICATION_ID}" }
//	    mask_event: shop_mask
//	service:
//	  extensions: [shop_mask]
//
// The package holds no more than the interface; an extension need not import it.
package eventmask

import "context"

// Masker is implemented by an extension that exporters name as `mask_event`.
type Masker interface {
	// MaskEvent returns what is sent of event, which is the JSON object of one exchange
	// in the format of backend ("moesif", "readme", "metlo", "cerberus", "cloudevents", "webhook"):
	// redacted, with all gates applied, and within the backend's limits. It may change
	// event in place and return it. Nothing (nil or no bytes) drops the event, counted
	// as mask_event.
	//
	// An error, a panic, a result that is no JSON object or that changes the event's id
	// drop the event, too, counted as mask_event_failed: what was to be masked is not
	// sent as it was. The text of the error is not logged, since it may quote the event.
	// A result that is larger than the backend's limit is dropped as too_large.
	//
	// It is called from several goroutines, before the event is stored in the queue, and
	// the receiver waits for it: it must be quick, must not keep event, and must give up
	// when ctx is done. Retries do not call it again. Updates of entities and actions
	// do not pass it.
	MaskEvent(ctx context.Context, backend string, event []byte) ([]byte, error)
}
