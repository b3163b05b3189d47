# make            what there is
# make test       what has to pass

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# Pinned, so that a new release of the tool breaks nobody's day.
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

FUZZTIME ?= 30s
BENCH ?= .
BENCHFLAGS ?=
COUNT ?= 1
CHAOS ?= 10m
SEED ?= 0

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile everything; the programs go to bin/
	go build -o bin/ ./...

.PHONY: test
test: ## vet and test everything, with the race detector
	go vet ./...
	go test -race -shuffle=on -timeout 20m ./...

.PHONY: chaos
chaos: ## hurt processes, links and the broker for CHAOS (10m), check the promises and print the figures; SEED replays
	go test -run '^TestChaos$$' -v -count 1 -timeout 0 ./integration/chaos -chaos $(CHAOS) -seed $(SEED)

.PHONY: mutants
mutants: ## break the promises one after the other, each of which a test has to notice
	go run ./integration/chaos/cmd/mutants

.PHONY: demo
demo: ## count Go's own source on several workers, kill one, compare with find and wc
	go run ./examples/codestats -check -kill

.PHONY: lint
lint: ## run the static checks of .golangci.yml
	$(GOLANGCI_LINT) run ./...

.PHONY: fmt
fmt: ## format the code as "make lint" wants it
	$(GOLANGCI_LINT) fmt

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (30s)
	@grep -rHo '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' . | sed 's|/[^/]*:func | |' | sort -u | \
	while read -r dir target; do \
		echo "$$dir $$target"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$dir"; \
	done

.PHONY: bench
bench: ## measure awaits against hand-written NATS; BENCHFLAGS="-run await -pairs 3" chooses
	go run ./integration/bench $(BENCHFLAGS)

.PHONY: benchdoc
benchdoc: ## measure everything and put the figures into docs/benchmarks.md
	go run ./integration/bench -all -update docs/benchmarks.md $(BENCHFLAGS)

.PHONY: microbench
microbench: ## run the packages' benchmarks BENCH (all), COUNT times (1)
	@grep -rl '^func Benchmark' --include='*_test.go' . | xargs -n 1 dirname | sort -u | \
	xargs go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 60m

.PHONY: cover
cover: ## measure how much of the code the tests reach; the details go to coverage.out
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -n 1

.PHONY: clean
clean: ## remove what these targets leave behind
	rm -rf bin coverage.out
