#!/usr/bin/env bash
# run.sh [OPTIONS] : `drover wall` against Drover, LiteLLM's proxy and the Portkey gateway.
#
# Figures go to bench/results.jsonl, the scorecards side by side to bench/RESULTS.md. About five
# minutes, most of them the peers' own waits; --help for options.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
[ -x build/drover ] || scripts/build.sh program
bench/gateway/peers.sh
python3 bench/wall/wall.py "$@"
