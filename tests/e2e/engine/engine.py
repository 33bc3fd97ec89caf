"""A real engine through Drover, beside the engine itself: chat, streaming, usage, aborts through
`drover serve`, and `drover demo --engine` with engines that die and people who press Ctrl-C."""
import glob
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time

from server import DROVER, WORK, Child, Serve, free_port, run, run_all, until, write

ENGINE = os.environ["ENGINE"]
MODEL = "smollm2-135m"
END_OF_ANSWER = "2"  # the token that the model must not choose, for an answer without end
INSTRUCTIONS = {"role": "system", "content": "Answer in one short sentence."}  # the demo's own
STORY = "Write a long story about a lighthouse, with many paragraphs."
LONG = ["--message", STORY, "--answer-tokens", "400"]


class RealEngine:
    """The installed engine on a free port."""

    def __init__(self, name):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        with open(os.path.join(WORK, name + ".log"), "wb") as log:
            self.process = subprocess.Popen([ENGINE + "/serve", str(self.port)],
                                            stdout=log, stderr=log)

    def wait(self):
        def ready():
            assert self.process.poll() is None, "the engine ended"
            try:
                return ask(self.port, None, path="/v1/models")
            except OSError:
                return None
        until(ready, "the engine", 120)
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()


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


BODY = {"model": MODEL, "temperature": 0, "max_tokens": 24,
        "messages": [{"role": "user", "content": "Name three colours."}]}


def content(answer):
    return json.loads(answer)["choices"][0]["message"]["content"]


# Through drover serve ----------------------------------------------------------------------------

def direct_and_through():
    """at temperature 0 the same text and usage as asked directly"""
    direct = json.loads(ask(engine.port, BODY))
    through = json.loads(ask(server.port, BODY, server.key))
    assert direct["choices"][0]["message"]["content"], direct
    assert through["choices"][0]["message"]["content"] == direct["choices"][0]["message"]["content"]
    for name in ("prompt_tokens", "completion_tokens"):
        assert through["usage"][name] == direct["usage"][name] > 0, (through, direct)


def streamed():
    """streamed, the pieces are the same text"""
    whole = content(ask(engine.port, BODY))
    text = ask(server.port, dict(BODY, stream=True), server.key)
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines[-1]
    pieces = [c["delta"].get("content") or "" for line in lines[:-1]
              for c in json.loads(line)["choices"]]
    assert "".join(pieces) == whole and len([p for p in pieces if p]) > 3, pieces


def session():
    """a session of an agent is answered by the real model, with its usage"""
    made = server.json("POST", "/v1/sessions", {
        "agent": {"name": "local", "models": [MODEL], "limits": {"output_tokens": 24},
                  "parameters": {"temperature": 0}},
        "message": BODY["messages"][0]["content"]}, server.key, 201)
    state = until(lambda: next((s for s in [server.json("GET", "/v1/sessions/" + made["id"],
                                                        key=server.key)]
                                if len(s["messages"]) >= 2), None), "an answer", 60)
    direct = json.loads(ask(engine.port, BODY))
    assert state["messages"][-1]["content"] == direct["choices"][0]["message"]["content"], state
    assert state["usage"]["output_tokens"] == direct["usage"]["completion_tokens"], state


def leave():
    """Begins a long streamed answer and goes away with its first bytes."""
    body = json.dumps(dict(BODY, stream=True, max_tokens=1900,
                           logit_bias={END_OF_ANSWER: -100})).encode()
    with socket.create_connection(("127.0.0.1", server.port), 60) as stream:
        stream.settimeout(60)
        stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                       + server.key.encode() + b"\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b" 200 " in stream.recv(4096)


def aborted():
    """a client that leaves does not keep the engine from the next one"""
    # Whole, that answer is some 40 seconds of the engine's work on an idle machine and more on a
    # busy one. Drover reads on for 20 seconds, for the usage, and then hangs up.
    leave()
    begun = time.monotonic()
    ask(server.port, dict(BODY, max_tokens=4), server.key)
    took = time.monotonic() - begun
    assert took < 30, f"the engine was busy for {took:.1f} s with the one that left"
    metrics = server.call("GET", "/metrics", key=server.key)[2]
    drained = re.findall(r'^drover_drains_total\{outcome="(\w+)"\} ([1-9])', metrics, re.M)
    # "cut" unless the engine is so fast that it wrote it all within that time.
    print(f"    the next one waited {took:.1f} s; reading on ended: {drained[0][0]}", flush=True)
    assert len(drained) == 1 and drained[0][1] == "1", metrics


# drover demo --engine ----------------------------------------------------------------------------

class Demo(Child):
    """drover demo --engine WHERE in the background."""

    def __init__(self, name, where, *more):
        self.data = os.path.join(WORK, name)
        super().__init__(name, ["demo", "--engine", where, "--data", self.data, *more])

    def engine_pid(self):
        """Of the engine that it started."""
        for task in glob.glob(f"/proc/{self.process.pid}/task/*/children"):
            with open(task, encoding="ascii") as file:
                children = file.read().split()
            if children:
                return int(children[0])
        return None

    def writing(self):
        """Waits until an answer is being written."""
        self.wait_for(r"model  \S+ \S+", 90)

    def ends(self, code, seconds=90):
        until(lambda: self.process.poll() is not None, "the end of the talk", seconds)
        assert self.process.returncode == code, (self.process.returncode, self.text())
        return self.text()

    def events(self):
        id = re.search(r"ses_\w+", self.text()).group(0)
        code, out = run(["session", "events", id, "--data", self.data])
        assert code == 0, out
        return id, out


