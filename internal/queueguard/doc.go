// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package queueguard stands between the exporterhelper's persistent queue and its
// storage extension. It closes two ways in which that queue loses requests that were
// acknowledged:
//
//   - Killed while starting. The queue deletes the requests that were being sent
//     when the last process ended, and then writes them again under new keys. The
//     guard writes nothing and deletes nothing: it remembers under which old key the
//     bytes of the new one are.
//   - Disk full. To take a request the queue writes its metadata in the transaction
//     that reads the request; if that fails it takes the request for damaged and
//     deletes it. The guard only reads, and leaves the stored metadata as they are. It
//     also sees to it that what is delivered can be deleted then (ballast.go).
//
// And it makes the queue cheap, with fsync above all: about a twentieth of the bytes are
// written and a third of the transactions is saved (test/queuebench). split.go says how
// requests are stored.
//
// The rule behind all: what is stored may be older than what the queue knows, and
// then a crash sends requests again, with the ids that they had. It is never newer,
// so a crash loses none. A request is deleted only in the transaction that stores
// metadata without it.
//
// Requests that were stored without the guard, or by a version of it that did not split
// them, are read. The other way round it needs an empty queue: an older guard refuses to
// start on what this one has stored, and a queue without guard would drop it.
//
// The exporter api_analytics guards its own queue; the extension guarded_storage does
// it for the exporters of others.
//
// It relies on the order of the queue's calls, not on the content of its metadata,
// and passes on what it does not recognise. It is written for exporterhelper
// v0.155.0; tests of api_analytics run it against the real queue, with a crash after
// each transaction.
package queueguard
