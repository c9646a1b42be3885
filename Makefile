# Strata: every command works on a fresh Debian machine that has Rust and Node.

CARGO ?= cargo
# The demo, the tests and the end-to-end tests share the dev profile: all is compiled once.
DEV := --workspace --locked

.DEFAULT_GOAL := help
# Cargo uses every core by itself, and setup comes before all else.
.NOTPARALLEL:
.PHONY: help setup setup-build build demo demo-load test test-rust test-page test-stores soak report lint fuzz fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the tests and the demo need, when it is missing
	@scripts/setup.sh

setup-build:
	@scripts/setup.sh build

build: setup-build ## Build the release binary, target/release/strata
	$(CARGO) build --release --locked --package strata

demo: setup ## Play the sample title through every tier, on this machine (DEMO_ARGS=--help)
	npm --prefix demo/page run --silent build
	$(CARGO) build $(DEV) --bins
	@exec target/debug/strata-demo $(DEMO_ARGS)

demo-load: setup-build ## Let viewers into the demo that runs, and report how its nodes fare (LOAD_ARGS=--help)
	$(CARGO) build $(DEV) --bins
	target/debug/strata loadtest audience http://127.0.0.1:8080 --catalogue sample/title --viewers 120 --for 60s --check \
	  --node balancer=127.0.0.1:9080 --node a1@a=127.0.0.1:9081 --node a2@a=127.0.0.1:9082 \
	  --node b1@b=127.0.0.1:9083 --node b2@b=127.0.0.1:9084 --out target/load $(LOAD_ARGS)

test: setup lint test-rust test-page ## Run every check: format, lints, tests, the players in a browser

test-rust: setup-build
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  set -ex; $(CARGO) nextest run $(DEV); $(CARGO) test $(DEV) --doc; \
	else \
	  set -ex; $(CARGO) test $(DEV); \
	fi

# With the tests, as they have just been built: without them features differ and crates are compiled again.
test-page: setup
	$(CARGO) build $(DEV) --bins --tests
	npm --prefix demo/page test

test-stores: setup-build ## Run the store's tests against Garage, installed on the first run (or STRATA_STORE_ENDPOINT's server)
	@scripts/test-stores.sh

soak: setup-build ## Load an origin for a quarter of an hour (STRATA_SOAK_SECONDS=900) and watch its memory
	$(CARGO) test --locked --package strata --test end_to_end -- --ignored --nocapture soak

report: setup-build ## Write what a viewer costs at the store to target/store-report.md
	STRATA_STORE_REPORT=$(CURDIR)/target/store-report.md $(CARGO) test --locked --package strata-origin --test origin watches_on
	@cat target/store-report.md

lint: setup-build ## Check format, lints and (with cargo-deny) licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(DEV) --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; fi

TARGET ?= mp4
FUZZ_SECONDS ?= 600

# What is found goes below target/; what is worth keeping is moved to fuzz/corpus by hand.
fuzz: ## Fuzz a reader for ten minutes (TARGET=mp4 FUZZ_SECONDS=600); needs cargo-fuzz
	mkdir -p target/fuzz/$(TARGET)
	RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $(TARGET) target/fuzz/$(TARGET) fuzz/corpus/$(TARGET) -- \
	  -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=20

fmt: ## Format the code
	$(CARGO) fmt --all
