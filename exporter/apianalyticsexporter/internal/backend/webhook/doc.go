// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package webhook encodes exchanges for any HTTP endpoint that takes a POST: as
// newline-delimited JSON, one neutral event a line, or as a HAR 1.2 log
// (http://www.softwareishard.com/blog/har-12-spec/). The neutral event is described
// by schema/event.schema.json, which is part of the public interface: members are
// added, never changed or removed, within "apispan.event/1".
//
// Guarantees: an item is always one line of valid JSON and fits the schema; the same
// exchange always gives the same bytes; a JSON body is copied as it is but for its
// line breaks, so that 64-bit numbers and duplicate keys survive.
//
// Everything that is known about an exchange is sent, since the receiver is the
// operator's own: what must not arrive there is for redaction and for the gates. The
// only exchanges that are dropped are those whose user agent is this exporter's: an
// instrumented receiver would otherwise report the reports.
package webhook
