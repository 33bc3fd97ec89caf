#!/usr/bin/env bash
# peers.sh : brings Restate's server with its SDK (npm) and LangGraph with its SQLite saver (PyPI)
# into build/peers, as pinned in peers/. A second run compares stamps and needs no network.
# What is out of reach is said and left out: the benchmark then skips that peer.
set -euo pipefail
source "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
scripts/testenv.sh >/dev/null || { say "no Node and no npm: both peers are skipped"; exit 0; }
source scripts/testenv.sh

sum() { cat "$@" | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
pins=bench/durable/peers
home=build/peers

want="$(sum $pins/package.json $pins/package-lock.json)"
if ! fresh $home/restate/.stamp "$want"; then
  rm -rf $home/restate
  mkdir -p $home/restate
  cp $pins/package.json $pins/package-lock.json $home/restate/
  # No package runs a script of its own here.
  if "$NPM" ci --prefix $home/restate --ignore-scripts --no-audit --no-fund --loglevel=error; then
    echo "$want" >$home/restate/.stamp
  else
    say "npm: Restate cannot be brought, and is skipped"
  fi
fi

want="$(sum $pins/requirements.txt)"
if ! fresh $home/langgraph/.stamp "$want"; then
  rm -rf $home/langgraph
  if /usr/bin/python3 -m venv $home/langgraph &&
    $home/langgraph/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
      -r $pins/requirements.txt; then
    echo "$want" >$home/langgraph/.stamp
  else
    say "pypi: LangGraph cannot be brought, and is skipped"
  fi
fi
