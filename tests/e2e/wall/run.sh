#!/usr/bin/env bash
# The wall: every fault scenario against Drover itself, and the command as a person would use it.
source "$(dirname "$0")/../lib.sh"
cd "$WORK"
unset DROVER_URL DROVER_KEY WALL_KEY

# All of them, bounded in time.
began=$SECONDS
timeout 120 "$DROVER" wall >card || fail "the wall: $(cat card)"
[ $((SECONDS - began)) -lt 60 ] || fail "the wall took $((SECONDS - began)) s"
count="$(sed -n 's/^Drover: \([0-9]*\) of \1 passed.*/\1/p' card)"
[ "${count:-0}" -ge 24 ] || fail "no count of 24 or more: $(tail -n 1 card)"

# The same as JSON, of one; and what is wrong says so.
timeout 60 "$DROVER" wall --only cut-mid-stream --json >one || fail "--only: $(cat one)"
python3 - one <<'PY' || fail "the JSON of one scenario: $(cat one)"
import json, sys
card = json.load(open(sys.argv[1]))
(verdict,) = card["verdicts"]
assert card["passed"] == 1 and verdict["name"] == "cut-mid-stream", card
assert verdict["calls"][0]["end"] == "error" and verdict["calls"][0]["status"] == 200, verdict
assert [u["requests"] for u in verdict["upstreams"]] == [1, 0], verdict
PY
if "$DROVER" wall --only nonsense >out 2>err; then fail "an unknown scenario passed"; fi
grep -q -- '--list' err || fail "no remedy in: $(cat err)"
for name in $("$DROVER" wall --list --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p'); do
  grep -q "^| $name |" "$ROOT/docs/faults.md" || fail "docs/faults.md says nothing of $name"
done
"$DROVER" wall --list >out && grep -q stall-between-tokens out || fail "--list"
"$DROVER" wall --config litellm >out && grep -q '^model_list:' out || fail "--config litellm"

# A drover.yaml of its own making is one that Drover reads; a gateway that is elsewhere is judged
# the same; one that is not there fails everything.
"$DROVER" wall --config drover --port 0 >drover.yaml
"$DROVER" config check drover.yaml >out || fail "config check: $(cat out)"
if timeout 60 "$DROVER" wall --target http://127.0.0.1:1 --port 0 --only 500 >out; then
  fail "a gateway that is not there passed"
fi
grep -q 'Exit\|FAILED' out || fail "no verdict in: $(cat out)"
passed=$((count + 7))
echo "$passed passed, 0 failed, 0 skipped"
