#!/usr/bin/env bash
# Live output of sessions while a simulated cloud speaks slowly: connections that break off, kill -9
# in the middle and the same folder taken up again, slow readers, the end of the process.
# time limit: 180 s
source "$(dirname "$0")/../lib.sh"
export WORK DROVER PYTHONPATH="$HERE/../safety"
unset DROVER_URL DROVER_KEY

start sim "$DROVER" sim --json --cloud coreweave --script "$HERE/script.yaml" --tokens-per-second 40
await 20 '^\{"clouds"' "$WORK/sim.log" >"$WORK/clouds.json"
timeout 170 python3 "$HERE/live.py" "$WORK/clouds.json"
