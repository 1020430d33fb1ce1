// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package stacks shows, by tests only, that httpcapture is right whatever stands around
// it: compressors, recoverers, proxies, upgrades, uploads, retries, RPC and routers that
// people put together. Each stack is run with and without it over real connections: the
// client sees the same, and the event says what the client saw.
package stacks
