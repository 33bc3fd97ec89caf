#!/usr/bin/env bash
# Service classes, by OpenAI's own package against `drover serve` over an endpoint that answers few
# calls at once: header and service_tier, tiers asked for and billed, overload, Retry-After.
# time limit: 180 s
source "$(dirname "$0")/../lib.sh"
need_python
export WORK DROVER PYTHONPATH="$HERE/../safety"
unset DROVER_URL DROVER_KEY
start upstream "$PYTHON" "$HERE/upstream.py"
await 20 '^http://' "$WORK/upstream.log" >"$WORK/upstream.url"
timeout 150 "$PYTHON" "$HERE/classes.py"
