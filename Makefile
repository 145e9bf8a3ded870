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
build: ## build the programs into bin/
	$(GO) build -o bin/ ./cmd/...

.PHONY: images
images: ## container images in bin/images, without Docker or a registry (TAG=dev REGISTRY=host/path GOARCH=arm64)
	GO="$(GO)" tools/image/build.sh controller standin faults

##@ Test
.PHONY: test
test: ## unit tests with the race detector (TESTARGS="-run X -count 1" …)
	$(GO) test -race $(TESTARGS) ./...

.PHONY: contract
contract: ## judge stand-ins of six releases, or MEMGRAPH=/path/to/memgraph, by the thirty behaviours (ARGS="--run 5 --version 3.6.2")
	$(GO) run ./test/contract $(ARGS)

.PHONY: drivers
drivers: $(if $(filter lab,$(WHERE)),lab-images,build) ## the official Go and JavaScript drivers through the gateway while things happen (WHERE=lab, ARGS="--event main-crash --runs 200"; needs npm: 4 minutes)
	@case "$(ARGS) " in *"--driver go "*|*"--driver=go "*) ;; *) test/drivers/js/install.sh ;; esac
	@$(GO) build -o bin/ ./test/drivers
	@bin/drivers --where $(or $(WHERE),sandbox) $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz every parser and the promises, FUZZTIME (20s) each
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; \
	  done; done

.PHONY: fuzz-bolt
fuzz-bolt: ## give the Bolt parsers EXECUTIONS (100000000) mutations of what is really said
	$(GO) test ./internal/bolt -count 1 -timeout 0 -run TestMutations -v -args -executions $(or $(EXECUTIONS),100000000) | grep -v '^=== \|^    --- PASS'

.PHONY: chart
chart: ## the Helm chart: lint, manifests against Kubernetes 1.28 and later, values that are refused, notes, README (the first time 5 minutes)
	cd tools/chart && $(GO) test ./schemas
	$(GO) test -tags chart -count 1 $(TESTARGS) ./test/chart

.PHONY: chart-rewrite
chart-rewrite: ## write down what the chart renders and README's list of values; then read git diff
	$(GO) test -tags chart -count 1 ./test/chart -run 'TestGolden|TestReadme' -rewrite

.PHONY: alerts
alerts: ## the chart's alerts: when they fire and when they keep silent, by promtool (installs Debian's prometheus if missing, as root)
	@command -v promtool >/dev/null || tools/apt.sh prometheus
	promtool check rules charts/memgraph-ha/rules/alerts.yaml
	promtool test rules tools/alerts/tests.yaml

.PHONY: dashboard
dashboard: ## the dashboard in a browser while the sandbox fails over; pictures in bin/dashboard (installs Debian's chromium if missing, as root)
	@command -v $${CHROMIUM:-chromium} >/dev/null || tools/apt.sh chromium
	$(GO) test -tags browser -count 1 -v $(TESTARGS) ./test/browser

.PHONY: board
board: ## ask a real Prometheus all that Grafana's board asks, of a sandbox that fails over; picture in bin/board (2 minutes; installs Debian's prometheus and chromium if missing, as root)
	@command -v $${PROMETHEUS:-prometheus} >/dev/null && command -v $${CHROMIUM:-chromium} >/dev/null || tools/apt.sh prometheus chromium fonts-dejavu-core
	$(GO) test -tags board -count 1 -v $(TESTARGS) ./test/board

.PHONY: scenarios
scenarios: ## write down what the core decides now; then read git diff: a changed decision is a changed promise
	$(GO) test ./internal/cluster -run TestScenarios -rewrite

##@ Real Kubernetes
.PHONY: lab-up
lab-up: ## a real Kubernetes on this machine, for tests (Linux, root; the first time 10 minutes; NODES=3); then: bin/lab --help
	$(GO) build -o bin/ ./test/lab/cmd/lab
	bin/lab up $(if $(NODES),--nodes $(NODES))

