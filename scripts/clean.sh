#!/usr/bin/env bash
# Removes what was built under build/ and keeps what was downloaded (Node, Python, npm packages, the engine).
set -euo pipefail
source "$(dirname "$0")/lib.sh"
[ -d "$BUILD" ] || exit 0
find "$BUILD" -mindepth 1 -maxdepth 1 ! -name deps ! -name venv ! -name e2e ! -name engine -exec rm -rf {} +
