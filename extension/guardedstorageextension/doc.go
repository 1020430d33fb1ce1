// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package guardedstorageextension is the Collector extension guarded_storage. It
// stands between the persistent queue of any exporter and a storage extension such
// as file_storage, and closes two ways in which that queue loses what it has
// acknowledged: a kill while the Collector starts, and a full disk. Package
// internal/queueguard describes how.
//
// The exporter api_analytics guards its queue itself and does not need it.
package guardedstorageextension
