// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

// onWire returns the record as a Collector receives it. Tests read no values from a
// log.Record: their type is another in each version of otel/log.
func onWire(t *testing.T, rec log.Record) *logs.LogRecord {
	t.Helper()
	var got collogs.ExportLogsServiceRequest
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(b, &got)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer collector.Close()
	ctx := context.Background()
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(collector.URL+"/v1/logs"), otlploghttp.WithCompression(otlploghttp.NoCompression))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(exporter)))
	provider.Logger("test").Emit(ctx, rec)
	if err := provider.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if len(got.GetResourceLogs()) != 1 || len(got.GetResourceLogs()[0].GetScopeLogs()) != 1 || len(got.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()) != 1 {
		t.Fatalf("sent: %v", &got)
	}
	return got.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()[0]
}

// attributesOf returns the attributes as plain Go values.
func attributesOf(t *testing.T, rec log.Record) map[string]any {
	t.Helper()
	return plainMap(onWire(t, rec).GetAttributes())
}

func plainMap(kvs []*common.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range kvs {
		m[kv.GetKey()] = plain(kv.GetValue())
	}
	return m
}

func plain(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return v.DoubleValue
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BytesValue:
		return v.BytesValue
	case *common.AnyValue_ArrayValue:
		list := []any{}
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, plain(e))
		}
		return list
	case *common.AnyValue_KvlistValue:
		return plainMap(v.KvlistValue.GetValues())
	}
	return nil
}
