// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

// CountingProvider is for tests of the package from outside.
var CountingProvider = countingProvider
