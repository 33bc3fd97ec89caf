"""Each test is one promise about keys, secrets, addresses or limits, kept by a running server."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

from server import DROVER, WORK, Child, Serve, run, run_all, until, write

CANARIES = {"PROVIDER_KEY": "canary-provider-7f3a9c21e5", "TOOL_SECRET": "canary-tool-52d1be7703",
            "HEADER_SECRET": "canary-header-c09e41aa68"}
DATA = os.path.join(WORK, "data")

sim = Child("sim", ["sim", "--cloud", "openai", "--json"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
GOOD_KEY = cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")
BASE, MODEL = cloud["regions"][0]["url"], cloud["models"][0]

# A listener that must never be reached: a tool URL names it without leave.
forbidden = socket.create_server(("127.0.0.1", 0))
forbidden.settimeout(0.2)
reached = []


def watch():
    while True:
        try:
            forbidden.accept()
            reached.append(1)
        except socket.timeout:
            continue
        except OSError:
            return


threading.Thread(target=watch, daemon=True).start()

CONFIG = write("drover.yaml", f"""
listen: 127.0.0.1:0
log: {{level: debug}}
endpoints:
  - {{id: good, provider: openai, model: good, upstream_model: '{MODEL}', base_url: '{BASE}/v1', credentials: env:GOOD_KEY}}
  - {{id: refused, provider: openai, model: refused, upstream_model: '{MODEL}', base_url: '{BASE}/v1', credentials: env:PROVIDER_KEY}}
tools:
  - name: demo
    command: ['{DROVER}', sim, mcp-tools]
    environment: {{TOOL_SECRET: env:TOOL_SECRET}}
  - name: broken
    command: ['/bin/false']
    environment: {{TOOL_SECRET: env:TOOL_SECRET}}
  - {{name: loopback, url: 'http://127.0.0.1:{forbidden.getsockname()[1]}/mcp', headers: {{authorization: env:HEADER_SECRET}}, timeout: 3s}}
  - {{name: private, url: 'http://10.255.255.1/mcp', timeout: 3s}}
  - {{name: linklocal, url: 'http://169.254.77.7/mcp', timeout: 3s}}
agents:
  - {{name: plain, models: [good]}}
""")
ENV = dict(CANARIES, GOOD_KEY=GOOD_KEY)
server = Serve("serve", CONFIG, DATA, ENV)
ADMIN = server.key
seen = []  # everything that the server ever said to a client, for the search for canaries
made_keys = []


def call(method, path, body=None, key=None, want=200, headers=None):
    status, head, text = server.call(method, path, body, key, headers)
    seen.append(str(head) + text)
    assert status == want, f"{method} {path}: {status} instead of {want}: {text[:300]}"
    try:
        return json.loads(text)
    except ValueError:
        return text


def new_key(scopes, tenant=""):
    made = server.json("POST", "/v1/keys", {"label": "t", "scopes": scopes, "tenant": tenant},
                       ADMIN, 201)
    made_keys.append(made["key"])
    return made["key"], made["id"]


def chat(key, model="good", want=200, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    return call("POST", "/v1/chat/completions", body, key, want)


def openai_error(answer, kind):
    error = answer["error"]
    assert error["type"] == kind and error["message"] and "code" in error and "param" in error, error


def folder_bytes():
    for folder, _, files in os.walk(DATA):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                yield os.path.join(folder, name), file.read()


def first_key():
    """the first start prints an admin key, the second does not"""
    global server
    assert ADMIN, "no key was printed"
    chat(ADMIN)
    assert server.stop() == 0
    server = Serve("serve-again", CONFIG, DATA, ENV)
    assert server.key is None and "drv_" not in server.text(), "printed again"
    chat(ADMIN)


def wrong_keys():
    """no key, a wrong one and a revoked one are 401 in OpenAI's shape"""
    openai_error(chat(None, want=401), "authentication_error")
    openai_error(chat("nonsense", want=401), "authentication_error")
    changed = ADMIN[:-1] + ("A" if ADMIN[-1] != "A" else "B")
    openai_error(chat(changed, want=401), "authentication_error")
    key, ident = new_key(["call"])
    chat(key)
    call("DELETE", "/v1/keys/" + ident, None, ADMIN)
    openai_error(chat(key, want=401), "authentication_error")


