#!/bin/sh
# Builds and runs the server and a Collector in front of METRICS_SERVER, until one of
# them ends or a signal comes. See README.md.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)

: "${README_API_KEY:?set README_API_KEY to the API key of the ReadMe project (any text for a fake server)}"
export README_API_KEY
export METRICS_SERVER="${METRICS_SERVER:-${README_METRICS_SERVER:-https://metrics.readme.io}}"
export OTLP_HTTP="${OTLP_HTTP:-127.0.0.1:4318}"
export OTEL_EXPORTER_OTLP_ENDPOINT="http://$OTLP_HTTP"

collector=${APISPAN_COLLECTOR:-}
if [ -z "$collector" ]; then
	collector=$root/collectorbuild/_build_demo/otelcol-apispan
	(cd "$root" && go run -C test ./demo -build-only) # seconds, if nothing has changed
fi
server=$(mktemp -d)/readme-metrics
(cd "$root" && go build -o "$server" ./examples/readme-metrics)

"$collector" --config "$here/collector.yaml" &
collector_pid=$!
"$server" &
server_pid=$!
stop() {
	trap - INT TERM EXIT
	kill "$server_pid" 2>/dev/null || true
	wait "$server_pid" 2>/dev/null || true # it sends what is queued
	kill "$collector_pid" 2>/dev/null || true
	wait "$collector_pid" 2>/dev/null || true
	rm -rf "$(dirname "$server")"
}
trap stop INT TERM EXIT
wait "$server_pid"
