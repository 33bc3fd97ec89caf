#!/usr/bin/env bash
# cedar.sh        : prints where the Cedar engine is (a static library), or nothing if it was not built.
# cedar.sh path   : prints where it is or will be.
# cedar.sh fetch  : downloads what it is made of (crates.io); exit code 77 and the reason where that
#                   cannot be had, or where there is no cargo.
# cedar.sh build  : builds it, if it has to: needs cargo (Debian: cargo-web) and about two minutes.
#
# It is kept under build/deps by what it is made of, so that `make clean` leaves it there and a change
# of it builds a new one. A program without it says so in `drover --version`, and does not start with
# a file of Cedar rules.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

crate="$ROOT/src/policy/cedar"
key=$(cat "$crate/Cargo.toml" "$crate/Cargo.lock" "$crate/src/lib.rs" | sha256sum | cut -c1-16)
at="$BUILD/deps/cedar-$key"
library="$at/libdrover_cedar.a"
rust_needed=89  # 1.89

# Debian's own cargo and rustc stand before whatever else is first in PATH.
use_cargo() {
  [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && PATH="/usr/bin:$PATH"
  local minor
  minor=$(cargo --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')
  [ "${minor:-0}" -ge $rust_needed ]
}
no_cargo="the Cedar engine needs cargo 1.$rust_needed or newer (Debian: apt-get install cargo-web)"

run_cargo() { (cd "$crate" && CARGO_TARGET_DIR="$BUILD/cedar" cargo "$@" --locked); }

fetch() {
  mkdir -p "$BUILD"
  if ! run_cargo fetch >"$BUILD/cedar-fetch.log" 2>&1; then
    say "cargo: the Cedar engine's crates could not be fetched: $(grep -m1 -i -E 'error|caused' "$BUILD/cedar-fetch.log")"
    exit 77
  fi
}

build() {
  mkdir -p "$at"
  # One build at a time: a second one waits, and then finds it there.
  exec 9>"$BUILD/deps/cedar.lock"
  flock 9
  [ -f "$library" ] && return
  say "building the Cedar engine (about two minutes)"
  log="$BUILD/cedar.log"
  if ! run_cargo build --release -j "$JOBS" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "the Cedar engine could not be built (all of it: $log)"
  fi
  cp "$BUILD/cedar/release/libdrover_cedar.a" "$library.part"
  mv "$library.part" "$library"
  rm -rf "$BUILD/cedar"
}

case "${1:-}" in
  "") ;;
  path) echo "$library" && exit 0 ;;
  fetch)
    [ -f "$library" ] && exit 0
    use_cargo || { say "cargo: $no_cargo"; exit 77; }
    fetch
    exit 0
    ;;
  build)
    if [ ! -f "$library" ]; then
      use_cargo || die 2 "$no_cargo"
      build
    fi
    ;;
  *) die 2 "cedar.sh: no such word: $1 (path, fetch, build)" ;;
esac
[ -f "$library" ] && echo "$library"
exit 0
