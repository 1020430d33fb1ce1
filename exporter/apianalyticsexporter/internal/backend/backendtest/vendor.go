// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// Vendor is what stands for a vendor in tests: its endpoint, and the rules of one
// event. It lies beside the backend, in the folder <name>test, as the variable Vendor.
type Vendor struct {
	Name string // of the backend, as in [backend.Spec]
	Path string // of the events; empty: any path and query
	// Beside is a path where no events come, which faults spare.
	Beside string
	// Place, if set, is what counts as a path in Path, Beside and Streams, of the URL of a
	// request, where its path alone does not tell.
	Place func(u *url.URL) string
	// Credential is the key of the backend's block that holds it.
	Credential string
	// SecretKey is the HMAC key that is handed out unless Settings name another; empty
	// if none is.
	SecretKey string
	// MediaTypes of a request; nil is application/json.
	MediaTypes []string
	// Split returns the events of a request, or an error without data; nil
	// splits a bare JSON array.
	Split        func(mediaType string, body []byte) ([]json.RawMessage, error)
	MaxItems     int
	MaxItemBytes int
	MaxBytes     int    // uncompressed, the whole request
	IDField      string // or that with an underscore before it; empty: events have no id, so none is a duplicate
	// Scope is the member within whose value an id is the only one; empty: it is everywhere.
	Scope      string
	Success    int
	Authorized func(h http.Header, credential string) bool
	// Check returns what is wrong with one event; nothing if it is sound. See package
	// check.
	Check func(event []byte) []string
	// Streams are what is served beside the events, by path.
	Streams map[string]Stream
	// Frame, if set, takes a text frame of a WebSocket and returns the code with
	// which the connection is to be closed, or 0.
	Frame func(f *Fake, data []byte) int
	// Serve, if set, answers in place of what the others have in common.
	Serve  func(f *Fake, r *http.Request) (status int, text string)
	Config *RemoteConfig // nil if there is none
}

// Stream is what differs between the events and the entities of a vendor.
type Stream struct {
	Name     string
	IDField  string
	MaxBytes int
	Check    func(item []byte) []string
}

// New returns a fake of the vendor's endpoint.
func (v Vendor) New(s Settings) *Fake {
	if v.MediaTypes == nil {
		v.MediaTypes = []string{"application/json"}
	}
	if v.Split == nil {
		v.Split = SplitArray
	}
	if s.MaxItems > 0 {
		v.MaxItems = s.MaxItems
	}
	if s.SecretKey == "" {
		s.SecretKey = v.SecretKey
	}
	f := &Fake{
		Vendor:   v,
		Settings: s,
		changed:  make(chan struct{}),
		seen:     make(map[string]struct{}),
	}
	if v.Config != nil {
		f.config = &remoteConfig{RemoteConfig: *v.Config}
	}
	return f
}

// place is what counts as the path of a request.
func (v Vendor) place(u *url.URL) string {
	if v.Place != nil {
		return v.Place(u)
	}
	return u.Path
}

// at returns the vendor as it is at a path, which may have a query, and the stream served
// there.
func (v Vendor) at(path string) (_ Vendor, stream string) {
	if u, err := url.Parse(path); err == nil {
		path = v.place(u)
	}
	s, ok := v.Streams[path]
	if !ok {
		return v, ""
	}
	v.Path, v.IDField, v.MaxBytes, v.Check = path, s.IDField, s.MaxBytes, s.Check
	return v, s.Name
}

// Incomplete says what a vendor lacks to stand for the backend of a name, or nothing.
func (v Vendor) Incomplete(name string) string {
	switch {
	case v.Name != name:
		return "Vendor.Name is not " + name
	case v.Check == nil:
		return "Vendor.Check is missing: nothing would hold the events of " + name + " to the vendor's rules"
	case v.Serve == nil && (v.Authorized == nil || v.Success == 0 || v.MaxItems == 0 || v.MaxItemBytes == 0 || v.MaxBytes == 0):
		return "the fake of " + name + " lacks Authorized, Success, MaxItems, MaxItemBytes or MaxBytes of Vendor"
	}
	return ""
}

// complete ends the test unless the vendor stands for the encoder.
func (v Vendor) complete(t testing.TB, enc backend.Encoder) {
	t.Helper()
	if problem := v.Incomplete(enc.Spec().Name); problem != "" {
		t.Fatal(problem)
	}
}
