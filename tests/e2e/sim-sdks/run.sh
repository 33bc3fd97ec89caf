#!/usr/bin/env bash
# The clouds' official SDKs, unchanged, against the simulated clouds: openai (npm and PyPI) at
# CoreWeave, Azure and OpenAI (service tiers and batches too), AWS's client (over HTTP/2) and boto3 (over HTTP/1.1) at Bedrock.
source "$(dirname "$0")/../lib.sh"
need_node
need_python

start sim "$DROVER" sim --json --cloud aws --cloud azure --cloud coreweave --cloud openai --script "$HERE/script.yaml"
await 20 '^\{"clouds"' "$WORK/sim.log" >"$WORK/clouds.json"

status=0
passed=0
failed=0
part() {
  local name="$1" last
  shift
  timeout 120 "$@" "$WORK/clouds.json" >"$WORK/$name.log" 2>&1 || status=1
  last="$(tail -n 1 "$WORK/$name.log")"
  echo "$name: $last"
  grep -A 12 '^FAILED' "$WORK/$name.log" || true
  if [[ "$last" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    failed=$((failed + 1))
    status=1
  fi
}
part openai-node "$NODE" "$HERE/openai.mjs"
part aws-node "$NODE" "$HERE/aws.mjs"
part python "$PYTHON" "$HERE/sdk.py"
echo "$passed passed, $failed failed, 0 skipped"
exit $status
