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

# What was meant when it is mistyped, and help where it is looked for.
d 2
has 'Subcommands:' err
d 2 session
has 'cancel' err
d 2 sesion ls
has "did you mean 'drover session'?" err
d 2 session sl
has "there is no command 'drover session sl': did you mean 'drover session ls'?" err
d 0 help
has 'Begin with'
d 0 help memory put
has '--expect VERSION'
d 0 version
has 'drover 0.'
d 2 trace
has 'ID is required' err
d 2 run --nope
has 'nope' err
d 2 sim --port 70000
has "--port: '70000' is not a number from 0 to 65535" err
d 2 sim --jitter a
has "'a' is not a number" err
d 2 demo --seed now
has "'now' is not a whole number" err
for group in session memory key tenant tool config contract; do
  d 0 "$group" --help
done
d 0 completion
bash -c 'source ./out
  complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _drover; echo "${COMPREPLY[*]}"; }
  [ "$(complete_of drover se)" = "serve session" ] && [ "$(complete_of drover key "")" = "budget create ls revoke" ] &&
    [ "$(complete_of drover memory put --ex)" = "--expect" ]' || fail "completion completes otherwise"

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

# The folder alone, with no server: said, unless it is named.
d 0 session ls
has "$id"
has 'working on the data folder data itself' err
d 0 session ls --data data
[ ! -s err ] || fail "said of a folder that is named: $(cat err)"
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
d 0 memory put customers c-2 --value '{"tier": 2}'
d 0 memory put customers d-1 'drinks tea too' --value 7 --expect 0
d 0 memory get customers c-2
has '"tier": 2'
d 0 memory get customers d-1
[ "$(cat out)" = "$(printf 'drinks tea too\n7')" ] || fail "memory get prints: $(cat out)"
d 0 memory ls customers
[ "$(awk 'NR > 1 {print $1}' out | xargs)" = "c-1 c-2 d-1" ] || fail "memory ls: $(cat out)"
d 0 memory ls customers --prefix c- --after c-1 --json
[ "$(python3 -c 'import json; print(*(r["key"] for r in json.load(open("out"))["data"]))')" = c-2 ] ||
  fail "memory ls --json: $(cat out)"
d 0 memory search customers coffee
[ "$(wc -l <out)" = 1 ] || fail "found what is not there: $(cat out)"
d 2 memory put customers c-3 --value '{bad'
d 2 memory put customers c-3 text --expect soon
d 1 memory put customers c-3
has "needs 'text'" err
d 1 memory search customers tea --limit 0
d 0 memory rm customers c-1
d 1 memory rm customers c-1
d 1 memory get customers c-1
d 2 session events "$id" --from first
d 1 session show nonsense
has 'ses_' err
d 1 trace nonsense
has '32 hex digits' err
d 0 trace "$id" --json
python3 -m json.tool out >/dev/null || fail "trace --json prints no JSON: $(cat out)"

# A bill over the folder alone is priced as the endpoints are configured.
d 0 cost calls --json
request="$(field request_id)"
printf 'request_id,input_tokens,output_tokens\n%s,1000000,1000000\n' "$request" >bill.csv
d 1 cost import bill.csv --all
has '1 call was corrected'
d 0 cost calls
has '$3.00'
printf 'day,model,input_tokens\n2026-11-23,m,5\n' >sums.csv
d 1 cost import sums.csv --complete
has 'no row of the bill has a request_id' err
printf 'request_id,input_tokens\nnobody,5\n' >strange.csv
d 1 cost import strange.csv --complete
has "not known here (the first: 'nobody')" err
d 1 cost import bill.csv --provider corewave
has "did you mean 'coreweave'?" err

# Budgets may name whom there is not yet: commands over the folder make them, serving waits for that.
cp drover.yaml first.yaml
cat >>drover.yaml <<'YAML'
budgets:
  - {name: labs, tenant: labs, money: 5, per: day}
  - {name: bots, key: bot, requests: 9, per: minute}
YAML
d 1 serve
has 'drover tenant create labs' err
d 0 tenant create labs
d 1 serve
has 'drover key create --label bot' err
d 0 key create --label bot
d 0 key create --label bot
d 0 budget ls
[ "$(grep -c ' bots\|^bots' out)" = 2 ] && has labs || fail "not each key of the label: $(cat out)"
# One key by itself.
bot="$("$DROVER" key ls | awk '/bot/ {print $1; exit}')"
d 0 key budget "$bot" money=20/month
has "$bot may use money=20/month"
d 0 budget ls
has '$20.00'
d 1 key budget "$bot" money=20/fortnight
has "not 'fortnight'" err
d 0 key budget "$bot" none
d 0 budget ls
! grep -qF '$20.00' out || fail "a budget that was taken away is shown: $(cat out)"
mv first.yaml drover.yaml

