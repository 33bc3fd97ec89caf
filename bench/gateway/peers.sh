#!/usr/bin/env bash
# peers.sh : brings the gateways that Drover is measured beside into build/peers, as pinned in
# peers/: LiteLLM's proxy (PyPI), the Portkey gateway (npm), smg's gateway (PyPI); HAProxy from
# Debian. A second run compares stamps and needs no network. What is out of reach is said and left
# out: the benchmark then skips that peer.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"

sum() { cat "$@" | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
pins=bench/gateway/peers
home=build/peers
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  export PIP_CERT="${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}"
  export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
fi

scripts/packages.sh bench_peers || say "haproxy: cannot be installed, and is skipped"

# python_peer NAME : a virtual environment with what peers/NAME.txt pins.
python_peer() {
  local want
  want="$(sum "$pins/$1.txt")"
  fresh "$home/$1/.stamp" "$want" && return
  rm -rf "${home:?}/$1"
  if python3 -m venv "$home/$1" && timeout 600 "$home/$1/bin/python" -m pip install --quiet \
    --no-input --disable-pip-version-check -r "$pins/$1.txt"; then
    echo "$want" >"$home/$1/.stamp"
  else
    say "pypi: $1 cannot be brought, and is skipped"
  fi
}
python_peer litellm
python_peer smg

npm="$(PATH="$ROOT/build/node/bin:$PATH" command -v npm || true)"
want="$(sum $pins/package.json $pins/package-lock.json)"
if ! fresh $home/portkey/.stamp "$want"; then
  rm -rf $home/portkey
  mkdir -p $home/portkey
  cp $pins/package.json $pins/package-lock.json $home/portkey/
  # No package runs a script of its own here.
  if [ -n "$npm" ] && PATH="$(dirname "$npm"):$PATH" timeout 600 "$npm" ci --prefix $home/portkey \
    --ignore-scripts --no-audit --no-fund --loglevel=error; then
    echo "$want" >$home/portkey/.stamp
  else
    say "npm: the Portkey gateway cannot be brought, and is skipped"
  fi
fi
