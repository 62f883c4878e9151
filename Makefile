SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Processor of the functions: arm64 or amd64 (x86_64 is understood).
ARCH ?= arm64
FUZZTIME ?= 5s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

FUNCTIONS := $(patsubst functions/%/bootstrap,%,$(wildcard functions/*/bootstrap))
SOURCES := $(wildcard functions shared)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '!seen[$$1]++ && /^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## everything on one localhost port, with simulated processors
	go run ./functions/local

# ---- build ------------------------------------------------------------------

.PHONY: build
build: $(FUNCTIONS:%=build/%/bootstrap) ## build/{function}/bootstrap for Lambda

define compile
CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH:x86_64=amd64) go build -trimpath -tags lambda.norpc -ldflags "-s -w" -o $(1) ./functions/$(2)/bootstrap
endef

# go build knows by itself what is up to date.
.PHONY: FORCE
build/%/bootstrap: FORCE
	$(call compile,$@,$*)

# sam build asks for build-{logical id}: PayFunction is functions/pay.
build-%Function: FORCE
	$(call compile,"$(ARTIFACTS_DIR)/bootstrap",$(shell echo $* | tr A-Z a-z))

# ---- test -------------------------------------------------------------------

.PHONY: test
test: lint units fuzzing node ## everything that CI runs

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, cfn-lint
	@loose=$$(gofmt -l $(SOURCES)); test -z "$$loose" || { echo "not formatted, run make fmt:"; echo "$$loose"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	@if command -v cfn-lint > /dev/null; then echo cfn-lint template.yaml; cfn-lint template.yaml; \
	else echo "cfn-lint is not installed: only our own tests read template.yaml"; fi

# Packages and the share of their statements, in percent, that their own tests must reach.
GATES := shared/payment=95 shared/cashier=90 shared/provider/[a-z0-9]+=90

.PHONY: units
units:
	@mkdir -p build
	@set -o pipefail; go test -race -shuffle=on -cover $$(go list ./... | grep -v /cashier/sim) | tee build/units.log
	go test -shuffle=on $(SIM) # one goroutine at a time, by its own scheduler: the race detector has nothing to find
	@awk -v gates='$(GATES)' "$$GATEKEEPER" build/units.log

# Reads go test -cover. A gate that meets no package is shut, too.
define GATEKEEPER
BEGIN { n = split(gates, gate, " ") }
/coverage: [0-9.]+% of statements/ && !/providertest/ {
	match($$0, /overseaspay\/[^ \t]+/); package = substr($$0, RSTART + 12, RLENGTH - 12)
	match($$0, /[0-9.]+%/); percent = substr($$0, RSTART, RLENGTH - 1)
	for (i = 1; i <= n; i++) {
		split(gate[i], part, "=")
		if (package !~ "^" part[1] "$$") continue
		met[i] = 1
		if (percent + 0 < part[2] + 0) { print "coverage of " package " is " percent "%, less than " part[2] "%"; shut = 1 }
	}
}
END {
	for (i = 1; i <= n; i++) if (!met[i]) { print "coverage of " gate[i] ": no such package was tested"; shut = 1 }
	exit shut
}
endef
export GATEKEEPER

# Go fuzzes one target at a time.
.PHONY: fuzzing
fuzzing:
	@set -e; grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' $(SOURCES) | sed -E 's|/[^/]*:func | |' | \
	while read -r folder name; do \
		echo "$$name in $$folder for $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$folder" < /dev/null; \
	done

# Node runs the DynamoDB emulator of the store's tests, and the tests written in JavaScript.
.PHONY: node
node:
	@if ! command -v npx > /dev/null; then \
		echo "!!! Node.js with npx is missing: the DynamoDB store and all JavaScript WENT UNTESTED !!!"; test "$(CI)" != true; \
	else \
		find $(SOURCES) -name node_modules -prune -o -name '*.test.*js' -print0 | xargs -0 -r node --test; \
	fi

# ---- reliability ------------------------------------------------------------

SIM := ./shared/cashier/sim
# One of them: SEEDS random worlds of WORLD orders each, ORDERS in as many worlds as it takes, or the replay of one SEED.
SEEDS ?= 10000
WORLD ?= 10
ORDERS ?= 0
SEED ?=
FIRST ?= 1

MUTATIONS ?= 100000

.PHONY: sim
ifdef SEED
sim: ## simulated worlds: SEEDS=10000, ORDERS=1000000, or SEED=1565 with its log
	go test $(SIM) -count=1 -v -run '^TestR2RandomSeeds$$' -seed=$(SEED) -world=$(WORLD)
else
sim: ## simulated worlds: SEEDS=10000, ORDERS=1000000, or SEED=1565 with its log
	@mkdir -p build && rm -f build/sim.log
	$(call long,MUTATIONS=$(MUTATIONS) go test ./shared/provider/... -count=1 -v -timeout=0 -run '//MutatedNotice|/MutatedNotice|R15')
	$(call long,go test $(SIM) -count=1 -v -timeout=0 -run '^TestR(1Matrix|3SameSeedSameLog)$$' -every=1)
	$(call long,GOGC=800 go test $(SIM) -count=1 -v -timeout=0 -run '^TestR2RandomSeeds$$' -seeds=$(SEEDS) -orders=$(ORDERS) -first=$(FIRST) -world=$(WORLD))
	@awk -v mutations=$(MUTATIONS) "$$FIGURES" build/sim.log
endif

# Shows what went wrong and how far it is, and keeps all of it.
define long
@echo "$(1)" && set -o pipefail && $(1) 2>&1 | tee -a build/sim.log | awk '!/^ *(=== |--- PASS|PASS|ok )|[[]rapid[]]|no test files/ { print; fflush() }'
endef

# One line for each figure, from what the tests said.
define FIGURES
/--- PASS: .*\/MutatedNotice\/(payment|refund)/ { sub(/^[^\/]*\//, "", $$3); sub(/\/?MutatedNotice\//, " ", $$3); notices = notices ", " $$3 }
/^ok .*\/provider\// { if (notices) said[++n] = "R13: " $$2 ": " mutations " mutations of each notice, 0 believed:" substr(notices, 2); notices = "" }
/--- PASS: TestR15/ { rotations++ }
match($$0, /R[0-9]+: .*/) && !/so far/ && !/VIOLATION/ { said[++n] = substr($$0, RSTART) }
END {
	for (i = 1; i <= n; i++) print said[i]
	if (rotations) print "R15: " rotations " rotations of keys passed"
}
endef
export FIGURES

.PHONY: figure
figure: ## the tests of one figure of README's reliability table: R=6
	@set -o pipefail; go test ./shared/... ./functions/... -count=1 -v -run '^TestR$(R)[^0-9]' | \
	awk '/^(--- |FAIL|panic)| R[0-9]+: / || /^ok/ && !/no tests to run/'

.PHONY: mutants
mutants: ## plant each known bug in a copy and see the tests fail
	go run $(SIM)/mutants

.PHONY: fmt
fmt: ## gofmt in place
	gofmt -w $(SOURCES)

.PHONY: fuzz
fuzz: FUZZTIME := 1m
fuzz: fuzzing ## every fuzz target for FUZZTIME=1m

.PHONY: bench
bench: ## benchmarks, with each one's time as a multiple of the first in its group
	go test -run '^$$' -bench . -benchmem ./... | awk '/^Benchmark/ {split($$1, name, "/"); \
		if (name[1] != group) {group = name[1]; first = $$3}; printf "%s\t%.2fx\n", $$0, $$3 / first; next} !/no test files/'

.PHONY: clean
clean: ## what was built; .local, the data of make run, stays
	rm -rf build .aws-sam
