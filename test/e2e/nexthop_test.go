// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestNextHop: in every shipped configuration what goes to a next hop is split below what
// that takes, and what it refuses for other reasons than the data is kept.
func TestNextHop(t *testing.T) {
	t.Parallel()
	type middlewares []struct {
		ID string `yaml:"id"`
	}
	type config struct {
		Extensions map[string]struct {
			MaxDecodedMiB int `yaml:"max_decoded_mib"`
		} `yaml:"extensions"`
		Receivers map[string]struct {
			Protocols struct {
				HTTP struct {
					Limit int `yaml:"max_request_body_size"`
				} `yaml:"http"`
			} `yaml:"protocols"`
		} `yaml:"receivers"`
		Exporters map[string]struct {
			Middlewares middlewares `yaml:"middlewares"`
			Queue       struct {
				Storage string `yaml:"storage"`
				Batch   struct {
					Sizer   string `yaml:"sizer"`
					MaxSize int    `yaml:"max_size"`
				} `yaml:"batch"`
			} `yaml:"sending_queue"`
			Producer struct {
				Max int `yaml:"max_message_bytes"`
			} `yaml:"producer"`
		} `yaml:"exporters"`
	}
	read := func(file string) (c config) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return c
	}
	dir := filepath.Join(repoRoot(t), "collectorbuild", "config")
	gateway := read(filepath.Join(dir, "gateway.yaml"))
	limit := gateway.Receivers["otlp"].Protocols.HTTP.Limit
	hops := 0
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		c, name := read(file), filepath.Base(file)
		for id, e := range c.Exporters {
			var most int // bytes in a request that the next hop takes
			switch kind, _, _ := strings.Cut(id, "/"); kind {
			case "otlp_http", "otlp_grpc":
				most = 20 << 20 // an OTLP receiver's default
				if len(e.Middlewares) != 1 || e.Middlewares[0].ID != "otlp_guard" {
					t.Errorf("%s: %s has not otlp_guard among its middlewares", name, id)
				}
			case "kafka":
				most = e.Producer.Max
			default:
				continue
			}
			hops++
			b := e.Queue.Batch
			if id == "otlp_http/gateway" { // whose limits are twice ours
				if b.Sizer != "items" || b.MaxSize == 0 || b.MaxSize > 8192 {
					t.Errorf("%s: %s sends up to %d %s", name, id, b.MaxSize, b.Sizer)
				}
			} else if b.Sizer != "bytes" || b.MaxSize == 0 || b.MaxSize >= most*96/100 {
				t.Errorf("%s: %s sends up to %d %s where %d bytes are taken", name, id, b.MaxSize, b.Sizer, most)
			}
		}
	}
	if hops < 4 {
		t.Errorf("%d next hops found", hops)
	}
	agent := read(filepath.Join(dir, "agent.yaml")).Receivers["otlp"].Protocols.HTTP.Limit
	if limit < 2*agent || gateway.Extensions["otlp_guard"].MaxDecodedMiB < 512 {
		t.Errorf("the gateway takes %d bytes, an agent %d: redaction makes a span larger", limit, agent)
	}
}
