#!/usr/bin/env bash
# run.sh [OPTIONS] : the durable three-step workflow on Drover, Restate and LangGraph, in one run.
#
# Figures go to bench/results.jsonl and bench/RESULTS.md. About five minutes; --help for options.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/packages.sh bench
[ -x build/drover ] || scripts/build.sh program
scripts/build.sh program bench_durable_client bench_durable_bare bench_durable_sync
bench/durable/peers.sh
source scripts/testenv.sh
exec /usr/bin/python3 bench/durable/durable.py "$@"
