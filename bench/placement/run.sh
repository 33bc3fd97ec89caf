#!/usr/bin/env bash
# run.sh : how long placement takes among 1,000 endpoints with 200 rules.
#
# Figures go to bench/results.jsonl and bench/RESULTS.md.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/build.sh program bench_placement
python3 bench/placement/placement.py
python3 bench/report.py
