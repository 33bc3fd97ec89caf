#!/usr/bin/env bash
# One session whose steps need different endpoints: its planner says what each needs, placement
# follows, and says why not elsewhere.
source "$(dirname "$0")/../lib.sh"
need_python
export WORK DROVER
unset DROVER_URL DROVER_KEY
PYTHONPATH="$HERE/../safety" timeout 300 "$PYTHON" "$HERE/steps.py"
