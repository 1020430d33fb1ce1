// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package payload packs encoded items into requests under a backend's limits and
// finds the item that a backend refuses. It is arithmetic over byte slices: it
// opens no connection, keeps no time and copies no item.
package payload
