# Sourced by the other scripts: where things are, and how they speak.
# REQUIRES: bash with `set -euo pipefail`.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
BUILD="$ROOT/build"
JOBS="${JOBS:-$(nproc)}"
export LC_ALL=C.UTF-8

# Progress for people goes to stderr, so that a script's stdout stays its result.
say() { printf '%s\n' "$*" >&2; }
die() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}
