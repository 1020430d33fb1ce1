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
MOD ?= .
PKG ?= ./...

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Build and run the whole path against fake backends (DEMO_SECONDS=20 ends it by itself, DEMO_GUARD=1 adds blocking rules)
	@# Built and executed, not "go run": that would turn a clean Ctrl-C into an error.
	@CGO_ENABLED=0 go build -C test -trimpath -o $(BIN)/demo ./demo
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
	@# What is allocated can only be counted without the race detector.
	go test -run '$(COUNTED)' ./instrumentation/... && go test -C test/frameworks -run '$(COUNTED)' ./...
	go test -C processor/httpredactionprocessor -run '$(COUNTED)' . && go test -C exporter/apianalyticsexporter -run '$(COUNTED)' .
	@$(MAKE) --no-print-directory suite test-modules

.PHONY: suite
suite: ## Run otelhttp's own tests with our constructors, with both kinds of spans
	test/otelhttpsuite/run

COUNTED = NotRecording|Allocations|StreamMemory|HandlerCost

.PHONY: chaos
chaos: ## Prove the delivery contract: kill, fill and cut everything under load (CHAOS="-run kill -kills 100 -seed 42")
	@go build -C test -trimpath -o $(BIN)/chaos ./chaos
	@# value: a $$ in it is the reader's, not make's.
	@exec $(BIN)/chaos $(value CHAOS)

CHDB = @chdb/lib-linux-x64-gnu@26.7.3-stable.1
.PHONY: clickhouse
clickhouse: ## Run schema, queries, inserts and kills with a ClickHouse engine (CHDB_LIB_PATH=libchdb.so, else npm has one; RUN=Queries)
	@lib=$(CURDIR)/.tmp/chdb/package/libchdb.so; if [ -n "$$CHDB_LIB_PATH" ]; then lib=$$CHDB_LIB_PATH; elif [ ! -f "$$lib" ]; then \
		mkdir -p .tmp/chdb && (cd .tmp/chdb && npm pack --silent $(CHDB) >/dev/null && tar xzf *.tgz && rm *.tgz) || \
		{ echo "NOT CHECKED: the engine $(CHDB) cannot be had with npm" >&2; exit 0; }; fi; \
	CHDB_LIB_PATH=$$lib go test -C test/clickhouse -count 1 -timeout 30m -v -run '$(value RUN)' .
RUN ?= .
.PHONY: agents
agents: ## Send what real agents of npm emit (Express, Fastify, Hono) through the real Collector; installs them
	APISPAN_AGENTS=1 go test -C test ./agents -count=1 -v -timeout 40m

# All go.mod below the root, as git knows them: nothing that was built.
NESTED = $(filter-out go.mod,$(shell git ls-files --cached --others --exclude-standard 'go.mod' '*/go.mod' | sort))

