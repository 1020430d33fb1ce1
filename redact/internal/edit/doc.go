// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package edit keeps the replacements that are to be made in one buffer, sorted
// and apart from each other, in whatever order they are found. The list is the
// only way to add one, so no walker can bring them out of order.
//
// Levels nest: an encoded document inside the buffer is a buffer of its own with
// edits of its own. Open starts one, Close hands its edits over, and the caller
// puts them, moved to where they stand in the outer buffer, like any others.
package edit
