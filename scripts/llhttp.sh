#!/usr/bin/env bash
# Prints the folder that holds llhttp's C sources (share/llhttp, share/include/llhttp).
#
# They come in Debian's node-llhttp, whose dependencies would bring Node itself; so the package is
# fetched and unpacked under build/deps, and nothing is installed.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

at="$BUILD/deps/llhttp"
if [ ! -f "$at/usr/share/llhttp/llhttp.c" ]; then
  if [ -f /usr/share/llhttp/llhttp.c ]; then
    echo /usr
    exit 0
  fi
  rm -rf "$at" "$at.part"
  mkdir -p "$at.part"
  cd "$at.part"
  # apt drops to its own user to download; a folder it may not write to only costs a warning.
  if ! apt-get download -q node-llhttp >apt.log 2>&1; then
    cat apt.log >&2
    die 1 "llhttp's sources (Debian package node-llhttp) could not be fetched: try \`apt-get update\`"
  fi
  dpkg-deb -x node-llhttp_*.deb .
  rm -f node-llhttp_*.deb
  [ -f usr/share/llhttp/llhttp.c ] || die 1 "node-llhttp does not hold share/llhttp/llhttp.c any more"
  mv "$at.part" "$at"
fi
echo "$at/usr"
