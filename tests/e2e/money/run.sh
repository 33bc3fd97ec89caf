#!/usr/bin/env bash
# Calls with faults, with clients that leave and with kill -9, against simulated clouds whose own books
# the ledger must equal: to the token where usage arrived, by an import of the bill elsewhere. Short
# here; `make soak` runs it for ten minutes (DURATION=600) and looks at memory, too.
# time limit: 300 s
source "$(dirname "$0")/../lib.sh"
export WORK DROVER
unset DROVER_URL DROVER_KEY AWS_PROFILE AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK
PYTHONPATH="$ROOT/tests/e2e/safety" timeout 280 python3 "$HERE/money.py" --seconds "${SECONDS_OF_LOAD:-20}" --kills "${KILLS:-3}"
