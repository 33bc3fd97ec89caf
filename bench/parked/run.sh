#!/usr/bin/env bash
# run.sh [COUNT] : a store with a million parked sessions: its memory, size, start and wake times.
#
# Figures go to bench/results.jsonl and bench/RESULTS.md. Needs about 2 GB of disk and some minutes.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/build.sh program drover bench_parked
python3 bench/parked/parked.py "$@"
python3 bench/report.py
