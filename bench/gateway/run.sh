#!/usr/bin/env bash
# run.sh [OPTIONS] : `drover serve` beside nginx, both in front of the same upstream, in one run.
#
# Figures go to bench/results.jsonl and bench/RESULTS.md. About a minute and a half; --help for options.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/packages.sh bench
[ -x build/drover ] || scripts/build.sh program
python3 bench/gateway/gateway.py "$@"
