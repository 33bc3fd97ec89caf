#!/usr/bin/env bash
# drover.yaml with faults, read again while running; data folders that cannot be used or are full.
source "$(dirname "$0")/../lib.sh"
export WORK DROVER PYTHONPATH="$HERE/../safety"
mkdir "$WORK/small"
# A file system of its own that can be filled (what the server sets aside at its start fits into it);
# only root may make one.
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=16m,mode=700 tmpfs "$WORK/small" 2>/dev/null; then
  export SMALL="$WORK/small"
fi
status=0
timeout 300 python3 "$HERE/config.py" || status=$?
[ -z "${SMALL:-}" ] || umount "$SMALL" || umount -l "$SMALL"
exit "$status"
