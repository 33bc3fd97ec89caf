#!/usr/bin/env bash
# Recorded sessions run live in every wire form while a cloud fails; a check that the check can
# fail; kill -9 in the middle, and the same folder taken up again until done.
source "$(dirname "$0")/../lib.sh"

OWN="$ROOT/examples/recordings"
passed=0
failed=0
skipped=0

ok() {
  passed=$((passed + 1))
  echo "ok: $1"
}
bad() {
  failed=$((failed + 1))
  echo "FAILED: $1"
}

# count FILE: recordings in it.
count() { grep -c . "$1"; }

# judge NAME STATUS FILE COUNT: exit code 0 and the promised last line, with failovers.
judge() {
  local last
  last="$(tail -n 1 "$3")"
  if [ "$2" -eq 0 ] &&
    [[ "$last" =~ ^"sessions: $4/$4 identical, failovers: "([0-9]+)", lost: 0, duplicated: 0"$ ]] &&
    [ "${BASH_REMATCH[1]}" -gt 0 ]; then
    ok "$1: $last"
  else
    bad "$1: exit code $2, last line: $last"
    tail -n 15 "$3"
  fi
}

# one_effect_one_key FILE: in the tool server's own log no place of a recording was answered under
# two idempotency keys, no key at two places, and nothing unrecorded was asked.
one_effect_one_key() {
  python3 - "$1" <<'PY'
import json, sys
keys, places, calls = {}, {}, 0
for number, text in enumerate(open(sys.argv[1], encoding="utf-8"), 1):
    if not text.strip():
        continue
    try:
        line = json.loads(text)
    except ValueError:
        continue  # cut off by a kill: it was not answered either
    if line["outcome"] != "ok":
        sys.exit(f"line {number}: {line}")
    calls += 1
    if not line["idempotency_key"]:
        sys.exit(f"line {number} has no idempotency key")
    place = (line["session"], line["position"])
    if keys.setdefault(place, line["idempotency_key"]) != line["idempotency_key"]:
        sys.exit(f"line {number}: {place} ran under {keys[place]} and {line['idempotency_key']}")
    if places.setdefault(line["idempotency_key"], place) != place:
        sys.exit(f"line {number}: {line['idempotency_key']} served two calls")
if not calls:
    sys.exit("no tool was called: the check proves nothing")
print(f"{calls} tool calls, {len(keys)} effects, each under one key")
PY
}

# every_form FILE NAME
every_form() {
  local via stream status
  for via in openai azure converse mixed; do
    for stream in "" --stream; do
      status=0
      timeout 180 "$DROVER" demo --sessions "$1" --via "$via" $stream --quiet \
        >"$WORK/run.out" 2>&1 || status=$?
      judge "$2, $via${stream:+, streamed}" "$status" "$WORK/run.out" "$(count "$1")"
    done
  done
}

# must_differ NAME FILE DATA PATTERN: the journals of DATA judged against FILE are found different.
must_differ() {
  local status=0
  timeout 60 "$DROVER" demo --sessions "$2" --data "$3" --quiet >"$WORK/differ.out" 2>&1 || status=$?
  if [ "$status" -eq 1 ] && grep -qE "^differs .*$4" "$WORK/differ.out"; then
    ok "$1 is shown and makes exit code 1"
  else
    bad "$1: exit code $status"
    cat "$WORK/differ.out"
  fi
}

# distort KIND FROM TO: one recording of FROM changed in one place.
distort() {
  python3 - "$@" <<'PY'
import json, sys
kind, source, target = sys.argv[1:]
lines = [json.loads(l) for l in open(source, encoding="utf-8") if l.strip()]
def change():
    for recording in lines:
        for i, m in enumerate(recording["messages"]):
            calls = m.get("tool_calls") or []
            if kind == "text" and m["role"] == "assistant" and m.get("content"):
                m["content"] += " "
            elif kind == "result" and m["role"] == "tool" and m.get("content"):
                m["content"] = m["content"][:-1]
            elif kind == "arguments" and calls:
                calls[0]["function"]["arguments"] = '{"other": 1}'
            elif kind == "name" and calls:
                calls[0]["function"]["name"] += "_"
            elif kind == "missing" and i == len(recording["messages"]) - 1:
                recording["messages"].append({"role": "assistant", "content": "One more."})
            else:
                continue
            return
    sys.exit("nothing to change")
change()
with open(target, "w", encoding="utf-8") as out:
    for recording in lines:
        out.write(json.dumps(recording, ensure_ascii=False) + "\n")
PY
}

