#!/usr/bin/env bash
# Each command as a person would type it: over a data folder alone, over a running server, and
# without either. Checks what is printed and the exit codes that src/app/cli.h promises.
source "$(dirname "$0")/../lib.sh"
unset DROVER_URL DROVER_KEY
cd "$WORK"
passed=0

# d EXIT ARGS...: runs drover, bounded in time, and checks its exit code; output in out and err.
d() {
  local want="$1" got=0
  shift
  timeout 30 "$DROVER" "$@" >out 2>err </dev/null || got=$?
  [ "$got" = "$want" ] || fail "drover $* exited with $got, not $want: $(cat out err)"
  passed=$((passed + 1))
}
has() { grep -qF -- "$1" "${2:-out}" || fail "no '$1' in: $(cat "${2:-out}")"; }
field() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}$/\\1/p" out | head -n 1; }

start sim "$DROVER" sim --json --cloud coreweave
await 20 '^\{"clouds"' sim.log >clouds.json
url="$(sed 's/.*"region":"[^"]*","url":"\([^"]*\)".*/\1/' clouds.json)"
model="$(sed 's/.*"models":\["\([^"]*\)".*/\1/' clouds.json)"
CW_KEY="$(sed 's/.*"bearer":"\([^"]*\)".*/\1/' clouds.json)"
export CW_KEY
cat >drover.yaml <<YAML
listen: 127.0.0.1:0
data: data
endpoints:
  - {id: cw, provider: coreweave, base_url: "$url/v1", model: m, upstream_model: "$model",
     credentials: "env:CW_KEY", price_per_million: {input: 1, output: 2}}
YAML
printf 'name: helper\ninstructions: Be brief.\nmodels: [m]\n' >agent.yaml

# Nothing there yet: reading says what to do; running makes the folder.
d 2 session ls --data nowhere
has 'there is no data folder' err
d 3 session ls --url http://127.0.0.1:1
has 'drover serve' err
d 2 run missing.yaml --message hi
d 0 run agent.yaml --message 'Hello there'
has 'Hello there'
d 0 run agent.yaml --message 'Second' --json
id="$(field id)"
[ -n "$id" ] || fail "no session id: $(cat out)"

# The folder alone, with no server.
d 0 session ls
has "$id"
d 0 session show "$id"
has 'Second'
d 0 session events "$id"
has 'model.result'
d 0 trace "$id"
has 'chat'
d 0 memory put customers c-1 'likes green tea'
d 1 memory put customers c-1 'likes coffee' --expect 7
d 0 memory search customers tea
has 'c-1'
d 0 memory rm customers c-1
d 1 memory get customers c-1

# Export, import elsewhere, export again: the same bytes.
d 0 session export "$id" --output first.jsonl
d 0 contract check first.jsonl
sed 's/Second/Sekond/' first.jsonl >forged.jsonl
d 1 contract check forged.jsonl
d 0 session import first.jsonl --data elsewhere
d 0 session export "$id" --data elsewhere --output second.jsonl
cmp first.jsonl second.jsonl || fail "an imported session exports otherwise"

# A running server over the same folder.
d 0 key create --label test --scopes call,sessions,admin
key="$(cat out)"
start serve "$DROVER" serve
await 20 'listens on' serve.log >listens
at="$(sed 's/.*listens on \(http:[^,]*\),.*/\1/' listens)"
d 2 session ls --data data
has 'DROVER_KEY' err
d 2 session ls --url "$at"
has 'no key' err
export DROVER_URL="$at" DROVER_KEY=drv_wrong
d 1 session ls
export DROVER_KEY="$key"
d 0 session ls
has "$id"
d 0 run agent.yaml --message 'Over the server'
has 'Over the server'
d 0 tenant create acme
d 0 key create --tenant acme --scopes sessions
other="$(cat out)"
d 0 session ls --key "$other"
! grep -q ses_ out || fail "another tenant's sessions are listed"
d 1 session show "$id" --key "$other"
d 1 key ls --key "$other"
timeout 30 "$DROVER" session events "$id" --follow >followed 2>&1 </dev/null &
follower=$!
STARTED+=("$follower")
await 10 model.result followed >/dev/null
d 0 session cancel "$id" --reason 'enough'
wait "$follower" || fail "the follower did not end with the session"
has 'session.ended' followed
d 0 backup "$WORK/copy"
cp out report
d 0 session ls
cp out before
env -u DROVER_URL "$DROVER" backup "$WORK/copy-beside" >out || fail "backup beside the server"
d 1 backup "$WORK/copy"
unset DROVER_URL
d 0 restore copy --data restored
d 0 session ls --data restored
cmp out before || fail "the restored sessions differ"
d 1 restore copy --data restored
echo "$passed passed, 0 failed, 0 skipped"
