# Sourced first by each suite: tests/e2e/<name>/run.sh begins with
#   #!/usr/bin/env bash
#   source "$(dirname "$0")/../lib.sh"
#
# A suite exits with 0 when all passed, 77 to be skipped (`skip` says why), anything else on failure.
# Its last line may be "N passed, N failed, N skipped": then those are counted, else it is one test;
# each skip among them prints a line "skip: why".
#
# It has 600 seconds, or as many as a comment "# time limit: 900 s" among its first lines says.
#
# Sets NODE, NPM, PYTHON, DROVER, SHARED (see scripts/testenv.sh), HERE (the suite's folder) and
# WORK (a new folder, removed at the end). Whatever `start` began is ended with the suite.
set -euo pipefail
HERE="$(cd "$(dirname "$0")" && pwd)"
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
source "$ROOT/scripts/testenv.sh"
WORK="$(mktemp -d "${TMPDIR:-/tmp}/drover-e2e.XXXXXX")"
STARTED=()

finish() {
  local status=$?
  trap - EXIT
  local pid
  for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${STARTED[@]}"; do
    # Ten seconds to leave in good order, then by force.
    timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  # What a failed suite left behind is what its reader needs.
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && compgen -G "$WORK/*.log" >/dev/null; then
    tail -n 30 "$WORK"/*.log
  fi
  rm -rf "$WORK"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# skip MESSAGE: ends the suite. In CI only "npm: ...", "pypi: ...", "shared: ..." and "mount: ..." are
# accepted, and only where that is really out of reach.
skip() {
  echo "$*"
  exit 77
}

fail() {
  echo "FAILED: $*"
  exit 1
}

# need_shared PATH: sets nothing, skips the suite when the recorded data is not there.
need_shared() {
  [ -n "$SHARED" ] && [ -e "$SHARED/$1" ] || skip "shared: no ../shared/$1 beside the repository"
}

# need_node, need_python: skip where the packages could not be brought.
need_node() { [ -d "$ROOT/tests/e2e/node_modules/openai" ] || skip "npm: no packages in build/e2e"; }
need_python() { [ -x "$PYTHON" ] || skip "pypi: no packages in build/venv"; }

# start NAME COMMAND...: begins it in the background with its output in $WORK/NAME.log; PID is its
# process id. It is ended with the suite.
start() {
  local name="$1"
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  PID=$!
  STARTED+=("$PID")
}

# await SECONDS PATTERN FILE: waits until a line of FILE matches, and prints the first that does.
await() {
  local until=$((SECONDS + $1))
  while ! grep -m1 -E -- "$2" "$3" 2>/dev/null; do
    [ $SECONDS -lt $until ] || fail "no line like '$2' in $(basename "$3") within $1 s"
    sleep 0.05
  done
}
