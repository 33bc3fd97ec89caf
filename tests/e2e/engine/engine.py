"""Chat, streaming, usage and aborts of a real engine through Drover, beside the engine itself."""
import http.client
import json
import os
import socket
import subprocess
import sys
import time

from server import WORK, Serve, run_all, until, write

with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]
LOG = open(os.path.join(WORK, "engine.log"), "wb")
engine = subprocess.Popen(
    [os.environ["ENGINE_PYTHON"], "-m", "llama_cpp.server", "--model", os.environ["WEIGHTS"],
     "--model_alias", "smollm2", "--host", "127.0.0.1", "--port", str(PORT), "--n_ctx", "2048",
     "--seed", "7",
     # By default any new request cuts the one before: then an abort would prove nothing.
     "--interrupt_requests", "false"], stdout=LOG, stderr=LOG)


def ask(port, body, key=None, path="/v1/chat/completions"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = "Bearer " + key
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, (answer.status, text[:300])
    return text


def ready():
    assert engine.poll() is None, "the engine ended"
    try:
        return ask(PORT, None, path="/v1/models")
    except OSError:
        return None


BODY = {"model": "smollm2", "temperature": 0, "max_tokens": 24,
        "messages": [{"role": "user", "content": "Name three colours."}]}


def direct_and_through():
    """at temperature 0 the same text and usage as asked directly"""
    direct = json.loads(ask(PORT, BODY))
    through = json.loads(ask(server.port, BODY, server.key))
    assert direct["choices"][0]["message"]["content"], direct
    assert through["choices"][0]["message"]["content"] == direct["choices"][0]["message"]["content"]
    for name in ("prompt_tokens", "completion_tokens"):
        assert through["usage"][name] == direct["usage"][name] > 0, (through, direct)


def streamed():
    """streamed, the pieces are the same text"""
    whole = json.loads(ask(PORT, BODY))["choices"][0]["message"]["content"]
    text = ask(server.port, dict(BODY, stream=True), server.key)
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines[-1]
    pieces = [c["delta"].get("content") or "" for line in lines[:-1]
              for c in json.loads(line)["choices"]]
    assert "".join(pieces) == whole and len([p for p in pieces if p]) > 3, pieces


def session():
    """a session of an agent is answered by the real model"""
    made = server.json("POST", "/v1/sessions", {
        "agent": {"name": "local", "models": ["smollm2"], "limits": {"output_tokens": 24}},
        "message": "Say hello."}, server.key, 201)
    state = until(lambda: next((s for s in [server.json("GET", "/v1/sessions/" + made["id"],
                                                        key=server.key)]
                                if len(s["messages"]) >= 2), None), "an answer", 60)
    assert state["messages"][-1]["role"] == "assistant", state
    assert state["usage"], state


def aborted():
    """a client that leaves does not keep the engine from the next one"""
    with socket.create_connection(("127.0.0.1", server.port), 10) as stream:
        body = json.dumps(dict(BODY, stream=True, max_tokens=1500)).encode()
        stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                       + server.key.encode() + b"\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b" 200 " in stream.recv(4096)
    begun = time.monotonic()
    ask(server.port, dict(BODY, max_tokens=4), server.key)
    assert time.monotonic() - begun < 60, "the engine was still busy with the one that left"


try:
    until(ready, "the engine", 120)
    server = Serve("serve", write("drover.yaml", f"""
listen: 127.0.0.1:0
endpoints:
  - {{provider: openai-compatible, model: smollm2, base_url: 'http://127.0.0.1:{PORT}/v1'}}
"""), os.path.join(WORK, "data"))
    code = run_all([direct_and_through, streamed, session, aborted])
finally:
    engine.terminate()
    try:
        engine.wait(10)
    except subprocess.TimeoutExpired:
        engine.kill()
sys.exit(code)
