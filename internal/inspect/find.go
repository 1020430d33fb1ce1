// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import "fmt"

// NoExchange names a span that is no exchange by its kind, for [Sink.Arrived].
func NoExchange(kind string) string {
	switch kind {
	case "Server":
		return "server without http.request.method"
	case "Client":
		return "client without http.request.method"
	case "Internal":
		return "internal"
	case "Producer":
		return "producer"
	case "Consumer":
		return "consumer"
	}
	return "unspecified"
}

// Find returns the Sink with an id among the extensions of a Collector's host. It is a
// component's at its start: key is how its configuration calls the id, such as
// "`inspector`". The error names it, and what to write.
func Find[ID interface {
	comparable
	fmt.Stringer
}, C any](extensions map[ID]C, id ID, key string) (Sink, error) {
	ext, ok := extensions[id]
	if !ok {
		return nil, fmt.Errorf("%s names %s, which is not among `service::extensions`: add it there, or remove the key", key, id)
	}
	sink, ok := any(ext).(Sink)
	if !ok {
		return nil, fmt.Errorf("%s names %s, which is no inspector: write the id of an extension of the type api_inspector, or remove the key", key, id)
	}
	return sink, nil
}
