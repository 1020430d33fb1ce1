// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Config is a backend's block of the exporter's configuration: what its users write.
// It is implemented by a pointer to a struct whose fields have mapstructure tags, and
// whose doc comments are what the README says about the keys. The exporter finds the
// backend by this type alone; its name is the key of the block.
//
// The struct (not the pointer) has one method more, which the registry calls:
//
//	// Default returns the block as it is where no key is written.
//	func (*Config) Default() any { return configoptional.Default(Config{…}) }
type Config interface {
	// Facts returns what the exporter needs to know before there is an encoder.
	Facts() Facts
	// NewEncoder returns the encoder, or all errors of the block, each with the full
	// key, the problem and the fix, and without the value of a secret. The exporter
	// has checked Facts and Gates. It opens no connection.
	NewEncoder(b Build) (Encoder, error)
}

// SDKOptions is implemented by the struct of a Config whose vendor has SDKs, so that who
// writes one of their options is told what to write here.
type SDKOptions interface {
	// SDKOptions has for each option, as confkeys.Fold returns it, what to write in its
	// place.
	SDKOptions() map[string]string
}

// Facts are what a block says besides what its encoder knows. Zero values mean that
// the exporter's default holds.
type Facts struct {
	// Gates of the block, which the exporter validates and applies.
	Gates *Gates
	// SecretKey is the key of the credential, and Secret its value; "" means that the
	// backend has none. The credential is required unless SecretOptional is set, and
	// must be HeaderSafe.
	SecretKey, Secret string
	SecretOptional    bool
	// Endpoint is where events go if the exporter's own key of that name is empty;
	// "" means that one of the two has to be written.
	Endpoint string
	// OwnEndpoint is true if Endpoint is a key of the block, and not the vendor's
	// address.
	OwnEndpoint bool
	// Port is that of an Endpoint that names none; "" means that of its scheme.
	Port string
	// Paths are those of requests to the vendor. An endpoint that ends with one of them
	// means the endpoint without it.
	Paths []string
	// Probe is what a GET with the encoder's headers tells whether the vendor knows the
	// credential: a path below the endpoint, or a URL that stands for the vendor's own
	// endpoint and for no other; "" if nothing does. `apispan check` asks it.
	Probe string
	// WholeURL is true if nothing is appended to the endpoint, which may then hold a
	// query.
	WholeURL bool
	// EveryCall is the key of the block that says that none may be sampled away, since the
	// backend counts calls; "" means that some may.
	EveryCall string
	// Compression is used if none is configured: "gzip", or "" for none.
	Compression string
	// Transports are those for other schemes of the endpoint than http and https.
	Transports map[string]NewTransport
	// Delivery holds the backend's defaults for keys beside its block.
	Delivery Delivery
}

// Delivery has values for keys beside the block where they are not written.
type Delivery struct {
	Timeout                                      time.Duration // timeout
	InitialInterval, MaxInterval, MaxElapsedTime time.Duration // retry_on_failure
	QueueBytes                                   int64         // sending_queue::queue_size
}

// Build is what an encoder is made for.
type Build struct {
	// Endpoint is where the events go.
	Endpoint string
	// Version is the Collector's, or "".
	Version string
}

// UserAgent is what goes into the header of that name.
func (b Build) UserAgent() string {
	if b.Version == "" {
		return "apispan"
	}
	return "apispan/" + b.Version
}

// Env is what the running Collector offers to a backend.
type Env struct {
	// NewClient makes an HTTP client with everything that is configured for the
	// exporter (TLS, proxy, headers, authentication, timeout). It follows no redirect.
	NewClient func(ctx context.Context) (*http.Client, error)
	// Log writes to the Collector's log. Neither the text nor the error may hold a
	// secret or a captured value.
	Log func(level slog.Level, text string, err error)
}

// Keyed is implemented by an Encoder that hashes under a key which may be missing for
// a while, because a service hands it out.
type Keyed interface {
	// StartKey begins to fetch the key, if it is not known. It is called once, before
	// the first event, unless nothing is sent. It calls changed whenever MissingKey
	// may have changed.
	StartKey(ctx context.Context, env Env, changed func()) error
	// StopKey ends that. The key stays.
	StopKey()
	// MissingKey says what events lack without the key, or is nil. It becomes the
	// status of the component.
	MissingKey() error
}
