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
"$DROVER" wall --config drover >drover.yaml
"$DROVER" config check drover.yaml >out || fail "config check: $(cat out)"
if timeout 60 "$DROVER" wall --target http://127.0.0.1:1 --port 0 --only 500 >out; then
  fail "a gateway that is not there passed"
fi
grep -q 'Exit\|FAILED' out || fail "no verdict in: $(cat out)"

# A stream that breaks off goes on elsewhere where its request allows it, and says so.
port="$(python3 "$ROOT/scripts/free_port.py")"
start upstreams "$DROVER" wall --upstreams-only --port "$port"
await 20 'until Ctrl-C' upstreams.log >/dev/null
"$DROVER" wall --config drover --port "$port" | sed 's/level: error/level: info/' >drover.yaml
for key in WALL_KEY WALL_KEY_REVOKED WALL_KEY_WITHOUT_QUOTA WALL_KEY_GOOD; do
  export "$key=$(tr 'A-Z_' 'a-z-' <<<"$key")"
done
start serve "$DROVER" serve --config drover.yaml --data data
at="$(await 20 'listens on' serve.log | sed 's/.*listens on \(http:[^,]*\),.*/\1/')"
key="$(sed -n 's/^ *\(drv_[^ ]*\)$/\1/p' serve.log)"
python3 - "$at" "$key" <<'PY' || fail "continuing a stream: $(tail -n 5 serve.log)"
import json, sys, urllib.request
def ask(**headers):
    body = {"model": "wall-cut-mid-stream", "stream": True,
            "messages": [{"role": "user", "content": "hi"}]}
    request = urllib.request.Request(sys.argv[1] + "/v1/chat/completions", json.dumps(body).encode(), {
        "content-type": "application/json", "authorization": "Bearer " + sys.argv[2], **headers})
    events = urllib.request.urlopen(request, timeout=20).read().decode().split("\n\n")
    return [e[6:] for e in events if e.startswith("data: ")]
def text(events):
    chunks = [json.loads(e) for e in events if e != "[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c.get("choices"))
cut = ask()
assert text(cut) == "The wall stands, " and "error" in json.loads(cut[-1]), cut
whole = ask(**{"x-drover-continue": "true"})
assert text(whole) == "The wall stands, Another place answers in its stead.", whole
assert whole[-1] == "[DONE]", whole
(mark,) = [json.loads(e)["drover"]["continued"] for e in whole if '"drover"' in e]
assert mark["endpoint"].endswith("/second") and mark["reason"] == "cut", mark
PY
passed=$((count + 8))
echo "$passed passed, 0 failed, 0 skipped"
