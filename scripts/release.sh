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

profile="${PROFILE:-}"
if [ -z "$profile" ]; then
  profile="$BUILD/release.profdata"
  scripts/build.sh counting
  if [ ! "$profile" -nt build/counting/drover ]; then
    counts="$BUILD/counting/counts"
    rm -rf "$counts"
    mkdir -p "$counts"
    say "a trial run of half a minute"
    /usr/bin/python3 scripts/trial_run.py build/counting/drover "$counts" >&2
    llvm-profdata-19 merge -o "$profile.part" "$counts"/*.profraw
    mv "$profile.part" "$profile"
  fi
fi
PROFILE="$profile" scripts/build.sh release
build/release/drover --version >/dev/null || die 1 "the release does not start"
