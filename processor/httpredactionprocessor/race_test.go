// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package httpredactionprocessor

const raceEnabled = true
