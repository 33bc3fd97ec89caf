#!/usr/bin/env bash
# The official MCP clients of both eras against the simulated tool servers over stdio.
source "$(dirname "$0")/../lib.sh"
need_node
export RECORDINGS="$ROOT/examples/recordings/rental.jsonl" WORK
timeout 120 "$NODE" "$HERE/clients.mjs"
