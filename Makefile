# The targets that people and CI use; `make` alone lists them.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PACKAGES ?= ./...
FUZZTIME ?= 60s
N        ?= 10000
SEED     ?= 1

# One setting for building, testing and linting, so that they share what is compiled. The version is linked in, so
# that an archive without .git builds, too.
export CGO_ENABLED := 0
export GOFLAGS     := $(strip $(GOFLAGS) -trimpath -buildvcs=false)

BUILD := go build -ldflags '-s -w -X main.version=$(VERSION)'
LINT  := go tool -modfile=hack/tools/go.mod golangci-lint

.PHONY: help setup build programs demo lab test lint fmt simulate fuzz golden image check clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install from the system what is missing; the other targets do it themselves
	@hack/setup.sh

build: setup programs ## Build cutover and secret-sync into bin/

# What build does once Go is there; the image is built by it.
programs:
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/cutover ./cmd/secret-sync

demo: build ## Show the program at work on real servers; ARGS=--exit ends by itself
	bin/cutover demo $(ARGS)

lab: build ## Start the lab's servers and keep them until Ctrl-C
	bin/cutover lab $(ARGS)

test: build ## Run vet and all tests against one lab; PACKAGES=./gitops/... TESTFLAGS='-run Name'
	go vet $(PACKAGES)
	bin/cutover lab exec -- go test -timeout 30m $(TESTFLAGS) $(PACKAGES)

lint: ## Run golangci-lint, built from hack/tools
	$(LINT) run $(PACKAGES)

fmt: ## Format the code
	$(LINT) fmt

simulate: ## Run N seeded random migrations from SEED on: faults, crashes, people; judged after every change
	go run ./cmd/internal/sim -n $(N) -seed $(SEED)

fuzz: ## Run every fuzz target for FUZZTIME each
	hack/fuzz.sh $(FUZZTIME)

golden: ## Rewrite the golden files; read the difference before you commit it
	go test $$(hack/golden-packages.sh) -update

image: ## Build the container image with docker, podman or buildah
	hack/image.sh $(VERSION)

check: ## Run what CI runs
	hack/check.sh

clean: ## Remove what was built here; the caches outside the repository stay
	rm -rf bin
