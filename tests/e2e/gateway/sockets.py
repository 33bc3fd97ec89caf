"""What no SDK would send: the gateway refuses it, and is as well as before."""
import http.client
import json
import os
import socket
import sys
import time
import urllib.parse
import urllib.request

from server import run_all, until

HOST = urllib.parse.urlsplit(os.environ["GATEWAY_URL"])
KEY = os.environ["GATEWAY_KEY"]
CLOUDS = {c["kind"]: c for c in json.load(open(sys.argv[1], encoding="utf-8"))["clouds"]}
AUTH = f"Host: x\r\nAuthorization: Bearer {KEY}\r\n".encode()


def connect():
    return socket.create_connection((HOST.hostname, HOST.port), 10)


def read_answer(stream):
    """The whole of an answer, until the gateway closes or its Content-Length is reached."""
    data = b""
    while True:
        head, sep, body = data.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length:")]
        if sep and length and len(body) >= int(length[0]):
            break
        more = stream.recv(65536)
        if not more:
            break
        data += more
    return int(data.split(b" ", 2)[1]), data


def post_head(length):
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + AUTH + b"Content-Length: %d\r\n\r\n" % length


def raw(data):
    with connect() as stream:
        stream.sendall(data)
        return read_answer(stream)


def healthy():
    status, data = raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 200 and data.endswith(b"ok\n"), data
    os.kill(int(os.environ["GATEWAY_PID"]), 0)  # raises when it is gone


def refused(body):
    status, data = raw(post_head(len(body)) + body)
    assert status == 400, (status, data[:300])
    error = json.loads(data.partition(b"\r\n\r\n")[2])["error"]
    assert error["type"] == "invalid_request_error" and error["message"], error
    healthy()


def malformed():
    """malformed JSON is 400"""
    for body in (b"{", b"", b"nonsense", b'{"model":"azure","messages":[}', b"[]", b"\x00" * 50):
        refused(body)


def deep():
    """200 levels of JSON are 400"""
    refused(b'{"model":"azure","messages":' + b"[" * 200 + b"]" * 200 + b"}")
    refused(b'{"model":"azure","messages":[{"role":"user","content":"hi"}],"x":'
            + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}")


def utf8():
    """bytes that are not UTF-8 are 400"""
    for bad in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        refused(b'{"model":"azure","messages":[{"role":"user","content":"' + bad + b'"}]}')


def huge_header():
    """headers beyond the limit are 431"""
    for head in (b"X: " + b"a" * 70000 + b"\r\n", b"A: b\r\n" * 150):
        status, data = raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        assert status == 431, data[:200]
        healthy()


def too_large():
    """a body beyond the limit is 413, before it is sent or while it is"""
    for head, body in ((b"Content-Length: 40000000\r\n", b""),
                       (b"Transfer-Encoding: chunked\r\n", b"2100000\r\n" + b"x" * 0x2100000)):
        status, data = raw(b"POST /v1/chat/completions HTTP/1.1\r\n" + AUTH + head + b"\r\n" + body)
        assert status == 413, data[:300]
        error = json.loads(data.partition(b"\r\n\r\n")[2])["error"]
        assert error["type"] == "invalid_request_error", error
        healthy()


def far_too_large():
    """200 MB are 413 for a client that reads only once it has sent all, and for one that asks first"""
    connection = http.client.HTTPConnection(HOST.hostname, HOST.port, timeout=40)
    for path, mb, headers, want in (
            ("/v1/chat/completions", 200, {"Authorization": f"Bearer {KEY}"}, 413),
            ("/v1/chat/completions", 40, {}, 401), ("/nowhere", 40, {}, 404)):
        connection.request("POST", path, body=bytes(mb << 20), headers=headers)
        answer = connection.getresponse()
        assert answer.status == want, (path, answer.status)
        error = json.loads(answer.read())["error"]
        if want == 413:
            assert error["code"] == "body_too_large", error
        connection.close()
    with connect() as stream:
        stream.sendall(post_head(200 << 20)[:-2] + b"Expect: 100-continue\r\n\r\n")
        status, data = read_answer(stream)
        assert status == 413, data[:300]
    healthy()


def slow():
    """a slow client is served, and holds nobody up"""
    body = b'{"model":"azure","messages":[{"role":"user","content":"hi"}]}'
    request = post_head(len(body)) + body
    with connect() as stream:
        for at in range(0, len(request), 3):
            stream.sendall(request[at:at + 3])
            time.sleep(0.01)
            if at % 60 == 0:
                healthy()
        status, data = read_answer(stream)
    assert status == 200 and b"simulated model" in data, data


def told_by_metrics(name):
    """The value of one series; 0 while it has none."""
    status, data = raw(b"GET /metrics HTTP/1.1\r\n" + AUTH + b"\r\n")
    assert status == 200, data[:200]
    for line in data.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return 0


def vanishes():
    """after a client left in a stream, the provider is read on to the usage, and no longer"""
    def control(path, body=None):
        request = urllib.request.Request(CLOUDS["coreweave"]["control_url"] + path,
                                         json.dumps(body).encode() if body else None)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    control("/_sim/faults", {"kind": "stall_between_tokens", "after_events": 6,
                             "duration_ms": 2000})
    body = (b'{"model":"coreweave","stream":true,'
            b'"messages":[{"role":"user","content":"a long story"}]}')
    stream = connect()
    stream.sendall(post_head(len(body)) + body)
    data = b""
    while b"Once" not in data:
        more = stream.recv(4096)
        assert more, data
        data += more
    stream.close()
    # Noticed while the provider is still silent, not at the next write to nobody.
    until(lambda: told_by_metrics("drover_drains_in_flight") == 1, "the client is missed", 1.5)
    assert control("/_sim/state?log=1")["log"][0]["outcome"] == "open"
    healthy()
    until(lambda: control("/_sim/state?log=1")["log"][0]["outcome"] == "ok", "the usage", 10)
    until(lambda: told_by_metrics('drover_drains_total{outcome="complete"}') == 1, "the end", 5)
    assert told_by_metrics("drover_drains_in_flight") == 0
    healthy()


def metrics():
    """/metrics needs an admin key, and counts"""
    status, _ = raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 401, status
    body = b'{"label": "caller", "scopes": ["call"]}'
    status, data = raw(b"POST /v1/keys HTTP/1.1\r\n" + AUTH
                       + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert status == 201, data
    caller = json.loads(data.partition(b"\r\n\r\n")[2])["key"]
    status, _ = raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                    + caller.encode() + b"\r\n\r\n")
    assert status == 403, status
    status, data = raw(b"GET /metrics HTTP/1.1\r\n" + AUTH + b"\r\n")
    assert status == 200 and b"# TYPE drover_" in data, data[:300]


sys.exit(run_all([malformed, deep, utf8, huge_header, too_large, far_too_large, slow, vanishes, metrics]))
