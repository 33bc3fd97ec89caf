"""How the gateway ends, and begins again: SIGTERM and kill -9 in the middle of a stream."""
import http.client
import json
import os
import signal
import sys
import urllib.request

from server import WORK, Serve, run_all

CLOUDS = {c["kind"]: c for c in json.load(open(sys.argv[1], encoding="utf-8"))["clouds"]}
CONFIG = os.path.join(WORK, "drover.yaml")
LISTEN = ("--listen", "127.0.0.1:0")


def begin_stream(server, key, pause_ms):
    """A stream that pauses after its first words; the connection and the answer so far."""
    fault = {"kind": "stall_between_tokens", "after_events": 6, "duration_ms": pause_ms}
    request = urllib.request.Request(CLOUDS["coreweave"]["control_url"] + "/_sim/faults",
                                     json.dumps(fault).encode())
    urllib.request.urlopen(request, timeout=10).close()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/v1/chat/completions", json.dumps({
        "model": "coreweave", "stream": True,
        "messages": [{"role": "user", "content": "a long story"}]}),
        {"authorization": "Bearer " + key})
    answer = connection.getresponse()
    assert answer.status == 200
    seen = b""
    while b"Once" not in seen:
        line = answer.readline()
        assert line, seen
        seen += line
    return connection, answer, seen


def text_of(data):
    out = ""
    for line in data.decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                out += choice["delta"].get("content") or ""
    return out


def chat(server, key):
    answer = server.json("POST", "/v1/chat/completions", {
        "model": "coreweave", "messages": [{"role": "user", "content": "hi"}]}, key)
    assert answer["choices"][0]["finish_reason"] == "stop"


def terminated():
    """SIGTERM lets a stream come to its end, takes nothing new, and exits with 0"""
    server = Serve("term", CONFIG, os.path.join(WORK, "term"), arguments=LISTEN)
    connection, answer, seen = begin_stream(server, server.key, 1500)
    server.process.send_signal(signal.SIGTERM)
    seen += answer.read()
    connection.close()
    assert seen.rstrip().endswith(b"data: [DONE]"), seen[-300:]
    assert text_of(seen).endswith("had come."), text_of(seen)
    assert server.process.wait(15) == 0
    try:
        server.call("GET", "/healthz", timeout=2)
    except OSError:
        return
    raise AssertionError("something still listens")


def killed():
    """kill -9 in a stream, twice; the same folder is taken up with its keys"""
    folder = os.path.join(WORK, "killed")
    server = Serve("killed", CONFIG, folder, arguments=LISTEN)
    key = server.key
    for again in ("killed-2", "killed-3"):
        chat(server, key)
        connection, answer, seen = begin_stream(server, key, 20_000)
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        try:
            seen += answer.read()
        except (http.client.HTTPException, OSError):
            pass
        connection.close()
        assert b"[DONE]" not in seen and b'"stop"' not in seen, "it ended as if whole"
        server = Serve(again, CONFIG, folder, arguments=LISTEN)
        assert server.key is None, "a new key was made"
    chat(server, key)
    assert server.stop() == 0


sys.exit(run_all([terminated, killed]))
