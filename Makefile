# Copyright The apispan Authors
# SPDX-License-Identifier: Apache-2.0

# Everything a contributor types. Tools are pinned in internal/tools/go.mod or
# below, and go to .tmp/bin; nothing is installed outside the checkout.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOTOOLCHAIN ?= local

BIN := $(CURDIR)/.tmp/bin
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.8.0
GOVULNDB ?= https://vuln.go.dev
MANIFEST ?= manifest.yaml
FUZZTIME ?= 30s
BENCH ?= .
BENCHTIME ?= 1s
PKG ?= ./...

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Build and run the whole path against fake backends (DEMO_SECONDS=20 ends it by itself)
	@# Built and executed, not "go run": that would turn a clean Ctrl-C into an error.
	@CGO_ENABLED=0 go build -trimpath -o $(BIN)/demo ./internal/demo
	@exec $(BIN)/demo

.PHONY: build
build: ## Compile every package and the apispan command (.tmp/bin/apispan)
	go build ./...
	go build -o $(BIN)/apispan ./cmd/apispan

.PHONY: test
test: ## Unit, race, golden and end-to-end tests (builds the real collector)
	go vet ./...
	go test -race -timeout 30m ./...
	APISPAN_TIMING=1 go test -run Linear ./redact/...
	@$(MAKE) --no-print-directory test-modules

.PHONY: chaos
chaos: ## Prove the delivery contract: kill, fill and cut everything under load (CHAOS="-run kill -kills 100 -seed 42")
	@go build -trimpath -o $(BIN)/chaos ./internal/chaos
	@exec $(BIN)/chaos $(CHAOS)

# All go.mod below the root: what would otherwise bring its dependencies to users.
NESTED = $(shell find . -mindepth 2 -name go.mod -not -path './.tmp/*' -not -path '*/_build/*' | sort)

.PHONY: test-modules
test-modules: ## Vet and test the nested modules (adapters, comparisons, tools)
	@set -e; for mod in $(NESTED); do \
		needs=$$(sed -n 's/^go //p' $$mod); has=$$(go env GOVERSION | sed 's/^go//'); \
		if [ "$$(printf '%s\n' "$$needs" "$$has" | sort -V | head -n 1)" != "$$needs" ]; then \
			echo "skip $$mod: it needs Go $$needs"; continue; \
		fi; \
		cd $$(dirname $$mod); pkgs=$$(go list ./... 2>&1) || { echo "$$mod: $$pkgs" >&2; exit 1; }; \
		case $$pkgs in *'matched no packages'*) ;; *) go vet ./...; go test -race ./...; go test -run NotRecording ./... ;; esac; \
		cd $(CURDIR); \
	done

.PHONY: lint
lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Run all linters
	$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) run

$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

# What users import: the root, and the adapters with their frameworks.
.PHONY: vuln
vuln: $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) ## Look for known vulnerabilities in what is called (GOVULNDB names another database)
	@for mod in . $(dir $(filter ./instrumentation/%,$(NESTED))); do \
		out=$$(cd $$mod && $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) -db $(GOVULNDB) ./... 2>&1); code=$$?; \
		case "$$code $$out" in \
		'0 '*) echo "$$mod: no known vulnerability is called";; \
		*'fetching vulnerabilities'*) \
			echo "NOT CHECKED for vulnerabilities: the database $(GOVULNDB) cannot be reached from here" >&2; \
			exit $(if $(VULN_OPTIONAL),0,1);; \
		*) echo "$$mod: $$out" >&2; exit $$code;; \
		esac; \
	done

$(BIN)/govulncheck-$(GOVULNCHECK_VERSION):
	GOBIN=$(BIN) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv $(BIN)/govulncheck $@

.PHONY: bench
bench: ## Run benchmarks (BENCH=regexp PKG=./redact BENCHTIME=2s)
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -cpu 1 $(PKG)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s) each
	@set -e; for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$f"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

.PHONY: tools
tools:
	cd internal/tools && go build -o $(BIN)/ go.opentelemetry.io/collector/cmd/mdatagen go.opentelemetry.io/collector/cmd/builder

.PHONY: generate
generate: tools ## Regenerate component metadata
	PATH="$(BIN):$$PATH" go generate ./...

.PHONY: check
check: generate ## Fail if generated files, formatting or go.mod differ from what is committed, or a vulnerability is known
	go mod tidy
	@# Not the bench: tidy also wants what the tests of its dependencies need, which not every proxy has.
	@set -e; for mod in $(filter-out %/bench/go.mod,$(NESTED)); do (cd $$(dirname $$mod) && go mod tidy); done
	gofmt -l -w $$(git ls-files '*.go')
	@git diff --exit-code -- . || (echo "the tree differs from what the tools produce: commit the changes above" >&2; exit 1)
	@$(MAKE) --no-print-directory vuln VULN_OPTIONAL=1

.PHONY: collector
collector: ## Build otelcol-apispan with OCB (MANIFEST=manifest.yaml)
	CGO_ENABLED=0 go run -trimpath ./internal/demo -build-only -manifest $(MANIFEST)
