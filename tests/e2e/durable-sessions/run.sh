#!/usr/bin/env bash
# Sessions that wait, spawn and ask for budget, steered from outside: approvals, signals,
# extensions, budgets, kills, moves, over the API and by command.
source "$(dirname "$0")/../lib.sh"
need_python
export WORK DROVER
unset DROVER_URL DROVER_KEY
start tools "$PYTHON" "$HERE/../http-tools/server.py"
TOOLS_URL="$(await 30 '^http://127' "$WORK/tools.log")"
export TOOLS_URL
PYTHONPATH="$HERE/../safety" timeout 500 "$PYTHON" "$HERE/steer.py"
# What these sessions wrote, by the contract's schemas and an independent validator.
if [ -d "$ROOT/tests/e2e/node_modules/ajv" ]; then
  "$NODE" "$HERE/../contract/check.mjs" "$ROOT" "$WORK"/export-*.jsonl >"$WORK/ajv.log" ||
    fail "a journal does not keep to the schemas"
fi
