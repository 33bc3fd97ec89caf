#!/usr/bin/env bash
# run.sh [OPTIONS] : `drover serve` beside nginx, HAProxy, LiteLLM and Portkey, in one run.
#
# Figures go to bench/results.jsonl as they come, and at the end to bench/RESULTS.md. About eight
# minutes, QUICK=1 about four, apart from the first time, which brings the peers. CHURN_MINUTES=30:
# resident memory under half an hour of connections that come and go, and nothing else. --help for
# options. DROVER=build/release/drover measures the release (`make release`).
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/packages.sh bench
[ -n "${DROVER:-}" ] || [ -x build/drover ] || scripts/build.sh program
scripts/build.sh program bench_gateway_relay
bench/gateway/peers.sh
python3 bench/gateway/gateway.py "$@"