def scopes():
    """a key does what its scopes say"""
    caller, _ = new_key(["call"])
    keeper, _ = new_key(["sessions"])
    openai_error(call("POST", "/v1/sessions", {"agent": "plain"}, caller, 403), "permission_error")
    openai_error(call("GET", "/v1/keys", None, caller, 403), "permission_error")
    openai_error(call("POST", "/v1/keys", {"scopes": ["admin"]}, keeper, 403), "permission_error")
    openai_error(chat(keeper, want=403), "permission_error")
    call("GET", "/metrics", None, keeper, 403)
    call("POST", "/v1/tenants", {"name": "mine"}, keeper, 403)


def tenants():
    """one tenant sees nothing of another's, not even that it is there"""
    for name in ("north", "south"):
        call("POST", "/v1/tenants", {"name": name}, ADMIN, 201)
    north, _ = new_key(["call", "sessions", "admin"], "north")
    south, _ = new_key(["call", "sessions", "admin"], "south")
    ident = call("POST", "/v1/sessions", {"agent": "plain", "message": "hello"}, north, 201)["id"]
    until(lambda: len(call("GET", "/v1/sessions/" + ident, None, north)["messages"]) >= 2, "answer")
    for other in (south, ADMIN):
        for tail in ("", "/events", "/export", "/trace"):
            call("GET", f"/v1/sessions/{ident}{tail}", None, other, 404)
        call("POST", f"/v1/sessions/{ident}/messages", {"content": "x"}, other, 404)
        call("POST", f"/v1/sessions/{ident}/cancel", {}, other, 404)
        call("POST", f"/v1/sessions/{ident}/rewards", {"name": "x", "value": 1}, other, 404)
        listed = call("GET", "/v1/sessions", None, other)["data"]
        assert ident not in [row["id"] for row in listed], "another's session is listed"
    assert ident in [row["id"] for row in call("GET", "/v1/sessions", None, north)["data"]]
    trace = call("GET", "/v1/sessions/" + ident, None, north)["trace_id"]
    call("GET", "/v1/traces/" + trace, None, south, 404)
    call("POST", "/v1/keys", {"scopes": ["admin"], "tenant": "north"}, south, 404)


def session_of(agent, key=None, message="hello"):
    key = key or ADMIN
    ident = call("POST", "/v1/sessions", {"agent": agent, "message": message}, key, 201)["id"]
    until(lambda: call("GET", "/v1/sessions/" + ident, None, key).get("status") in
          ("waiting", "ended", "paused"), "rest")
    return ident


def canaries():
    """secrets stand in no log, metric, error, trace, export or file"""
    answer = server.call("POST", "/v1/chat/completions", {
        "model": "refused", "messages": [{"role": "user", "content": "hi"}]}, ADMIN)
    seen.append(str(answer))
    assert answer[0] >= 400, "a wrong credential was taken: the test proves nothing"
    for tool in ("demo", "broken", "loopback"):
        for model in ("good", "refused"):
            ident = session_of({"name": "c", "models": [model], "tools": [tool]})
            for tail in ("", "/events", "/export", "/trace"):
                call("GET", f"/v1/sessions/{ident}{tail}", None, ADMIN)
    call("GET", "/metrics", None, ADMIN)
    call("GET", "/v1/keys", None, ADMIN)
    time.sleep(0.6)  # the trace's queue is written every quarter of a second
    secrets = [*CANARIES.values(), GOOD_KEY, ADMIN, *made_keys]
    for secret in secrets:
        for text in seen:
            assert secret not in text, f"{secret[:12]}… was told to a client: {text[:200]}"
        for path, data in folder_bytes():
            assert secret.encode() not in data, f"{secret[:12]}… stands in {path}"
        log = open(os.path.join(WORK, "serve-again.log"), encoding="utf-8").read() + sim.text()
        if secret != GOOD_KEY:  # the simulator prints its own keys, as it should
            assert secret not in log, f"{secret[:12]}… stands in a log"
    assert GOOD_KEY not in server.text()
    # And the search finds what is there.
    assert any(b"ten_default" in data for _, data in folder_bytes())


def addresses():
    """tools reach no private address without leave, and nobody names a command from outside"""
    for tool in ("loopback", "private", "linklocal"):
        ident = session_of({"name": "ssrf", "models": ["good"], "tools": [tool]})
        text = json.dumps(call("GET", f"/v1/sessions/{ident}/events", None, ADMIN)) + server.text()
        assert "is not a public address" in text, f"{tool}: no refusal"
    assert not reached, "a forbidden address was connected to"
    for agent in ({"name": "x", "models": ["good"], "tools": [{"command": ["/bin/true"]}]},
                  {"name": "x", "models": ["good"], "command": ["/bin/true"]},
                  {"name": "x", "models": ["good"], "tools": ["unknown"]}):
        call("POST", "/v1/sessions", {"agent": agent}, ADMIN, 400)


