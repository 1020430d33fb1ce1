// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Command apispan tests redaction policies and handles what they make:
//
//	apispan check     check a Collector configuration, the machine and the backends
//	apispan redact    run fixtures or a corpus through a policy; for CI
//	apispan policy    print, list and check policies
//	apispan token     make the tokens of values, to search for them
//	apispan decrypt   recover values that the encrypt action replaced
//	apispan version   print the version
//
// It reads standard input and writes standard output, prints captured values only
// when --show-values asks for it, and opens network connections for check only. Exit
// codes: 0 fine, 1 a leak, a missed expectation or a failed check, 2 wrong usage or an
// unusable policy.
package main