.PHONY: test-modules
test-modules: ## Vet and test the modules below the root (components, adapters, end to end, comparisons)
	@set -e; for mod in $(NESTED); do \
		needs=$$(sed -n 's/^go //p' $(CURDIR)/$$mod); has=$$(go env GOVERSION | sed 's/^go//'); \
		if [ "$$(printf '%s\n' "$$needs" "$$has" | sort -V | head -n 1)" != "$$needs" ]; then \
			echo "skip $$mod: it needs Go $$needs"; continue; \
		fi; \
		cd $(CURDIR)/$$(dirname $$mod); pkgs=$$(go list ./... 2>&1) || { echo "$$mod: $$pkgs" >&2; exit 1; }; \
		case $$pkgs in *'matched no packages'*) ;; *) echo "== $$mod"; go vet ./...; \
			race=-race; case $$mod in internal/dist/*) race=;; esac; : compressors, ten times as slow; \
			go test $$race -timeout 30m ./... ;; esac; \
	done

# The newest Collector that the components are known to work with, beside the pinned one:
# versions of its modules before and after 1.0.
NEWEST_BETA ?= v0.164.0
NEWEST_STABLE ?= v1.70.0
COMPONENTS = $(filter confmap/%provider/go.mod processor/%processor/go.mod exporter/%exporter/go.mod extension/%extension/go.mod internal/queueguard/go.mod,$(NESTED))

# The same for what services import: otelhttp, and OpenTelemetry's modules that are 1.0.
NEWEST_OTELHTTP ?= v0.72.0
NEWEST_OTEL ?= v1.47.0
NEWEST_LOG_EXPORTER ?= v0.23.0
NEWEST_OTELSLOG ?= v0.21.0

.PHONY: newest-instrumentation
newest-instrumentation: ## Vet and test the instrumentation with the newest otelhttp and OpenTelemetry (NEWEST_OTELHTTP=v0.72.0 NEWEST_OTEL=v1.47.0)
	@mkdir -p .tmp/newest; to=$(CURDIR)/.tmp/newest/instrumentation; echo "== instrumentation with otelhttp $(NEWEST_OTELHTTP)"; \
	sed -E 's#(/otelhttp) v[0-9.]+#\1 $(NEWEST_OTELHTTP)#; s#(/otlploghttp) v[0-9.]+#\1 $(NEWEST_LOG_EXPORTER)#; s#(/otelslog) v[0-9.]+#\1 $(NEWEST_OTELSLOG)#; s#(go\.opentelemetry\.io/otel(/sdk/metric|/sdk/log|/[a-z]+|/exporters/otlp/otlptrace[^ ]*)?) v[0-9.]+#\1 $(NEWEST_OTEL)#' \
		go.mod > $$to.mod && cp go.sum $$to.sum && \
	$(call IF_LACKING,instrumentation with otelhttp $(NEWEST_OTELHTTP),$$to.mod); else \
	go vet -mod=mod -modfile=$$to.mod $(INSTRUMENTATION) && : budgets of allocations are relative to the pinned otelhttp && \
	go test -mod=mod -modfile=$$to.mod -timeout 30m -skip '^TestAllocations$$' $(INSTRUMENTATION); fi
INSTRUMENTATION = ./instrumentation/...

# A proxy may lack what the newest set needs, or Go may be older: then this part cannot be
# checked, which is said.
# $(1) is what is checked, $(2) the go.mod; to be followed by an else branch and fi.
IF_LACKING = if lack=$$(go list -mod=mod -modfile=$(2) -deps -test ./... 2>&1 >/dev/null | grep -m 1 -E \
	'unknown revision|no matching versions|not found: module|404 Not Found|410 Gone|403 Forbidden|module lookup disabled|requires go >= '); \
	then echo "NOT CHECKED: $(1): what it needs cannot be had: $$lack" >&2

.PHONY: newest
newest: newest-instrumentation ## Vet and test the components with the newest Collector, too (NEWEST_BETA=v0.164.0 NEWEST_STABLE=v1.70.0)
	@mkdir -p .tmp/newest; set -e; for mod in $(COMPONENTS); do \
		dir=$$(dirname $$mod); to=$(CURDIR)/.tmp/newest/$$(basename $$dir); echo "== $$dir with Collector $(NEWEST_BETA)"; \
		sed -E 's#(go\.opentelemetry\.io/collector/[^ ]+) v0\.[0-9.]+#\1 $(NEWEST_BETA)#; s#(go\.opentelemetry\.io/collector/[^ ]+) v1\.[0-9.]+#\1 $(NEWEST_STABLE)#' \
			$$mod > $$to.mod; cp $$dir/go.sum $$to.sum; \
		(cd $$dir; $(call IF_LACKING,$$dir with Collector $(NEWEST_BETA),$$to.mod); else \
			go vet -mod=mod -modfile=$$to.mod ./...; go test -mod=mod -modfile=$$to.mod -timeout 30m ./...; fi); \
	done

.PHONY: lint
lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Run all linters
	@failed=; for mod in go.mod $(NESTED); do \
		case $$mod in internal/tools/*|*/kafkabroker/*) continue;; esac; \
		echo "== $$(dirname $$mod)"; cd $(CURDIR)/$$(dirname $$mod) && \
		$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) run --config $(CURDIR)/.golangci.yml || failed="$$failed $$mod"; \
	done; [ -z "$$failed" ] || { echo "findings in the modules of$$failed" >&2; exit 1; }

$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

# What users fetch.
RELEASED = . $(shell sed -n '/^    modules:/,/^$$/s|.*github.com/apispan/apispan/||p' versions.yaml)

.PHONY: vuln
vuln: $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) ## Look for known vulnerabilities in what is called (GOVULNDB names another database)
	@for mod in $(RELEASED); do \
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
bench: ## Run benchmarks (BENCH=regexp MOD=processor/httpredactionprocessor PKG=./... BENCHTIME=2s)
	cd $(MOD) && go test -run '^$$' -bench '$(value BENCH)' -benchtime $(BENCHTIME) -benchmem -cpu 1 $(PKG)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s) each
	@set -e; for mod in $(RELEASED); do cd $(CURDIR)/$$mod; for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$f"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done; done

.PHONY: tools
tools:
	cd internal/tools && go build -o $(BIN)/ go.opentelemetry.io/collector/cmd/mdatagen go.opentelemetry.io/collector/cmd/builder go.opentelemetry.io/build-tools/multimod

.PHONY: generate
generate: tools ## Regenerate component metadata
	@set -e; for mod in $(RELEASED); do (cd $$mod && PATH="$(BIN):$$PATH" go generate ./...); done

.PHONY: prerelease
prerelease: tools ## Write the version of versions.yaml into every go.mod (committed by multimod) and manifest
	$(BIN)/multimod prerelease --module-set-names apispan --skip-go-mod-tidy --commit-to-different-branch=false
	@# multimod knows go.mod files only; the builder's manifests name our modules, too.
	sed -i -E "s#(gomod: github.com/apispan/apispan[^ ]*) v[^ ]+#\1 $$(sed -n 's/^    version: //p' versions.yaml)#" collectorbuild/*.yaml test/collectorbench/manifest.yaml

.PHONY: versions
versions: tools ## Check that versions.yaml, every go.mod, and the manifests name one version
	@# In a clone, because multimod also reads the go.mod files of what was built here.
	@rm -rf .tmp/versions && git clone -q . .tmp/versions && cd .tmp/versions && { $(BIN)/multimod verify || \
		{ echo 'versions.yaml: list every go.mod of the tree once, under modules or excluded-modules (RELEASE.md)' >&2; exit 1; }; }
	@rm -rf .tmp/versions && mkdir -p .tmp/newest && cp test/go.mod .tmp/newest/versions.mod && cp test/go.sum .tmp/newest/versions.sum
	@# With a go.mod of its own, since a wrong version in one of ours is to be named by the test, not by the go command.
	go test -C test -mod=mod -modfile=$(CURDIR)/.tmp/newest/versions.mod -run 'Versions|Manifest|Archives|Tag' ./e2e
	go test -C test -run FetchBy ./e2e

.PHONY: check
check: generate ## Fail if generated files, formatting or go.mod differ from what is committed, or a vulnerability is known
	go mod tidy
	@# Not the bench: tidy also wants what the tests of its dependencies need, which not every proxy has.
	@set -e; for mod in $(filter-out %/bench/go.mod %/agents/go.mod,$(NESTED)); do (cd $$(dirname $$mod) && go mod tidy); done
	gofmt -l -w $$(git ls-files '*.go')
	@git diff --exit-code -- . || (echo "the tree differs from what the tools produce: commit the changes above" >&2; exit 1)
	@$(MAKE) --no-print-directory vuln VULN_OPTIONAL=1

.PHONY: collector
collector: ## Build otelcol-apispan with OCB (MANIFEST=manifest.yaml)
	CGO_ENABLED=0 go run -C test -trimpath ./demo -build-only -manifest $(MANIFEST)

.PHONY: dist
dist: ## Make the files of a release in dist/: archives, deb, rpm, image, checksums, SBOM (VERSION=v1.2.3 PLATFORMS=linux/amd64,…)
	@go run -C internal/dist . -version '$(VERSION)' $(if $(PLATFORMS),-platforms '$(PLATFORMS)')