def binding():
    """beyond loopback only with TLS or a flag; the remedy is named"""
    path = write("open.yaml", "listen: 0.0.0.0:0\n")
    code, said = run(["serve", "--config", path, "--data", os.path.join(WORK, "none")])
    assert code == 2 and "tls" in said and "behind_tls_proxy" in said and "open.yaml:1" in said, said
    code, said = run(["serve", "--listen", "0.0.0.0:0", "--data", os.path.join(WORK, "none")])
    assert code == 2 and "behind_tls_proxy" in said, said
    assert not os.path.exists(os.path.join(WORK, "none")), "a data folder was made all the same"
    assert "http://127.0.0.1:" in server.text()


def tls():
    """with a certificate it serves TLS, which curl can check"""
    cert, key = os.path.join(WORK, "c.pem"), os.path.join(WORK, "k.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    path = write("tls.yaml", f"listen: 127.0.0.1:0\ntls: {{cert: {cert}, key: {key}}}\n")
    secure = Serve("tls", path, os.path.join(WORK, "tls-data"))
    url = f"https://127.0.0.1:{secure.port}/healthz"
    told = subprocess.run(["curl", "-sS", "-m", "10", "--noproxy", "*", "--cacert", cert, url],
                          capture_output=True)
    assert told.stdout == b"ok\n", told
    distrusted = subprocess.run(["curl", "-sS", "-m", "10", "--noproxy", "*", url],
                                capture_output=True)
    assert distrusted.returncode == 60, distrusted
    with socket.create_connection(("127.0.0.1", secure.port), 5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in plain.recv(100)
    assert secure.stop() == 0


def raw(data, wait=10):
    with socket.create_connection(("127.0.0.1", server.port), wait) as stream:
        stream.settimeout(wait)
        stream.sendall(data)
        return stream.recv(4096)


def limits():
    """bodies, headers, depth and bad bytes are refused in the caller's dialect"""
    auth = f"Authorization: Bearer {ADMIN}\r\nHost: x\r\n".encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + auth
    assert b" 413 " in raw(head + b"Content-Length: 99999999999\r\n\r\n").split(b"\r\n")[0]
    assert b" 431 " in raw(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n")
    assert b" 431 " in raw(b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(200)))
    for body in ("[" * 100000, '{"model":"good","messages":' + "[" * 500 + "]" * 500 + "}",
                 b'{"model":"good","messages":[{"role":"user","content":"\xff\xfe"}]}',
                 '{"model":"good","messages":[{"role":"user","content":"\\ud800"}]}',
                 "{", "", "[]", '"x"', '{"model":7,"messages":[]}', '{"model":"good"}'):
        openai_error(call("POST", "/v1/chat/completions", body, ADMIN, 400),
                     "invalid_request_error")
    for body in ("[" * 100000, b'{"agent":"\xff"}', '{"agent":7}', "{}"):
        openai_error(call("POST", "/v1/sessions", body, ADMIN, 400), "invalid_request_error")
    openai_error(chat(ADMIN, "no-such-model", 404), "invalid_request_error")
    call("GET", "/v1/sessions/../../etc/passwd", None, ADMIN, 404)
    assert b" 400 " in raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert b" 400 " in raw(head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def slow_client():
    """a client that sends its headers drop by drop is closed"""
    with socket.create_connection(("127.0.0.1", server.port), 5) as stream:
        stream.sendall(b"GET /healthz HTTP/1.1\r\n")
        stream.settimeout(0.5)
        end, answer = time.monotonic() + 45, None
        while time.monotonic() < end:
            try:
                stream.sendall(b"X")
                answer = stream.recv(4096)
                break
            except socket.timeout:
                continue
            except OSError:
                answer = b""
                break
        assert answer is not None, "still open after 45 s"


def guessing():
    """who guesses keys is told to wait; a right key passes all the same"""
    statuses = [server.call("GET", "/v1/models", None, "drv_guess%d" % i)[0] for i in range(40)]
    assert statuses[0] in (401, 429) and 429 in statuses, statuses
    status, head, _ = server.call("GET", "/v1/models", None, "drv_guess")
    assert status == 429 and int(head["retry-after"]) > 0, (status, str(head))
    chat(ADMIN)


def alive():
    """after all this the same process answers"""
    assert server.process.poll() is None
    assert call("GET", "/healthz") == "ok\n"
    chat(ADMIN)
    assert not re.search(r"AddressSanitizer|runtime error|assertion", server.text(), re.I)


sys.exit(run_all([first_key, wrong_keys, scopes, tenants, canaries, addresses, binding,
                  tls, limits, slow_client, guessing, alive]))
