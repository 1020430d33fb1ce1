// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"reflect"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// BackendInfo is what is known of a backend whatever its block says, for tools that
// check configurations.
type BackendInfo struct {
	// Name is the key of the block.
	Name string
	// SecretKey is the key of the credential in the block, or empty.
	SecretKey string
	// Endpoint is where events go if none is written; empty: one has to be.
	Endpoint string
	// Probe is what a GET tells whether the credential is known: a path below the
	// endpoint, or a URL that stands for Endpoint and for no other; empty: nothing does.
	Probe string
	// ProbeHeader is the header line that Probe needs, with {secret} where the
	// credential goes, or {basic} for the one of HTTP's Basic scheme, as the user.
	ProbeHeader string
}

// BackendInfos lists all backends, in the order of the registry.
func BackendInfos() (list []BackendInfo) {
	const secret = "apispan-secret"
	placeholders := strings.NewReplacer(
		secret, "{secret}", base64.StdEncoding.EncodeToString([]byte(secret+":")), "{basic}")
	for _, b := range new(Backends).blocks() {
		block := reflect.New(b.typ)
		config := block.Interface().(backend.Config)
		f := config.Facts()
		info := BackendInfo{Name: b.name, SecretKey: f.SecretKey, Endpoint: f.Endpoint, Probe: f.Probe}
		if field := keyed(b.typ, f.SecretKey); field != nil && f.Probe != "" {
			block.Elem().FieldByIndex(field).SetString(secret)
			h := make(http.Header)
			if enc, err := config.NewEncoder(backend.Build{Endpoint: cmp.Or(f.Endpoint, "https://backend.example.com")}); err == nil {
				enc.SetHeader(h)
			}
			for name := range h {
				if line := placeholders.Replace(h.Get(name)); line != h.Get(name) {
					info.ProbeHeader = name + ": " + line
				}
			}
		}
		list = append(list, info)
	}
	return list
}

// keyed returns the index of the field of a block that has a key, or nil.
func keyed(block reflect.Type, key string) []int {
	for _, f := range reflect.VisibleFields(block) {
		if key != "" && f.Tag.Get("mapstructure") == key {
			return f.Index
		}
	}
	return nil
}
