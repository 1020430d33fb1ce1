// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import "context"

// std emits through the LoggerProvider that is global now. Updates are rare, so
// that looking it up each time costs nothing.
func std() *Client { return New() }

// UpdateUser is [Client.UpdateUser] with the global LoggerProvider.
func UpdateUser(ctx context.Context, u User) error { return std().UpdateUser(ctx, u) }

// UpdateUsers is [Client.UpdateUsers] with the global LoggerProvider.
func UpdateUsers(ctx context.Context, users []User) error { return std().UpdateUsers(ctx, users) }

// UpdateCompany is [Client.UpdateCompany] with the global LoggerProvider.
func UpdateCompany(ctx context.Context, co Company) error { return std().UpdateCompany(ctx, co) }

// UpdateCompanies is [Client.UpdateCompanies] with the global LoggerProvider.
func UpdateCompanies(ctx context.Context, companies []Company) error {
	return std().UpdateCompanies(ctx, companies)
}

// UpdateSubscription is [Client.UpdateSubscription] with the global LoggerProvider.
func UpdateSubscription(ctx context.Context, s Subscription) error {
	return std().UpdateSubscription(ctx, s)
}

// UpdateSubscriptions is [Client.UpdateSubscriptions] with the global LoggerProvider.
func UpdateSubscriptions(ctx context.Context, subscriptions []Subscription) error {
	return std().UpdateSubscriptions(ctx, subscriptions)
}

// RecordAction is [Client.RecordAction] with the global LoggerProvider.
func RecordAction(ctx context.Context, a Action) error { return std().RecordAction(ctx, a) }

// RecordActions is [Client.RecordActions] with the global LoggerProvider.
func RecordActions(ctx context.Context, actions []Action) error {
	return std().RecordActions(ctx, actions)
}
