#!/usr/bin/env bash
# release.sh : build/release/drover, optimised as a whole by what a trial run has counted.
#
# Builds a program that counts what it does (build/counting), gives it half a minute of mixed work
# (scripts/trial_run.py), and builds the release by the counts. They are taken anew only when the
# counting program is newer than they are.
#
# PROFILE=FILE takes counts that were kept instead (build/release.profdata of another build): the same
# commit, compiler and counts give the same program.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

kept="$BUILD/release.profdata"
if [ -n "${PROFILE:-}" ]; then
  [ "$PROFILE" -ef "$kept" ] || install -D -m 0644 "$PROFILE" "$kept"
else
  scripts/build.sh counting
  if [ ! "$kept" -nt build/counting/drover ]; then
    raw="$BUILD/counting/counts"
    rm -rf "$raw"
    mkdir -p "$raw"
    say "a trial run of half a minute"
    /usr/bin/python3 scripts/trial_run.py build/counting/drover "$raw"
    llvm-profdata-19 merge -o "$kept.part" "$raw"/*.profraw
    mv "$kept.part" "$kept"
  fi
fi
PROFILE="$kept" scripts/build.sh release
build/release/drover --version >/dev/null || die 1 "the release does not start"
