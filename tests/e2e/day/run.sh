#!/usr/bin/env bash
# The main job: a day on three simulated clouds, one of which goes down at noon with calls in flight.
# time limit: 180 s
source "$(dirname "$0")/../lib.sh"
export TMPDIR="$WORK" NO_COLOR=1
passed=0
check() {  # check WHAT COMMAND...
  local what="$1"
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok  $what"
  else
    echo "not ok  $what"
    tail -n 80 "$WORK/day.txt" "$WORK/day.json" 2>/dev/null || true
    exit 1
  fi
}
says() { grep -qF -- "$1" "$WORK/day.txt"; }
# The same for what may be wrapped.
tells() { tr -s ' \n' ' ' <"$WORK/day.txt" | grep -qF -- "$1"; }
# act NAME COUNT: it stands in the report, COUNT things or more went as they should, and none did not.
act() {
  local block
  block="$(awk -v name="  $1 " 'index($0, name) == 1 {on = 1; print; next}
                                on && /^( ? ?[^ ]|$)/ {exit}
                                on' "$WORK/day.txt")"
  [ "$(grep -cF '✓' <<<"$block")" -ge "$2" ] && ! grep -qF '✗' <<<"$block"
}
silent() { ! grep -qP '\x1b\[' "$WORK/day.txt"; }

check "the day ends with exit code 0" timeout 120 "$DROVER" demo --length 24s --seed 3 >"$WORK/day.txt" 2>"$WORK/day.err"
cat "$WORK/day.txt"
check "nothing was lost" says "Nothing was lost."
check "the outage was real" says "AWS went down at 12:00 with"
check "the parts of the time sum to the whole" says "✓ the sum of all steps"
check "the hour of scarcity: fast work held its target, slow work waited" act "scarcity" 4
check "answers came slowly, token by token" tells "token by slow token"
check "the bill agrees with the clouds' books" act "the bill" 3
check "no attempt that was billed was free" tells "none that was billed was taken for free"
check "the naive day stands beside it" says "AWS alone, no failover"
check "no colours in a file" silent
echo "$passed passed, 0 failed, 0 skipped"
