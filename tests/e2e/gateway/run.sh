#!/usr/bin/env bash
# `drover serve` in front of three simulated clouds, called by openai's own packages (npm and PyPI)
# and by raw sockets: answers, streams, tools, errors, cuts, failover, stops and restarts.
# time limit: 150 s
source "$(dirname "$0")/../lib.sh"
need_node
need_python
export WORK DROVER PYTHONPATH="$HERE/../safety"

start sim "$DROVER" sim --json --script "$HERE/script.yaml"
await 20 '^\{"clouds"' "$WORK/sim.log" >"$WORK/clouds.json"
start recorder "$PYTHON" "$HERE/recorder.py"
await 20 '^http://' "$WORK/recorder.log" >"$WORK/recorder.url"

# One set of endpoints and one environment for every server of this suite. No credential of the
# machine's own may reach it.
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK
eval "$("$PYTHON" "$HERE/config.py")"

start serve "$DROVER" serve --config "$WORK/drover.yaml" --data "$WORK/data" --listen 127.0.0.1:0
GATEWAY_PID=$PID
url="$(await 20 'listens on http://' "$WORK/serve.log" | grep -oE 'http://127\.0\.0\.1:[0-9]+' | head -n 1)"
key="$(await 20 '^ +drv_' "$WORK/serve.log" | tr -d ' ')"
export GATEWAY_URL="$url" GATEWAY_KEY="$key" GATEWAY_PID

status=0
passed=0
failed=0
part() {
  local name="$1" last
  shift
  # Two minutes for all parts together, on a busy machine.
  timeout "$((SECONDS < 119 ? 120 - SECONDS : 1))" "$@" "$WORK/clouds.json" >"$WORK/$name.log" 2>&1 || status=1
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
part sockets "$PYTHON" "$HERE/sockets.py"
part openai-python "$PYTHON" "$HERE/sdk.py"
part openai-node "$NODE" "$HERE/openai.mjs"
part restarts "$PYTHON" "$HERE/restarts.py"
echo "$passed passed, $failed failed, 0 skipped"
exit $status
