#!/usr/bin/env bash
# Kills Drover with SIGKILL at random moments while many sessions are at work, and compares every
# journal with what the tools and the clouds saw. SESSIONS and KILLS set the size: `make torture`
# has 200 and 100.
# time limit: 900 s
source "$(dirname "$0")/../lib.sh"
need_node
export WORK DROVER
unset DROVER_URL DROVER_KEY

export CALLS_FILE="$WORK/calls.jsonl"
: >"$CALLS_FILE"
start tools "$NODE" "$ROOT/tests/e2e/mcp/v2-server.mjs" http
TOOLS_URL="$(await 20 '^http://' "$WORK/tools.log")"
export TOOLS_URL SCRIPT="$HERE/script.yaml" SEED="${SEED:-1}"
PYTHONPATH="$ROOT/tests/e2e/safety" timeout 850 python3 "$HERE/torture.py" "${SESSIONS:-60}" "${KILLS:-15}"
