#!/usr/bin/env bash
# Keys, tenants, secrets, addresses and limits of a running server, from the outside.
source "$(dirname "$0")/../lib.sh"
export WORK DROVER
timeout 300 python3 "$HERE/safety.py"
