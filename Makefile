# Ambit. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := build

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/ambithost/ambit/host/cli.version=$(VERSION)

# Tools are built through the module proxy into a folder named by version, so
# that a new pin is a new build and go.mod stays free of them.
TOOLS    := $(CURDIR)/bin/tools
BUF      := $(TOOLS)/buf-v1.75.0/buf
LINT     := $(TOOLS)/golangci-lint-v2.15.0/golangci-lint
GEN_GO   := $(TOOLS)/protoc-gen-go-v1.36.12/protoc-gen-go
GEN_GRPC := $(TOOLS)/protoc-gen-go-grpc-v1.6.2/protoc-gen-go-grpc

$(BUF):      PKG := github.com/bufbuild/buf/cmd/buf@v1.75.0
$(LINT):     PKG := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
$(GEN_GO):   PKG := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
$(GEN_GRPC): PKG := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

.PHONY: build
build: plugins ## build bin/ambit, with the first-party plugins inside (default)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ambit .

.PHONY: plugins
plugins: ## build the first-party plugins from source into plugins/dist
	go run ./plugins/build

.PHONY: demo
demo: build ## an agent at work under the gate: no key, no network, about a minute
	bin/ambit demo

.PHONY: test
test: plugins ## run every test
	go test -timeout 20m ./...

.PHONY: bench
bench: plugins ## run the benchmarks and print them beside the aims (about four minutes)
	@set -o pipefail; go test -run '^$$' -bench . . ./host/... | go run ./host/bench

.PHONY: crash
crash: plugins ## 300 rounds of SIGKILL, twice: on tools, and on Telegram and a social network (about 20 minutes)
	AMBIT_CRASH_ROUNDS=300 AMBIT_WORLD_ROUNDS=300 go test -count=1 -timeout 60m -run 'TestCrash$$|TestCrashInTheWorld' -v .

.PHONY: check
check: fmt-check tidy-check vet lint generate-check cross policy-test test-race ## all that a change must pass

.PHONY: fmt
fmt: ## format the Go files
	gofmt -s -w .

.PHONY: fmt-check
fmt-check: ## fail when a Go file is not formatted
	@out=$$(gofmt -s -l .); \
	if [ -n "$$out" ]; then echo "not formatted, run make fmt:"; echo "$$out"; exit 1; fi

.PHONY: tidy-check
tidy-check: ## fail when go.mod or go.sum is not as go mod tidy leaves it
	go mod tidy -diff

.PHONY: vet
vet: plugins ## go vet
	go vet ./...

.PHONY: lint
lint: plugins $(LINT) ## golangci-lint, rules in .golangci.yml
	$(LINT) run ./...

.PHONY: policy-test
policy-test: ## the policies alone: Rego tests and the comparison with plain Go
	go test ./policies/... ./host/policy/...

# What runs in a host. The tests at the root and of the plugins use their own
# executable as the cell, which with the detector inside outgrows a cell's limits.
# The hostile corpus waits for cells to be held or killed: `make test` has it, and
# how a host kills is in the tests of host/cell. What has no goroutine of its own, and
# the command line, are left out, as are two tests that compare policies with plain
# Go and one that flips every byte of a log: they compute.
RACE := ./host/... ./sdk/... ./registry/...
LONG   := TestOPAAgreesWithPlainGo|TestLibraryScopeAgreesWithCovers|TestEveryFlippedByteIsFound
SINGLE := /host/cell/hostile$$|/sdk/plugintest$$|/host/provenance$$|/host/cli$$|/host/cli/|/host/demo$$|/sdk/manifest$$|/sdk/capability$$|/sdk/model$$

.PHONY: test-race
test-race: plugins ## the host's own code under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -vet=off -timeout 15m -skip '$(LONG)' $$(go list $(RACE) | grep -vE '$(SINGLE)')

.PHONY: generate
generate: $(BUF) $(GEN_GO) $(GEN_GRPC) ## regenerate sdk/protocol/cellpb from cell.proto
	cd sdk/protocol && PATH="$(dir $(GEN_GO)):$(dir $(GEN_GRPC)):$$PATH" $(BUF) lint
	cd sdk/protocol && PATH="$(dir $(GEN_GO)):$(dir $(GEN_GRPC)):$$PATH" $(BUF) generate

.PHONY: generate-check
generate-check: generate ## fail when the committed generated code is stale
	git diff --exit-code -- sdk/protocol/cellpb

.PHONY: cross
cross: plugins ## compile for every other supported system (go build would link each command too)
	CGO_ENABLED=0 GOOS=darwin  GOARCH=arm64 go list -export ./... >/dev/null
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go list -export ./... >/dev/null

.PHONY: tools
tools: $(BUF) $(LINT) $(GEN_GO) $(GEN_GRPC) ## build the pinned tools into bin/tools

$(BUF) $(LINT) $(GEN_GO) $(GEN_GRPC):
	GOBIN=$(@D) GOFLAGS= go install $(PKG)

# The Matrix home server that plugins/channels/matrix is tested with; not part of
# tools, for it takes minutes. Its SQLite needs a C compiler.
.PHONY: dendrite
dendrite: ## build a Matrix home server into bin/tools
	GOBIN=$(TOOLS) GOFLAGS= CGO_ENABLED=1 go install github.com/matrix-org/dendrite/cmd/dendrite@v0.13.8

AIMOCK := $(TOOLS)/aimock-1.43.0

.PHONY: aimock
aimock: $(AIMOCK)/node_modules/.bin/llmock ## install a fake of model providers for the tests (needs npm)

$(AIMOCK)/node_modules/.bin/llmock:
	npm install --prefix $(AIMOCK) --no-audit --no-fund --no-save --ignore-scripts @copilotkit/aimock@1.43.0

.PHONY: clean
clean: ## remove what was built
	rm -rf bin && find plugins/dist -type f ! -name .keep -delete

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
