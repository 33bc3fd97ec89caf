#!/usr/bin/env bash
# A real Open Policy Agent for the suite `policy`, from its own Go module.
#
#   scripts/opa.sh         prints where it is (build/deps, else PATH), or nothing
#   scripts/opa.sh build   brings it to build/deps: with Go 1.26 or newer, some three minutes of
#                          compiling; a second run finds it there. Exit code 77 and the reason where
#                          there is no such Go, or no Go module to be had.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

MODULE="github.com/open-policy-agent/opa"
VERSION="v1.22.3"
GO_NEEDED=26 # 1.26, by the module's own go.mod
COMPILE_SECONDS_MAX=2000
program="$BUILD/deps/opa-$VERSION"

# Go is often unpacked where its own page says, and in nobody's PATH.
find_go() {
  local go minor
  for go in "$(command -v go || true)" /usr/local/go/bin/go; do
    [ -x "$go" ] || continue
    minor="$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')"
    [ "${minor:-0}" -ge $GO_NEEDED ] && echo "$go" && return
  done
  return 0
}

build() {
  local go work log="$BUILD/opa.log"
  go="$(find_go)"
  [ -n "$go" ] || { say "opa: it is a Go program, and there is no Go 1.$GO_NEEDED or newer"; exit 77; }
  mkdir -p "$BUILD/deps"
  # Its sources and what is compiled of them take a gigabyte: they go when it is there.
  work="$(mktemp -d "$BUILD/opa.XXXXXX")"
  trap "rm -rf '$work'" EXIT
  export GOMODCACHE="$work/modules" GOCACHE="$work/compiled" GOBIN="$work" GOFLAGS=-modcacherw
  export CGO_ENABLED=0 GOWORK=off GO111MODULE=on
  if ! "$go" list -m "$MODULE@$VERSION" >"$log" 2>&1; then
    say "opa: the Go module $MODULE $VERSION cannot be had: $(tail -n 1 "$log")"
    exit 77
  fi
  say "building OPA $VERSION (about three minutes)"
  if ! (cd "$work" && timeout "$COMPILE_SECONDS_MAX" nice "$go" install -p "$JOBS" -trimpath \
    -ldflags='-s -w' "$MODULE@$VERSION") >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die 1 "OPA could not be built (all of it: $log)"
  fi
  mv "$work/opa" "$program"
}

case "${1:-}" in
  "") ;;
  build) [ -x "$program" ] || build ;;
  *) die 2 "opa.sh: no such word: $1 (build)" ;;
esac
if [ -x "$program" ]; then echo "$program"; else command -v opa || true; fi
