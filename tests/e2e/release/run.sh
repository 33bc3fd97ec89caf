#!/usr/bin/env bash
# The trial run that a release is optimised by, in short: nobody builds a release on every change.
# time limit: 60 s
source "$(dirname "$0")/../lib.sh"
/usr/bin/python3 "$ROOT/scripts/trial_run.py" "$DROVER" "$WORK" --short >"$WORK/trial.log" 2>&1 ||
  fail "the trial run: $(cat "$WORK/trial.log")"
# Work of each kind was done.
grep -qxE '[1-9][0-9]* calls, [1-9][0-9]* sessions' "$WORK/trial.log" || fail "$(cat "$WORK/trial.log")"
