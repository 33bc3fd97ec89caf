#!/usr/bin/env bash
# Formats every C++ source of the repository; with --check it only reports the files that differ.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
scripts/packages.sh lint
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.cc' '*.h')
if [ "${1:-}" = --check ]; then
  exec clang-format-19 --dry-run --Werror "${files[@]}"
fi
exec clang-format-19 -i "${files[@]}"
