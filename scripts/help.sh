#!/usr/bin/env bash
# Prints the targets of the Makefile with their one-line meaning, and where to read on.
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'TEXT'
Drover: a portable runtime for AI agents. Two commands are enough:

  make run    installs what is missing (Debian packages), builds, and plays a day on three clouds
  make test   the same for the tests; ends with "N passed, N failed, N skipped"

All of them:

TEXT
sed -nE 's/^([a-z-]+):[^#]*## (.*)$/\1\t\2/p' Makefile |
  while IFS=$'\t' read -r name meaning; do printf '  make %-14s %s\n' "$name" "$meaning"; done
cat <<'TEXT'

Everything that is built or downloaded stays under build/; second runs need no network.
JOBS=4 make build    uses four compilers at once (by default one for each core).
CONTRIBUTING.md says how to add a provider, a tool, a test or a fuzz target.
TEXT
