// A ClickHouse engine for tests, and what is proven with it, apart from the other modules so
// that its dependencies reach no user.
module github.com/apispan/apispan/test/clickhouse

go 1.26.0

require (
	github.com/apispan/apispan/test v0.1.0
	github.com/chdb-io/chdb-go v1.11.0
	go.opentelemetry.io/collector/pdata v1.61.0
)

require (
	github.com/ebitengine/purego v0.8.2 // indirect
	github.com/hashicorp/go-version v1.9.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
	go.opentelemetry.io/collector/featuregate v1.61.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/net v0.56.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/text v0.38.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260526163538-3dc84a4a5aaa // indirect
	google.golang.org/grpc v1.81.1 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)

replace (
	github.com/apispan/apispan => ../..
	github.com/apispan/apispan/examples => ../../examples
	github.com/apispan/apispan/exporter/apianalyticsexporter => ../../exporter/apianalyticsexporter
	github.com/apispan/apispan/extension/guardedstorageextension => ../../extension/guardedstorageextension
	github.com/apispan/apispan/internal/queueguard => ../../internal/queueguard
	github.com/apispan/apispan/processor/httpredactionprocessor => ../../processor/httpredactionprocessor
	github.com/apispan/apispan/test => ..
)
