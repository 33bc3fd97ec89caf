#!/usr/bin/env bash
# Drover as a client of real MCP servers: the official example of everything, and servers made with
# the official SDK of each era, over standard streams and over HTTP.
source "$(dirname "$0")/../lib.sh"
need_node

everything="$HERE/../node_modules/@modelcontextprotocol/server-everything/dist/index.js"
start v1 "$NODE" "$HERE/v1-server.mjs" http
start v1json "$NODE" "$HERE/v1-server.mjs" http json
start v2 "$NODE" "$HERE/v2-server.mjs" http
port="$(python3 "$ROOT/scripts/free_port.py")"
start everything env PORT="$port" "$NODE" "$everything" streamableHttp
url_of() { await 30 '^http://127' "$WORK/$1.log"; }
v1="$(url_of v1)"
v1json="$(url_of v1json)"
v2="$(url_of v2)"
await 30 'listening on port' "$WORK/everything.log" >/dev/null

start sim "$DROVER" sim --json --cloud coreweave --script "$HERE/script.yaml"
await 20 '^\{"clouds"' "$WORK/sim.log" >"$WORK/clouds.json"
of_cloud() { sed "s/.*\"$1\":\[\{0,1\}\"\([^\"]*\)\".*/\1/" "$WORK/clouds.json"; }
CW_KEY="$(of_cloud bearer)"
export CW_KEY

cat >"$WORK/drover.yaml" <<YAML
endpoints:
  - {id: cw, provider: coreweave, base_url: "$(sed 's/.*"region":"[^"]*","url":"\([^"]*\)".*/\1/' "$WORK/clouds.json")/v1",
     model: m, upstream_model: "$(of_cloud models)", credentials: "env:CW_KEY"}
tools:
  - {name: v1, command: ["$NODE", "$HERE/v1-server.mjs"]}
  - {name: v2, command: ["$NODE", "$HERE/v2-server.mjs"]}
  - {name: everything, command: ["$NODE", "$everything"]}
  - {name: v1-http, url: "$v1", allow_private: ["127.0.0.1"]}
  - {name: v1-http-json, url: "$v1json", allow_private: ["127.0.0.1"]}
  - {name: v2-http, url: "$v2", allow_private: ["127.0.0.1"]}
  - {name: everything-http, url: "http://127.0.0.1:$port/mcp", allow_private: ["127.0.0.1"]}
YAML
cat >"$WORK/facts.json" <<JSON
{
  "v1": {"era": "2025-11-25"},
  "v2": {"era": "2026-07-28"},
  "everything": {"everything": true},
  "v1-http": {"era": "2025-11-25", "http": true},
  "v1-http-json": {"era": "2025-11-25", "http": true},
  "v2-http": {"era": "2026-07-28", "http": true},
  "everything-http": {"everything": true}
}
JSON
start serve "$DROVER" serve --config "$WORK/drover.yaml" --data "$WORK/data" --listen 127.0.0.1:0
SERVE_URL="$(await 20 'listens on http://' "$WORK/serve.log" | grep -oE 'http://127\.0\.0\.1:[0-9]+' | head -n 1)"
SERVE_KEY="$(await 20 '^ +drv_' "$WORK/serve.log" | tr -d ' ')"
export SERVE_URL SERVE_KEY
"$NODE" "$HERE/check.mjs" "$WORK" "$DROVER" "$WORK/facts.json"
