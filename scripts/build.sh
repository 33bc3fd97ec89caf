#!/usr/bin/env bash
# build.sh KIND [TARGET...] : configures and builds one flavour of Drover.
#
#   program   build/          RelWithDebInfo, without tests: what `make build` gives
#   tests     build/          the same folder with the unit tests
#   asan      build/asan      AddressSanitizer + UBSan + coverage for the fuzz targets
#   tsan      build/tsan      ThreadSanitizer
#   gcc       build/gcc       g++ 12
#   counting  build/counting  counts what it does, for the release (scripts/release.sh)
#   release   build/release   optimised by the counts in the file that PROFILE names
#
# ccache is used where it is installed. Configures only when it must; ninja finds new files itself.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

kind="${1:-program}"
shift || true
cd "$ROOT"

clang=(-DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19)
case "$kind" in
  program) dir=build packages=(build) options=("${clang[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDROVER_TESTS=OFF) ;;
  tests) dir=build packages=(build test) options=("${clang[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDROVER_TESTS=ON) ;;
  asan) dir=build/asan packages=(build test) options=("${clang[@]}" -DCMAKE_BUILD_TYPE=Sanitize -DDROVER_SANITIZE=ON -DDROVER_FUZZ=ON) ;;
  tsan) dir=build/tsan packages=(build test) options=("${clang[@]}" -DCMAKE_BUILD_TYPE=Sanitize -DDROVER_TSAN=ON) ;;
  gcc) dir=build/gcc packages=(build test gcc) options=(-DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=RelWithDebInfo) ;;
  counting) dir=build/counting packages=(build release) options=("${clang[@]}" -DCMAKE_BUILD_TYPE=Release -DDROVER_TESTS=OFF -DDROVER_PROFILE=generate) ;;
  release)
    dir=build/release packages=(build release)
    options=("${clang[@]}" -DCMAKE_BUILD_TYPE=Release -DDROVER_TESTS=OFF
      "-DDROVER_PROFILE=$(realpath "${PROFILE:?the file of counts}")" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON)
    ;;
  *) die 2 "build.sh: no such kind: $kind (program, tests, asan, tsan, gcc, counting, release)" ;;
esac

# A program build must not take the tests out of a folder that has them: that would only cost.
if [ "$kind" = program ] && grep -qs '^DROVER_TESTS:BOOL=ON' build/CMakeCache.txt &&
  dpkg-query -W libgtest-dev >/dev/null 2>&1; then
  options=("${options[@]/-DDROVER_TESTS=OFF/-DDROVER_TESTS=ON}")
fi

scripts/packages.sh "${packages[@]}"
options+=("-DDROVER_LLHTTP_ROOT=$(scripts/llhttp.sh)")
# The Cedar engine is in it once `make cedar` has built it; with CEDAR=build this build makes it too.
if [ "${CEDAR:-}" = build ]; then
  options+=("-DDROVER_CEDAR_LIB=$(scripts/cedar.sh path)")
else
  options+=("-DDROVER_CEDAR_LIB=$(scripts/cedar.sh)")
fi
if command -v ccache >/dev/null; then
  options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DDROVER_PCH=OFF -DDROVER_UNITY=OFF)
  # The same sources in another folder are the same objects.
  export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1
else
  options+=(-DDROVER_UNITY=ON)
  # g++ reads a header that was compiled ahead only where each flag is the same.
  [ "$kind" = gcc ] || options+=(-DDROVER_PCH=ON)
fi

mkdir -p "$dir"
# The options are kept beside the build: configuring again costs seconds, and is rarely needed.
if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "${options[*]}" ]; then
  if ! cmake -S . -B "$dir" -G Ninja "${options[@]}" >"$dir/configure.log" 2>&1; then
    cat "$dir/configure.log" >&2
    exit 1
  fi
  printf '%s' "${options[*]}" >"$dir/.options"
fi

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  case "$kind" in program | counting | release) targets=(drover) ;; esac
fi
NINJA_STATUS="[%f/%t %es] " exec ninja -C "$dir" -j "$JOBS" "${targets[@]}"
