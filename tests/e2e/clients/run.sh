#!/usr/bin/env bash
# The clients in clients/: their own tests, their types, and their examples and harder cases against
# a real `drover serve` that is killed under them.
# time limit: 300 s
source "$(dirname "$0")/../lib.sh"
need_node
need_python
export WORK DROVER NODE PYTHON
export PYTHONPATH="$HERE/../safety:$ROOT/clients/python" PYTHONDONTWRITEBYTECODE=1

passed=0
failed=0
part() {
  local name="$1"
  shift
  if timeout 120 "$@" >"$WORK/$name.out" 2>&1; then
    passed=$((passed + 1))
    echo "ok: $name"
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
    tail -n 40 "$WORK/$name.out"
  fi
}
cd "$ROOT/clients/typescript"
part "typescript-unit" "$NODE" --test drover.test.ts
modules="$ROOT/build/e2e/node_modules"
part "typescript-types" "$NODE" "$modules/typescript/bin/tsc" --project "$HERE/tsconfig.json" \
  --typeRoots "$modules/@types"
cd "$ROOT/clients/python"
part "python-unit" "$PYTHON" -m unittest
cd "$ROOT"

status=0
timeout 240 "$PYTHON" "$HERE/clients.py" >"$WORK/clients.out" 2>&1 || status=$?
sed '$d' "$WORK/clients.out"
if [[ "$(tail -n 1 "$WORK/clients.out")" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
  passed=$((passed + BASH_REMATCH[1]))
  failed=$((failed + BASH_REMATCH[2]))
else
  failed=$((failed + 1))
  tail -n 5 "$WORK/clients.out"
fi
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
