#!/usr/bin/env bash
# test.sh [WHAT...] : brings what the test runner itself needs, then hands over to it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
"$ROOT/scripts/packages.sh" test
# Debian's own interpreter: whatever else is first in PATH stays out of it.
exec /usr/bin/python3 "$ROOT/scripts/test.py" "$@"