.PHONY: lab-install
lab-install: ## install the chart there with images built here, or on the cluster of KUBECONFIG (ARGS="--set …")
	tools/kubernetes/install.sh $(ARGS)

.PHONY: lab-images
lab-images: lab-up # images of this checkout, on every node
	tools/image/build.sh controller faults standin
	bin/lab load bin/images/memgraph-controller.tar bin/images/memgraph-controller-faults.tar bin/images/memgraph-standin.tar

.PHONY: lab-smoke
lab-smoke: ## test the lab itself, fault by fault (2 minutes)
	$(GO) build -o bin/ ./test/lab/cmd/lab
	bin/lab smoke

.PHONY: lab-down
lab-down: ## remove the lab and all it left
	$(GO) build -o bin/ ./test/lab/cmd/lab
	bin/lab down

.PHONY: e2e
e2e: $(if $(E2E_KUBECONFIG),,lab-images) ## break the chart on the lab under writes, a test a risk (RUN=pattern; E2E_KUBECONFIG=file: on that cluster)
	@$(GO) build -o bin/ ./test/e2e/cmd/tally ./cmd/kubectl-memgraph
	@$(GO) test -tags e2e -json -count 1 -timeout 80m -run '$(or $(RUN),.)' ./test/e2e | bin/tally -failed bin/e2e-failed

.PHONY: faults
faults: lab-images ## the fault matrix on the lab, and the judgement of every write (RUNS=1 FAULTS="kill delete" LOADS="idle write" HOURS=2)
	@$(GO) build -o bin/fault-matrix ./test/e2e/cmd/faults
	@bin/fault-matrix --runs $(or $(RUNS),1) --hours $(or $(HOURS),0) --loads "$(LOADS)" $(FAULTS)

.PHONY: sim
sim: ## play seeded faults against the real loop in virtual time, and check P1 to P9 (SEEDS=1000 FROM=1; SCENARIO=file or seed: what happens in one)
	@$(GO) test -c -o bin/sim ./test/sim
	@bin/sim $(if $(SCENARIO),-test.run '^TestScenario$$$$' -sim.scenario $(SCENARIO),-sim.seeds $(or $(SEEDS),1000) -sim.from $(or $(FROM),1))

.PHONY: sim-mutants
sim-mutants: ## break the rules one at a time: the simulation must find each (SEEDS=5000 ONLY=name; 4 minutes)
	@$(GO) build -o bin/mutants ./test/sim/cmd/mutants
	@bin/mutants -seeds $(or $(SEEDS),5000) -only '$(ONLY)'

##@ Measure
.PHONY: bench-failover
bench-failover: build ## one JSON line a fault: how fast writes resume, and that none is lost (RUNS=50 LEADER_RUNS=5: 10 minutes)
	@for fault in crash pause leader leader+main; do \
	  runs=$(or $(RUNS),50); case $$fault in leader*) runs=$(or $(LEADER_RUNS),5);; esac; \
	  bin/sandbox bench failover --fault $$fault --runs $$runs || exit 1; done

.PHONY: bench-idle
bench-idle: build ## one JSON line: CPU of three quiet controllers
	@bin/sandbox bench idle

.PHONY: bench-gateway
bench-gateway: ## one JSON line a figure: latency, connections, throughput and memory of the gateway beside HAProxy and beside no proxy (ROUNDS=40 ARGS="--only latency"; 7 minutes)
	@command -v haproxy >/dev/null || tools/apt.sh haproxy
	@$(GO) build -o bin/gatewaybench ./test/gatewaybench
	@bin/gatewaybench --rounds $(or $(ROUNDS),40) $(ARGS)

.PHONY: bench-kubernetes
bench-kubernetes: lab-images ## one JSON line a fault on the lab, beside a Memgraph that only Kubernetes looks after (RUNS=10 FAULTS="kill delete")
	@$(GO) build -o bin/kubernetes-bench ./test/e2e/cmd/bench
	@bin/kubernetes-bench --runs $(or $(RUNS),10) $(FAULTS)

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
