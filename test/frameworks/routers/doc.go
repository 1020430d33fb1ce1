// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package routers shows, by tests only, that chi v5 and gorilla/mux need no adapter:
// httpcapture.NewHandler goes around the router, or httpcapture.Handler into its
// middleware. It is a module of its own so that no router reaches the go.mod of users.
package routers
