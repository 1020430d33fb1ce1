// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/apispan/apispan/examples/shop/shopapi"
	"github.com/apispan/apispan/instrumentation/guard"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// guarded puts the vendor's blocking rules before the shop's routes, if there is a URL of
// them: inside what captures, so that a blocked call is recorded, and outside of the routes,
// so that nothing has been done for it.
func guarded(ctx context.Context, shop *shopapi.Shop, url string) (http.Handler, func(), error) {
	if url == "" {
		return shop.Handler(), func() {}, nil
	}
	rules, err := guard.HTTP(url)
	if err != nil {
		return nil, nil, err
	}
	if err := rules.Wait(ctx); err != nil {
		slog.Warn("the shop serves without blocking rules until there are some", "error", err)
	}
	g := guard.New(rules,
		guard.WithMode(guard.Enforce), // Shadow is the default, and where to begin
		guard.WithIdentity(func(r *http.Request) httpcapture.Identity {
			user, company := shop.Caller(r)
			return httpcapture.Identity{UserID: user, CompanyID: company}
		}))
	return g.Handler(shop.Handler()), func() { _ = rules.Close() }, nil
}
