# Drover's commands. `make help` lists them; each is one script under scripts/.
# Every target works from a fresh Debian 12 clone and says what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The targets share folders under build/, so they never run beside each other.
.NOTPARALLEL:

.PHONY: help run build test test-unit test-e2e test-engine test-opa engine cedar asan tsan gcc fuzz world world-planted torture soak lint format \
        bench-gateway bench-durable bench-parked bench-placement release package fresh clean distclean

help:           ## this list
	@scripts/help.sh

run: build      ## build, then run the main job: a day on three simulated clouds
	@build/drover demo

build:          ## build the program: build/drover
	@scripts/build.sh program

test:           ## everything that must be green: build, unit, checks, sanitizers, fuzz, e2e
	@scripts/test.sh

test-unit:      ## only the unit tests (LAYER=http for one folder, FILTER='Json*' for some tests)
	@scripts/test.sh unit

test-e2e:       ## only the end-to-end suites (SUITE=name for one)
	@scripts/test.sh e2e

test-engine:    ## sessions on a real model: llama.cpp with a small model from PyPI
	@scripts/test.sh engine

test-opa:       ## the policy suite with a real OPA, built from its Go module where Go is
	@scripts/test.sh opa

engine:         ## a small real model in build/engine: drover demo --engine local
	@scripts/engine.sh

cedar:          ## the Cedar policy engine (Rust, from crates.io): the next build has it
	@scripts/packages.sh cedar
	@scripts/cedar.sh build >/dev/null

asan:           ## unit tests under AddressSanitizer and UBSan
	@scripts/test.sh asan

tsan:           ## unit tests under ThreadSanitizer
	@scripts/test.sh tsan

gcc:            ## build and unit tests with g++ 12
	@scripts/test.sh gcc

fuzz:           ## fuzz for long (SECONDS_EACH=600, TARGET=json for one target)
	@scripts/test.sh fuzz

world:          ## the runtime simulated from seeds (SEEDS=10000, JOBS=2, FIRST=1)
	@scripts/test.sh world

world-planted:  ## each bug planted in the simulation must be found within 1,000 seeds
	@scripts/test.sh world-planted

torture:        ## SIGKILL at 100 random moments of 200 sessions at work; journals against books
	@scripts/build.sh program
	@SESSIONS=$${SESSIONS:-200} KILLS=$${KILLS:-100} tests/e2e/torture/run.sh

soak:           ## ten minutes of calls with faults: ledger against the clouds' books, flat memory (DURATION=60)
	@scripts/build.sh program
	@DURATION=$${DURATION:-600} tests/e2e/money/soak.sh

lint:           ## layers, coroutine rules, routes in the contract, formatting, shell syntax
	@scripts/test.sh lint

format:         ## rewrite the C++ sources with clang-format
	@scripts/format.sh

bench-gateway:  ## the gateway beside nginx, HAProxy and other gateways: CPU, requests a second, latency, memory (QUICK=1)
	@scripts/build.sh program
	@bench/gateway/run.sh

bench-durable:  ## durable sessions beside Restate and LangGraph: steps a second, latency, CPU, syncs
	@bench/durable/run.sh

bench-parked:  ## a million parked sessions: memory, size, start and wake times
	@bench/parked/run.sh

bench-placement: ## placement among 1,000 endpoints with 200 rules: microseconds a call
	@bench/placement/run.sh

release:        ## the program optimised by a trial run's counts: build/release/drover (PROFILE=FILE for kept ones)
	@scripts/release.sh

package:        ## a Debian package of the release with a systemd unit: build/*.deb
	@scripts/package.sh

fresh:          ## prove `make run` and `make test` on a new Debian 12 (as root, takes long)
	@scripts/fresh.sh

clean:          ## remove what was built; what was downloaded stays
	@scripts/clean.sh

distclean:      ## remove the whole of build/
	@rm -rf build
