#!/usr/bin/env bash
# Tools that are plain HTTP requests, asked of a real server: what it receives, what a model would
# read, repeats under one key, refused addresses, secrets by reference.
source "$(dirname "$0")/../lib.sh"
need_python

start server "$PYTHON" "$HERE/server.py"
url="$(await 30 '^http://127' "$WORK/server.log")"
"$PYTHON" "$HERE/check.py" "$DROVER" "$WORK" "$url"
