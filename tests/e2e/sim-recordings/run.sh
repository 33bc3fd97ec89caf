#!/usr/bin/env bash
# Whole recorded sessions through the simulated clouds by the Python SDKs, turn by turn: each answer
# must be the recorded one, so each wire form carries every conversation unchanged.
source "$(dirname "$0")/../lib.sh"
need_python

status=0
passed=0
replay() {
  local name="$1" file="$2"
  start "sim-$name" "$DROVER" sim --json --recordings "$file"
  await 20 '^\{"clouds"' "$WORK/sim-$name.log" >"$WORK/clouds-$name.json"
  timeout 500 "$PYTHON" "$HERE/replay.py" "$WORK/clouds-$name.json" "$file" || status=1
  passed=$((passed + 6))
}
replay own "$ROOT/examples/recordings/rental.jsonl"
if [ -n "$SHARED" ] && [ -e "$SHARED/data/sessions/airline.jsonl" ]; then
  replay shared "$SHARED/data/sessions/airline.jsonl"
fi
[ $status -eq 0 ] || fail "an answer was not the recorded one"
echo "$passed passed, 0 failed, 0 skipped"
