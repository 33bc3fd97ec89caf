#!/usr/bin/env bash
# packages.sh SET... : makes sure that the Debian packages of these sets are installed.
#
# Nothing but dpkg's own list is read when they all are (no network, a few milliseconds). Otherwise
# they are installed, as root or by sudo; where neither is possible the command to run is printed
# and the exit code is 2.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

build="clang-19 lld-19 cmake ninja-build pkg-config
  libcbor-dev libcli11-dev libexpected-dev libfmt-dev libmimalloc-dev libnghttp2-dev libsimdjson-dev
  libspdlog-dev libsqlite3-dev libssl-dev libyaml-cpp-dev libzstd-dev zlib1g-dev"
# llvm-19 holds the symbolizer: without it a sanitizer's report has no line numbers.
test="libgtest-dev libclang-rt-19-dev llvm-19 python3 python3-venv curl"
gcc="g++"
# The counters' runtime, what merges their files, and python3 for the trial run.
release="libclang-rt-19-dev llvm-19 python3"
# llama.cpp is compiled by what compiles Drover.
engine="clang-19 cmake ninja-build python3 python3-venv"
lint="clang-format-19"
# The Cedar engine is Rust: only those who want it in their program, and the tests, need it.
cedar="cargo-web"
package="dpkg-dev"
fresh="debootstrap"
bench="nginx-light wrk python3 python3-venv procps"
bench_peers="haproxy"

wanted=()
for set in "$@"; do
  # shellcheck disable=SC2206  # the sets are lists of words
  wanted+=(${!set:?no such package set: $set})
done

command -v dpkg-query >/dev/null || die 2 "This needs Debian 12; here, install the equivalents of:
  ${wanted[*]}
and call cmake directly (CONTRIBUTING.md, Building by hand)."

missing=()
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | tr '\n' ' ')"
for package in "${wanted[@]}"; do
  [[ $installed == *" $package "* ]] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  # sudo may ask for the password of somebody who sits there; a script is never kept waiting.
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    as_root=(sudo)
  else
    die 2 "Some Debian packages are missing, and installing them needs root. Please run:

  sudo apt-get update && sudo apt-get install --no-install-recommends -y ${missing[*]}

and then this command again."
  fi
fi
say "installing from Debian: ${missing[*]}"
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "${missing[@]}" >"$log" 2>&1
}
mkdir -p "$BUILD"
log="$BUILD/packages.log"
# The lists of a new machine are empty, those of an old one may be out of date.
if ! install; then
  "${as_root[@]}" apt-get update -q >"$log.update" 2>&1 || say "apt-get update had trouble, see $log.update"
  install || { tail -n 15 "$log" >&2; die 1 "apt-get could not install them (all of it: $log)"; }
fi
