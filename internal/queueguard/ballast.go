// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"context"
	"math/rand/v2"
	"strconv"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// On a full volume bbolt can write only to pages of its file that are free, and to delete
// a request it first writes what stays of the pages that it changes. With none free,
// nothing could ever be deleted: all would be delivered, and the volume would stay full.
// So the storage holds a ballast, which is given up when a deletion fails, and taken in
// again before the next request is stored. To give it up, bbolt needs no more
// pages than the transaction before it has freed: its keys have pages of their own.
const (
	ballastKey = "apispan.ballast." // between requests and paddings
	// Two pieces of ballastSize are a run of 17 pages. Deleting a request writes what stays
	// of two runs of up to four pieces of requests, 13 pages each, and the way to them.
	ballastPieces = 8
	ballastSize   = 32 << 10
	// guards are small keys, which keep the pieces out of the pages of requests.
	guards = 4
)

func ballastPiece(i int) string { return ballastKey + "b" + strconv.Itoa(i) }

// weigh takes the ballast in; where free pages are scattered, a part of it.
func (c *client) weigh(ctx context.Context) error {
	if c.ballast {
		return nil
	}
	random := rand.NewChaCha8([32]byte{}) // volumes that compress must not make it lighter
	ops := make([]*storage.Operation, 0, guards+ballastPieces)
	for i := range guards {
		ops = append(ops, storage.SetOperation(ballastKey+"a"+strconv.Itoa(i), []byte{0}))
	}
	for i := range ballastPieces {
		piece := make([]byte, ballastSize)
		_, _ = random.Read(piece)
		ops = append(ops, storage.SetOperation(ballastPiece(i), piece))
	}
	var err error
	for n := ballastPieces; n >= 2; n /= 2 {
		if err = c.Client.Batch(ctx, ops[:guards+n]...); err == nil {
			c.ballast = true
			return nil
		}
	}
	return err
}

// lighten gives the ballast up, and reports whether there was any.
func (c *client) lighten(ctx context.Context) bool {
	if !c.ballast {
		return false
	}
	ops := make([]*storage.Operation, ballastPieces)
	for i := range ops {
		ops[i] = storage.DeleteOperation(ballastPiece(i))
	}
	c.ballast = c.Client.Batch(ctx, ops...) != nil
	return !c.ballast
}