# Export, import elsewhere, export again: the same bytes.
d 0 session export "$id" --output first.jsonl
d 0 contract check first.jsonl
sed 's/Second/Sekond/' first.jsonl >forged.jsonl
d 1 contract check forged.jsonl
d 0 session import first.jsonl --data elsewhere
d 0 session export "$id" --data elsewhere --output second.jsonl
cmp first.jsonl second.jsonl || fail "an imported session exports otherwise"

# A flipped bit, and a segment cut off, in copies of the folder: the damage is named with its place,
# the rest is readable.
hurt() {
  cp -r data "$1"
  python3 - "$1" "$2" <<'PY'
import glob, os, sys
path = sorted(glob.glob(sys.argv[1] + "/log/*.seg"))[-1]
text = bytearray(open(path, "rb").read())
at = text.index(b"Second")
if sys.argv[2] == "flip":
    text[at] ^= 4
    open(path, "wb").write(text)
else:
    os.truncate(path, at)
PY
}
for way in flip cut; do
  hurt "$way" "$way"
  d 1 session export "$id" --data "$way"
  has '.seg at byte' err
  has 'skip_damaged' err
  d 0 session export "$id" --data "$way" --skip-damaged
  has '{"damaged":{"first":1,'
  has 'left out: events 1 to' err
  cp out part.jsonl
  d 1 contract check part.jsonl
  d 1 session import part.jsonl --data elsewhere
  d 1 session events "$id" --data "$way"
  has '.seg at byte' err
  d 0 session events "$id" --data "$way" --skip-damaged
  has 'damaged: events 1 to'
  d 1 session events "$id" --data "$way" --follow
  has '.seg at byte' err
done
d 0 session export "$id" --data flip --skip-damaged
has '"kind":"model.result"'
d 0 session ls --data cut

# On a terminal: a conversation, and colours.
timeout 120 python3 "$HERE/terminal.py" "$DROVER" agent.yaml >out || fail "$(cat out)"
passed=$((passed + $(sed -n 's/ passed.*//p' out)))

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
# Without a key nothing is done beside a server that answers, though there is another folder.
printf 'listen: %s\ndata: apart\n' "${at#http://}" >beside.yaml
d 0 memory put notes k text --config beside.yaml --data apart
d 2 session ls --config beside.yaml
has 'no key for the server' err
d 2 memory put notes k other --config beside.yaml
has 'name that with --data' err
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
d 1 key ls --tenant nowhere
d 1 key create --scopes call,fly
has "'fly'" err
d 1 tenant create acme
d 1 tenant create ''
d 0 tenant ls
has acme
d 0 tenant ls --json
python3 -m json.tool out >/dev/null || fail "tenant ls --json prints no JSON: $(cat out)"
d 0 key ls --tenant acme
[ "$(wc -l <out)" = 2 ] || fail "key ls --tenant shows others' keys: $(cat out)"
! grep -q drv_ out || fail "a key is shown again"
revoked="$(awk 'NR == 2 {print $1}' out)"
d 0 key revoke "$revoked"
has 'is revoked'
d 0 key ls --tenant acme
has revoked
d 1 session ls --key "$other"
d 1 key revoke key_nothing
d 1 key revoke nothing
# Its address and its folder are taken: said, without a crash and before anything is begun.
d 1 serve --data other --listen "${at#http://}"
has 'Address already in use' err
! grep -q drv_ out || fail "a key is printed by a server that did not start"
d 1 serve --listen 127.0.0.1:0
has 'in use by another drover' err
d 2 serve --listen nonsense
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
# A folder that is named goes before DROVER_URL, and does not go with --url.
d 2 backup "$WORK/copy-of-none" --data nowhere
has 'there is no data folder nowhere' err
[ ! -e copy-of-none ] || fail "a backup of another folder than the one named"
d 2 session ls --data nowhere
has 'there is no data folder nowhere' err
d 2 session ls --data data --url "$at"
has 'say one of them' err
d 0 backup "$WORK/copy-named" --data data
unset DROVER_URL
d 0 restore copy --data restored
d 0 session ls --data restored
cmp out before || fail "the restored sessions differ"
d 1 restore copy --data restored
echo "$passed passed, 0 failed, 0 skipped"
