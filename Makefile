# make prints this help; see CONTRIBUTING.md for what to run when.
.DEFAULT_GOAL := help
GO ?= go
# Tools live in a module of their own, so that they cost a newcomer nothing.
TOOL := $(GO) tool -modfile=tools/go.mod

##@ Use
.PHONY: sandbox
sandbox: build ## start a cluster on this machine: drivers use bolt://localhost:7687 (ARGS="--plain", …)
	bin/sandbox $(ARGS)

.PHONY: build
build: ## build bin/sandbox and bin/memgraph-standin
	$(GO) build -o bin/ ./cmd/...

##@ Test
.PHONY: test
test: ## unit tests with the race detector (TESTARGS="-run X -count 1" …)
	$(GO) test -race $(TESTARGS) ./...

.PHONY: contract
contract: ## judge stand-ins of six releases, or MEMGRAPH=/path/to/memgraph, by the thirty behaviours (ARGS="--run 5 --version 3.6.2")
	$(GO) run ./test/contract $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz every parser and the promises, FUZZTIME (20s) each
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; \
	  done; done

.PHONY: scenarios
scenarios: ## write down what the core decides now; then read git diff: a changed decision is a changed promise
	$(GO) test ./internal/cluster -run TestScenarios -rewrite

##@ Measure
.PHONY: bench-failover
bench-failover: build ## one JSON line a fault: how fast writes resume, and that none is lost (RUNS=50 LEADER_RUNS=5: 10 minutes)
	@for fault in crash pause leader leader+main; do \
	  runs=$(or $(RUNS),50); case $$fault in leader*) runs=$(or $(LEADER_RUNS),5);; esac; \
	  bin/sandbox bench failover --fault $$fault --runs $$runs || exit 1; done

.PHONY: bench-idle
bench-idle: build ## one JSON line: CPU of three quiet controllers
	@bin/sandbox bench idle

##@ Check
.PHONY: check
check: test lint vuln ## test, lint and known vulnerabilities: what a change must pass

.PHONY: lint
lint: ## static checks of .golangci.yml, and a tidy go.mod
	$(GO) mod tidy -diff
	$(TOOL) golangci-lint run ./...

.PHONY: vuln
vuln: ## known vulnerabilities in what we call; needs https://vuln.go.dev
	@tools/vuln.sh "$(GO)"

.PHONY: help
help: ## show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
