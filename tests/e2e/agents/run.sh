#!/usr/bin/env bash
# Versions of agents over the API and by command: deploy, pin, drain, and sessions that keep theirs.
source "$(dirname "$0")/../lib.sh"
export WORK DROVER
unset DROVER_URL DROVER_KEY
PYTHONPATH="$HERE/../safety" timeout 300 python3 "$HERE/agents.py"