def demo_alone():
    """drover demo starts the installed engine, talks to it, and ends it"""
    demo = Demo("alone", ENGINE)
    engine_pid = until(demo.engine_pid, "an engine", 20)
    text = demo.ends(0)
    assert text.count("you    ") == 3 and text.count("model  ") == 3, text
    assert len(re.findall(r"\d+ tokens in, \d+ out \(estimated\); first token", text)) == 3, text
    assert not os.path.exists(f"/proc/{engine_pid}"), "its engine is still there"
    id, events = demo.events()
    assert events.count("model.result") == 3, events
    code, trace = run(["trace", id, "--data", demo.data])
    assert code == 0 and MODEL in trace, trace


def demo_url():
    """the demo's answers are what the engine says to the same conversation"""
    code, out = run(["demo", "--engine", engine.url, "--json"], seconds=120)
    assert code == 0, out
    report = json.loads(out)
    assert report["model"] == MODEL and len(report["turns"]) == 3, report
    messages = [INSTRUCTIONS]
    for turn in report["turns"]:
        messages.append({"role": "user", "content": turn["asked"]})
        direct = json.loads(ask(engine.port, {"model": MODEL, "temperature": 0,
                                              "max_tokens": 200, "messages": messages}))
        assert turn["answer"] == direct["choices"][0]["message"]["content"], (turn, direct)
        assert turn["first_token_us"] > 0 and turn["finish_reason"] == "stop", turn
        # This engine's streams end without usage: the count is Drover's estimate, and says so.
        assert turn["estimated"] and turn["input_tokens"] > 0, turn
        real = direct["usage"]["completion_tokens"]
        assert real / 2 <= turn["output_tokens"] <= real * 2, (turn, real)
        messages.append({"role": "assistant", "content": turn["answer"]})


def demo_engine_dies():
    """an engine killed in the middle of an answer is started again, and the call is made again"""
    demo = Demo("dies", ENGINE, *LONG)
    demo.writing()
    os.kill(demo.engine_pid(), signal.SIGKILL)
    text = demo.ends(0, 120)
    assert "ended by signal 9; it is started again" in text, text
    assert "1 answer to 1 question" in text, text
    _, events = demo.events()
    assert events.count("model.call") == events.count("model.result") >= 2, events


def demo_server_dies():
    """a server that dies is told of, and the talk ends with 1"""
    other = RealEngine("other").wait()
    demo = Demo("gone", other.url, *LONG)
    demo.writing()
    other.stop()
    text = demo.ends(1)
    assert "it is tried again" in text and "no answer" in text, text
    assert "0 answers to 1 question" in text, text


def demo_interrupted():
    """Ctrl-C cuts the answer, ends the session and the engine"""
    demo = Demo("interrupted", ENGINE, *LONG)
    demo.writing()
    engine_pid = demo.engine_pid()
    demo.process.send_signal(signal.SIGINT)
    text = demo.ends(130, 10)
    assert "interrupted" in text, text
    assert not os.path.exists(f"/proc/{engine_pid}"), "its engine is still there"
    _, events = demo.events()
    assert "session.ended" in events, events


def demo_typed():
    """on a terminal a line is a message, and Ctrl-D ends the talk"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(WORK)
        os.execv(DROVER, [DROVER, "demo", "--engine", engine.url, "--answer-tokens", "16"])
    seen = ""

    def see(pattern, seconds=60):
        nonlocal seen
        end = time.monotonic() + seconds
        while not re.search(pattern, seen):
            assert time.monotonic() < end, (pattern, seen)
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096).decode("utf-8", "replace")

    try:
        see(r"you ")
        os.write(terminal, b"\nHello there\n")
        see(r"(?s)model .*tokens in.*you ")
        os.write(terminal, b"\x04")
        see("1 answer to 1 question")
    finally:
        def ended():
            return os.waitpid(pid, os.WNOHANG)
        try:
            _, status = until(lambda: next((e for e in [ended()] if e[0]), None), "its end", 10)
        except AssertionError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        os.close(terminal)
    assert status == 0, (status, seen)


def demo_without():
    """no engine at an address, or no such model: exit code 2 and what to do"""
    code, out = run(["demo", "--engine", "http://127.0.0.1:1"])
    assert code == 2 and "http://127.0.0.1:1/v1" in out, (code, out)
    code, out = run(["demo", "--engine", WORK])
    assert code == 2 and "serve" in out, (code, out)
    code, out = run(["demo", "--engine", engine.url, "--model", "gpt-4o"])
    assert code == 2 and MODEL in out, (code, out)
    code, out = run(["demo", "--engine", engine.url, "--credentials", "sk-secret"])
    assert code == 2 and "env:NAME" in out and "sk-secret" not in out, (code, out)


engine = RealEngine("engine")
try:
    engine.wait()
    server = Serve("serve", write("drover.yaml", f"""
listen: 127.0.0.1:0
endpoints:
  - {{provider: openai-compatible, model: {MODEL}, base_url: '{engine.url}'}}
"""), os.path.join(WORK, "data"))
    result = run_all([direct_and_through, streamed, session, aborted, demo_alone, demo_url,
                      demo_engine_dies, demo_server_dies, demo_interrupted, demo_typed,
                      demo_without])
finally:
    engine.stop()
sys.exit(result)
