#!/usr/bin/env bash
# How tool calls are sent, seen by a real MCP server (the official SDK behind express and
# express-rate-limit): a fan-out under its limit, identical reads as one, batches.
source "$(dirname "$0")/../lib.sh"
need_node

start tools "$NODE" "$HERE/server.mjs"
TOOLS_URL="$(await 30 '^http://127' "$WORK/tools.log")"
{
  echo "name: caller"
  echo "rules:"
  echo "  - when: {last: user, user_contains: count}"
  echo "    call:"
  for n in $(seq 1 40); do echo "      - {tool: count, arguments: {n: $n}}"; done
  echo "  - when: {last: user, user_contains: held}"
  echo "    call: [{tool: held, arguments: {id: 7}}]"
  echo "  - when: {last: user, user_contains: look up}"
  echo "    call:"
  for key in a b bad d e f; do echo "      - {tool: lookup, arguments: {key: $key, lang: de}}"; done
  echo "  - when: {last: user, user_contains: odd}"
  echo "    call: [{tool: lookup, arguments: {key: odd}}, {tool: lookup, arguments: {key: x}}]"
  echo "otherwise: done"
} >"$WORK/script.yaml"
start sim "$DROVER" sim --json --cloud coreweave --script "$WORK/script.yaml"
await 20 '^\{"clouds"' "$WORK/sim.log" >"$WORK/clouds.json"
of_cloud() { sed "s/.*\"$1\":\[\{0,1\}\"\([^\"]*\)\".*/\1/" "$WORK/clouds.json"; }
CW_KEY="$(of_cloud bearer)"
export CW_KEY

cat >"$WORK/drover.yaml" <<YAML
endpoints:
  - {id: cw, provider: coreweave, base_url: "$(sed 's/.*"region":"[^"]*","url":"\([^"]*\)".*/\1/' "$WORK/clouds.json")/v1",
     model: m, upstream_model: "$(of_cloud models)", credentials: "env:CW_KEY"}
tools:
  - name: real
    url: "$TOOLS_URL/mcp"
    allow_private: ["127.0.0.1"]
    only: [count, held, lookup]
    batch:
      lookup: {tool: lookup_many, items: keys, item: key, results: results, max: 50, window_ms: 50}
YAML
start serve "$DROVER" serve --config "$WORK/drover.yaml" --data "$WORK/data" --listen 127.0.0.1:0
SERVE_URL="$(await 20 'listens on http://' "$WORK/serve.log" | grep -oE 'http://127\.0\.0\.1:[0-9]+' | head -n 1)"
SERVE_KEY="$(await 20 '^ +drv_' "$WORK/serve.log" | tr -d ' ')"
export SERVE_URL SERVE_KEY TOOLS_URL DROVER
"$NODE" "$HERE/check.mjs"
