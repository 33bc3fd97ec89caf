#!/usr/bin/env bash
# The long form of run.sh: DURATION seconds (600) without kills, so that one process's memory can be
# watched, then a short one with them.
source "$(dirname "$0")/../lib.sh"
export WORK DROVER PYTHONPATH="$ROOT/tests/e2e/safety"
unset DROVER_URL DROVER_KEY AWS_PROFILE AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK
DURATION="${DURATION:-600}"
timeout "$((DURATION * 2 + 300))" python3 "$HERE/money.py" --seconds "$DURATION" --kills 0 --memory --seed "${SEED:-1}"
rm -rf "$WORK"/*
timeout 300 python3 "$HERE/money.py" --seconds "$((DURATION < 60 ? DURATION : 60))" --kills 6 --seed "$((${SEED:-1} + 1))"
