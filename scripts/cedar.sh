#!/usr/bin/env bash
# cedar.sh        : prints where the Cedar engine is (a static library), or nothing if it was not built.
# cedar.sh build  : builds it first, if it has to: needs cargo (Debian: cargo-web), crates.io and some minutes.
#
# It is kept in the user's cache by what it is made of, so that it is built once on a machine and not
# again by `make clean`. A program without it says so in `drover --version`, and does not start with a
# file of Cedar rules.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

crate="$ROOT/src/policy/cedar"
key=$(cat "$crate/Cargo.toml" "$crate/Cargo.lock" "$crate/src/lib.rs" | sha256sum | cut -c1-16)
at="${XDG_CACHE_HOME:-$HOME/.cache}/drover/cedar-$key"
library="$at/libdrover_cedar.a"

if [ "${1:-}" = build ] && [ ! -f "$library" ]; then
  command -v cargo >/dev/null || die 2 "the Cedar engine needs cargo 1.89 or newer (Debian: apt-get install cargo-web)"
  mkdir -p "$at" "$BUILD/cedar"
  say "building the Cedar engine (once on this machine; some minutes)"
  log="$BUILD/cedar.log"
  if ! (cd "$crate" && CARGO_TARGET_DIR="$BUILD/cedar" cargo build --release --locked -j "$JOBS") >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "the Cedar engine could not be built (all of it: $log)"
  fi
  cp "$BUILD/cedar/release/libdrover_cedar.a" "$library.part"
  mv "$library.part" "$library"
fi
[ -f "$library" ] && echo "$library"
exit 0
