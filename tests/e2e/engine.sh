#!/usr/bin/env bash
# time limit: 3600 s
# A real engine (scripts/engine.sh: the first run compiles it, minutes) behind `drover serve`, and
# `drover demo --engine` over it.
source "$(dirname "$0")/lib.sh"
said="$("$ROOT/scripts/engine.sh")" || {
  [ $? = 77 ] && skip "$said"
  fail "scripts/engine.sh: ${said:-see above}"
}
export WORK DROVER ENGINE="$ROOT/build/engine" PYTHONPATH="$HERE/safety"
timeout 500 python3 "$HERE/engine/engine.py"
