module github.com/apispan/apispan/redact/difftest

go 1.26

require github.com/apispan/apispan v0.1.0

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/text v0.38.0 // indirect
)

replace github.com/apispan/apispan => ../..
