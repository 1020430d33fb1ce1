// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package b64 recognises base64 of readable content, decodes it and encodes a
// changed version the same way.
//
// Standard and URL alphabets, padding or none, and line breaks are taken. What
// decodes to bytes that are not text is not recognised: it has nothing to scan.
package b64