# The check can fail: sessions that really ran, judged against recordings that say something else.
can_fail() {
  local data="$WORK/kept" status=0
  timeout 60 "$DROVER" demo --sessions "$OWN/rental.jsonl" --via openai --data "$data" --quiet \
    >"$WORK/kept.out" 2>&1 || status=$?
  judge "own recordings, kept" "$status" "$WORK/kept.out" "$(count "$OWN/rental.jsonl")"
  local kind
  for kind in text result arguments name missing; do
    distort "$kind" "$OWN/rental.jsonl" "$WORK/distorted.jsonl"
    case "$kind" in
    text | result) must_differ "a changed $kind" "$WORK/distorted.jsonl" "$data" "text '" ;;
    arguments) must_differ "changed arguments" "$WORK/distorted.jsonl" "$data" "arguments" ;;
    name) must_differ "another tool" "$WORK/distorted.jsonl" "$data" "tool '.*' instead of" ;;
    missing) must_differ "a step that did not happen" "$WORK/distorted.jsonl" "$data" "missing" ;;
    esac
  done
  # Without an outage nothing fails over, and the line says so.
  status=0
  timeout 60 "$DROVER" demo --sessions "$OWN/rental.jsonl" --no-outage --quiet \
    >"$WORK/calm.out" 2>&1 || status=$?
  if [ "$status" -eq 0 ] && tail -n 1 "$WORK/calm.out" | grep -q ' failovers: 0, '; then
    ok "no outage, no failover"
  else
    bad "no outage: exit code $status, $(tail -n 1 "$WORK/calm.out")"
  fi
  # An outage that meets no call any more (everything is done) is no proof.
  status=0
  timeout 60 "$DROVER" demo --sessions "$OWN/rental.jsonl" --no-outage --data "$WORK/calm" --quiet \
    >"$WORK/calm.out" 2>&1 || status=$?
  timeout 60 "$DROVER" demo --sessions "$OWN/rental.jsonl" --data "$WORK/calm" --quiet \
    >"$WORK/calm.out" 2>&1 && status=0 || status=$?
  if [ "$status" -eq 1 ] && grep -q 'proves nothing' "$WORK/calm.out"; then
    ok "zero failovers under an outage is a failure"
  else
    bad "zero failovers under an outage: exit code $status"
    cat "$WORK/calm.out"
  fi
}

# killed NAME FILE FORM...: kill -9 at random moments, until a run ends by itself.
killed() {
  local name="$1" file="$2" status=0 kills=0 pid
  shift 2
  local data="$WORK/killed-$name"
  for _ in 1 2 3 4 5 6; do
    "$DROVER" demo --sessions "$file" "$@" --data "$data" --quiet >"$WORK/killed.out" 2>&1 &
    pid=$!
    STARTED+=("$pid")
    # Not before work has begun: counted from the first tool call of this run.
    local before after until=$((SECONDS + 60))
    before=$(wc -l 2>/dev/null <"$data/tool-calls.jsonl" || echo 0)
    after=$before
    while [ "$after" -le $((before + 1)) ] && [ $SECONDS -lt $until ] && kill -0 "$pid" 2>/dev/null; do
      sleep 0.02
      after=$(wc -l 2>/dev/null <"$data/tool-calls.jsonl" || echo 0)
    done
    sleep "0.$(printf %03d $((RANDOM % 400)))"
    if kill -9 "$pid" 2>/dev/null; then
      status=0
      wait "$pid" 2>/dev/null || status=$?
      [ "$status" -ne 137 ] || kills=$((kills + 1))
    fi
    [ "$status" -eq 137 ] || break
  done
  status=0
  timeout 300 "$DROVER" demo --sessions "$file" "$@" --data "$data" --quiet \
    >"$WORK/killed.out" 2>&1 || status=$?
  judge "$name, killed $kills times" "$status" "$WORK/killed.out" "$(count "$file")"
  [ "$kills" -gt 0 ] || bad "$name: it was over before it could be killed"
  local said
  if said="$(one_effect_one_key "$data/tool-calls.jsonl" 2>&1)"; then
    ok "$name: $said"
  else
    bad "$name, tool server's log: $said"
  fi
}

for file in "$OWN"/*.jsonl; do every_form "$file" "own $(basename "$file" .jsonl)"; done
can_fail
if [ -n "$SHARED" ] && [ -e "$SHARED/data/sessions/airline.jsonl" ]; then
  every_form "$SHARED/data/sessions/airline.jsonl" "shared airline"
  killed mixed "$SHARED/data/sessions/airline.jsonl" --via mixed
  killed streamed-converse "$SHARED/data/sessions/airline.jsonl" --via converse --stream
else
  skipped=$((skipped + 1))
  echo "skip: shared: no ../shared/data/sessions/airline.jsonl beside the repository"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
