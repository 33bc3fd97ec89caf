import json
import os
import subprocess
import sys
import time
import urllib.request

drover, work, url = sys.argv[1:]
CANARY = "canary-http-tool-secret"
passed = failed = 0


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}")


def config(text):
    path = os.path.join(work, "drover.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def run(*arguments):
    return subprocess.run(
        [drover, *arguments],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "ORDERS_TOKEN": "Bearer " + CANARY},
    )


def seen():
    with urllib.request.urlopen(url + "/seen", timeout=10) as answer:
        return json.load(answer)


def call(tool, arguments="{}", server="orders"):
    return run("tool", "call", server, tool, arguments, "--config", PATH)


PATH = config(f"""
tools:
  - name: orders
    http: {url}/api
    headers: {{authorization: env:ORDERS_TOKEN}}
    allow_private: ["127.0.0.1"]
    tools:
      - {{name: find, description: Finds orders, method: GET,
          parameters: {{type: object, properties: {{q: {{type: string}}}}}}}}
      - {{name: refund, path: "/orders/{{order}}/refund"}}
      - {{name: busy}}
      - {{name: wrong}}
      - {{name: moved}}
      - {{name: picture}}
      - {{name: slow, timeout_s: 1}}
  - name: closed
    http: {url}/api
    tools: [{{name: find2}}]
""")

listed = json.loads(run("tool", "ls", "--config", PATH, "--json").stdout)
check([t["name"] for t in listed] ==
      ["find", "refund", "busy", "wrong", "moved", "picture", "slow", "find2"], f"list: {listed}")
check("orders (HTTP), 7 tools" in run("tool", "ls", "orders", "--config", PATH).stdout, "ls says HTTP")
check(not seen(), "listing asks nobody")

out = call("find", '{"q": "blue jeans & \\u00e9"}')
check(out.stdout.strip() == '{"found": "blue jeans & é"}', f"find: {out}")
last = seen()[-1]
check(last["method"] == "GET" and last["target"] == "/api/find?q=blue%20jeans%20%26%20%C3%A9", last)
check(last["headers"]["authorization"] == "Bearer " + CANARY, "the secret arrives")
check(last["headers"]["idempotency-key"].startswith("cli-"), last)
check(last["headers"]["drover-attempt"] == "1", last)

out = call("refund", '{"order": 7, "sum": "1.50"}')
check(out.stdout.strip() == "refunded 7", f"refund: {out}")
last = seen()[-1]
check(last["method"] == "POST" and last["target"] == "/api/orders/7/refund", last)
check(json.loads(last["body"]) == {"sum": "1.50"}, last)
check(call("refund", '{"order": ".."}').returncode == 2, "a step out of the path is refused")

began = time.monotonic()
out = call("busy")
took = time.monotonic() - began
check(out.stdout.strip() == '{"done":true}' and took >= 1, f"busy after {took}: {out}")
first, second = [s["headers"] for s in seen() if s["target"] == "/api/busy"]
check(first["idempotency-key"] == second["idempotency-key"], "one key over the attempts")
check((first["drover-attempt"], second["drover-attempt"]) == ("1", "2"), "attempts are counted")

out = call("wrong")
check(out.returncode == 1 and out.stdout.strip() == "HTTP 422: no such order", f"wrong: {out}")
out = call("moved")
check(out.returncode == 1 and "redirects are not followed" in out.stderr, f"moved: {out}")
out = call("picture")
check(out.stdout.strip() == "[6 bytes of image/png that are no text]", f"picture: {out}")
began = time.monotonic()
out = call("slow")
check(out.returncode == 1 and "did not answer within" in out.stderr, f"slow: {out}")
check(time.monotonic() - began < 10, "the tool's own limit")

before = len(seen())
out = call("find2", server="closed")
check(out.returncode == 1 and "allow_private" in out.stderr, f"closed: {out}")
check(len(seen()) == before, "a private address is not asked")

for text, words in [
    ("tools: [{name: a, http: 'http://x.example/?q=1', tools: [{name: t}]}]", "has no query"),
    ("tools: [{name: a, http: 'ftp://x.example', tools: [{name: t}]}]", "http or https"),
    ("tools: [{name: a, http: 'http://x.example'}]", "needs a list of 'tools'"),
    ("tools: [{name: a, http: 'http://x.example', url: 'http://y.example', tools: [{name: t}]}]",
     "either 'command' or 'url'"),
    ("tools: [{name: a, url: 'http://x.example', tools: [{name: t}]}]", "belongs to 'http'"),
    ("tools: [{name: a, http: 'http://x.example', tools: [{name: t}, {name: t}]}]", "two tools"),
    ("tools: [{name: a, http: 'http://x.example', tools: [{name: t, methd: GET}]}]", "methd"),
    ("tools: [{name: a, http: 'http://x.example', tools: [{name: t, path: x}]}]", "begin with /"),
]:
    out = run("config", "check", config(text))
    check(out.returncode != 0 and words in out.stdout + out.stderr, f"{text}: {out}")
    check(CANARY not in out.stdout + out.stderr, "no secret in messages")

print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
