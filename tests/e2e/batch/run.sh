#!/usr/bin/env bash
# Slow sessions whose calls go in batches of a simulated OpenAI: half the price, the ledger equal to
# the cloud's books, kill -9 at any time, and what happens where a batch has no answer.
# time limit: 300 s
source "$(dirname "$0")/../lib.sh"
export WORK DROVER
unset DROVER_URL DROVER_KEY
PYTHONPATH="$ROOT/tests/e2e/safety" timeout 280 python3 "$HERE/batch.py"
