// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package entities says who the users, companies and subscriptions behind API
// calls are, and which actions they take beside them, as OpenTelemetry log events.
// The Collector's processor http_redaction applies the same policy to them as to
// spans, and the exporter api_analytics turns them into the entity updates of
// backends that have such things (Moesif). The vendor's secret stays in the
// Collector.
//
//	client := entities.New(entities.WithLoggerProvider(provider))
//	err := client.UpdateUser(ctx, entities.User{
//		ID:        "12345",
//		CompanyID: "67890",
//		Email:     "ada@example.com",
//		Metadata:  map[string]any{"plan": "pro", "seats": 12},
//	})
//
// An update is an upsert: a field that is empty is not sent, so the backend keeps
// what it has. Metadata is merged key by key.
//
// Guarantees: every value is checked before anything is emitted, and an error
// names the field and never its value; what is emitted is valid UTF-8 within the
// limits below; no call panics, blocks on the network or keeps what it was given.
// A client is safe for concurrent use, and a nil client does nothing.
//
// Limits: ids 512 bytes; texts 1 KiB; URLs, user agents and metadata texts 4 KiB;
// 64 metadata keys of 128 bytes; 100 items in a subscription; nesting of 8 levels.
//
// The package does not send anything itself: delivery is the SDK's. The SDK's
// batch processor drops the oldest records when its queue is full, and what it
// holds is lost with the process; flush or shut the provider down before exit. It
// does not remember or compare: updating a user on every request is a waste.
// Update on sign-up and when something changes. Records of one entity that are
// emitted concurrently have no order.
//
// It compiles with otel/log v0.20 and with later versions, whose values are of another
// type, because go.opentelemetry.io/contrib/bridges/otelslog makes them. Upgrade otel/log
// and otelslog together; the README has which version goes with which.
//
// The attributes are described in docs/attributes.md.
package entities
