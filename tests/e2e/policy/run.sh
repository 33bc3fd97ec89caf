#!/usr/bin/env bash
# Rules of an operator's own: Cedar's in a file and an external authoriser (OPA, where it is here),
# verbs that are refused and audited, classes on memories. Against the program as it is.
# time limit: 420 s
source "$(dirname "$0")/../lib.sh"
export WORK DROVER PYTHONPATH="$HERE/../safety"
# A real OPA where there is one: `make test-opa` brings it.
OPA="$("$ROOT/scripts/opa.sh")"
export OPA
exec timeout 400 python3 "$HERE/policy.py"
