#!/usr/bin/env bash
# `drover serve` in front of a simulated attested endpoint on real TLS: the true one is used, each lie
# gets nothing; and `drover attest verify` on what the endpoint gives out, right and wrong.
# time limit: 180 s
source "$(dirname "$0")/../lib.sh"
passed=0
failed=0
# check NAME CONDITION...: counts a test
check() {
  local name="$1"
  shift
  if "$@"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}
has() { grep -qE -- "$2" "$1"; }

# enclave NAME KIND [LIE]: a simulated endpoint, and a server in front of it; sets URL and KEY.
enclave() {
  local name="$1" kind="$2" lie="${3:-}"
  start "$name" "$DROVER" sim enclave --out "$WORK/$name" --kind "$kind" ${lie:+--lie "$lie"}
  await 30 '^an attested endpoint' "$WORK/$name.log" >/dev/null
  start "$name.serve" "$DROVER" serve --config "$WORK/$name/drover.yaml" --data "$WORK/$name/data" \
    --listen 127.0.0.1:0
  URL="$(await 30 'listens on http://' "$WORK/$name.serve.log" | grep -oE 'http://127\.0\.0\.1:[0-9]+' | head -n 1)"
  KEY="$(await 30 '^ +drv_' "$WORK/$name.serve.log" | tr -d ' ')"
}
ask() {
  curl -sS -m 30 "$URL/v1/chat/completions" -H "authorization: Bearer $KEY" \
    -H 'content-type: application/json' \
    -d '{"model": "enclave-model", "messages": [{"role": "user", "content": "a secret"}]}' \
    -o "$WORK/answer" -w '%{http_code}'
}

for kind in aws-nitro nvidia-cc; do
  enclave "true-$kind" "$kind"
  await 30 'has proved what it runs' "$WORK/true-$kind.serve.log" >/dev/null
  status="$(ask)"
  check "$kind: the true endpoint answers" test "$status" = 200
  check "$kind: with its text" has "$WORK/answer" 'a secret'
  DROVER_URL="$URL" DROVER_KEY="$KEY" "$DROVER" attest ls --check >"$WORK/ls" 2>&1 && ls=0 || ls=$?
  check "$kind: attest ls says that it is fresh ($ls)" test "$ls" = 0
  check "$kind: with its kind" has "$WORK/ls" "enclave/model +$kind +fresh"
done

for lie in software debug relay; do
  enclave "$lie" aws-nitro "$lie"
  case "$lie" in software) why='PCR0 is 6666' ;; debug) why='debug mode' ;; relay) why='connection.s key' ;; esac
  check "$lie: the log says why" test -n "$(await 30 "no evidence from enclave/model: .*$why" "$WORK/$lie.serve.log")"
  status="$(ask)"
  check "$lie: it does not exist ($status)" test "$status" = 403
  DROVER_URL="$URL" DROVER_KEY="$KEY" "$DROVER" attest ls --check >"$WORK/ls" 2>&1 && ls=0 || ls=$?
  check "$lie: attest ls says that there is none ($ls)" test "$ls" = 1
  check "$lie: and why" has "$WORK/ls" "aws-nitro +none .*$why"
  check "$lie: the caller is told" has "$WORK/answer" 'attestation: .* shows no evidence now'
done

# By hand: fetch a document over the endpoint's own TLS and check it.
folder="$WORK/true-aws-nitro"
site="$(grep -oE 'https://127\.0\.0\.1:[0-9]+' "$WORK/true-aws-nitro.log" | head -n 1)"
nonce="$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
curl -sS -m 30 --cacert "$folder/ca.pem" "$site/attestation?nonce=$nonce" -o "$WORK/document"
pcr0="$(grep -oE '[0-9a-f]{96}' "$folder/drover.yaml")"
verify() { "$DROVER" attest verify "$WORK/document" --kind aws-nitro "$@" >"$WORK/out" 2>"$WORK/err"; }
# refuses CODE REASON OPTIONS...
refuses() {
  local code="$1" reason="$2" got=0
  shift 2
  verify "$@" || got=$?
  [ "$got" -eq "$code" ] && has "$WORK/err" "$reason"
}
good=(--root "$folder/root.pem" --pcr "0=$pcr0" --nonce "$nonce" --connection-key "$folder/tls.pem")
check "a good document" verify "${good[@]}"
check "says what it is bound to" has "$WORK/out" 'our connection +yes'
check "as JSON" verify "${good[@]}" --json
check "with its facts" has "$WORK/out" '"verified": true'
check "AWS's root is not its root" refuses 1 '\(root\)' --pcr "0=$pcr0"
check "another nonce" refuses 1 '\(nonce\)' "${good[@]}" --nonce 00
check "another key" refuses 1 '\(binding\)' "${good[@]}" --connection-key "$folder/ca.pem"
check "another image" refuses 1 '\(measurement\)' --root "$folder/root.pem" --pcr "0=${pcr0//a/b}"
check "tomorrow" refuses 1 '\(expired\)' "${good[@]}" --at 2099-01-01T00:00:00Z
check "no kind of evidence" refuses 2 'aws-nitro, nvidia-cc' --kind sgx
head -c 100 "$WORK/document" >"$WORK/cut" && mv "$WORK/cut" "$WORK/document"
check "a cut document" refuses 1 '\(format\)' "${good[@]}"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
