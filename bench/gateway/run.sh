#!/usr/bin/env bash
# run.sh [OPTIONS] : `drover serve` beside nginx, HAProxy, LiteLLM and Portkey, in one run.
#
# Figures go to bench/results.jsonl and bench/RESULTS.md. About eight minutes, QUICK=1 about one and
# a half, apart from the first time, which brings the peers; --help for options.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/packages.sh bench
[ -x build/drover ] || scripts/build.sh program
bench/gateway/peers.sh
python3 bench/gateway/gateway.py "$@"
