"""What the gateway benchmark is made of: an upstream, nginx and Drover in front of it, and wrk."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
START_TIMEOUT_S = 20

ANSWER = {
    "id": "chatcmpl-BnchAnswerOfOneKind01", "object": "chat.completion", "created": 1760000000,
    "model": "bench-model", "system_fingerprint": "fp_0123456789",
    "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": {
        "role": "assistant", "refusal": None, "annotations": [],
        "content": "The order was shipped on Monday and arrives on Thursday. " * 4}}],
    "usage": {"prompt_tokens": 230, "completion_tokens": 48, "total_tokens": 278,
              "prompt_tokens_details": {"cached_tokens": 0},
              "completion_tokens_details": {"reasoning_tokens": 0}},
}


def request_body(size, stream=False, model="bench-model"):
    """A chat request of exactly `size` bytes."""
    body = {"model": model, "max_tokens": 256, "temperature": 0.2, "stream": stream,
            "messages": [{"role": "system", "content": "You help customers of a shop."},
                         {"role": "user", "content": ""}]}
    if stream:
        body["stream_options"] = {"include_usage": True}
    words = "Where is my order, and when does it arrive? " * (size // 40 + 1)
    body["messages"][1]["content"] = words[: size - len(json.dumps(body))]
    text = json.dumps(body)
    assert len(text) == size, (len(text), size)
    return text


def stream_answer(chunks=20):
    head = {"id": ANSWER["id"], "object": "chat.completion.chunk", "created": 1760000000,
            "model": "bench-model"}
    events = []
    for i in range(chunks):
        delta = {"content": "arrives "} if i else {"role": "assistant", "content": ""}
        events.append({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({**head, "choices": [], "usage": ANSWER["usage"]})
    return "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A server of this run: started, waited for, measured, and ended by its own pid."""

    def __init__(self, name, command, port, folder, prefix=()):
        self.name, self.port = name, port
        self.log = os.path.join(folder, name + ".log")
        self.started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*prefix, *command], stdout=log, stderr=log, cwd=folder)

    def wait_until_up(self, timeout=START_TIMEOUT_S):
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return self
            except OSError:
                time.sleep(0.002)
        raise SystemExit(f"{self.name} did not start:\n" + self.output())

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def pids(self):
        """Its process and the children of that: nginx works in one, Drover in itself."""
        main = self.process.pid
        with open(f"/proc/{main}/task/{main}/children", encoding="ascii") as children:
            return [main, *map(int, children.read().split())]

    def cpu_s(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])  # utime, stime
        return total / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, field):
        """VmRSS (now) or VmHWM (at most so far)."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
                total += int(re.search(rf"^{field}:\s+(\d+)", status.read(), re.M).group(1))
        return total / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def nginx(name, folder, server, upstream=""):
    """nginx with one worker; `server` is the body of its only server block."""
    port = free_port()
    home = os.path.join(folder, name)
    os.makedirs(home)
    text = f"""
daemon off; master_process on; worker_processes 1; pid {home}/pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000000;
  client_body_buffer_size 64k; client_max_body_size 64m;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  {upstream}
  server {{ listen 127.0.0.1:{port} reuseport; {server} }}
}}
"""
    config = os.path.join(home, "nginx.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(text)
    command = ["nginx", "-c", config, "-p", home]
    if os.geteuid() == 0:
        command += ["-g", "user root;"]
    return Process(name, command, port, folder)


def upstream(folder):
    """The same answer to every call, from memory; a stream where the path says so."""
    stream = stream_answer()
    assert "'" not in stream and "$" not in stream
    # nginx reads at most 4 KiB of text at a time.
    pieces = [stream[i : i + 2048] for i in range(0, len(stream), 2048)]
    sets = "".join(f"set $piece{i} '{piece}';\n" for i, piece in enumerate(pieces))
    whole = "".join(f"${{piece{i}}}" for i in range(len(pieces)))
    return nginx("upstream", folder, f"""
    location /v1/ {{ return 200 '{json.dumps(ANSWER)}'; }}
    location /stream/ {{ default_type text/event-stream; {sets} return 200 "{whole}"; }}
    """)


def proxy(folder, target):
    return nginx("nginx", folder, """
    location / {
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
    }
    """, f"upstream up {{ server 127.0.0.1:{target}; keepalive 128; keepalive_requests 1000000000; }}")


def binary():
    return os.environ.get("DROVER", os.path.join(ROOT, "build", "drover"))


def drover(folder, target, name="drover", prefix=(), program=None):
    port = free_port()
    home = os.path.join(folder, name)
    os.makedirs(home)
    price = "price_per_million: {input: 2.5, output: 10}"
    with open(os.path.join(home, "drover.yaml"), "w", encoding="ascii") as file:
        file.write(f"""
data: {home}/data
listen: 127.0.0.1:{port}
log: {{level: warn}}
endpoints:
  - {{id: answer, provider: openai-compatible, model: bench-model,
     base_url: "http://127.0.0.1:{target}/v1", {price}}}
  - {{id: stream, provider: openai-compatible, model: bench-stream,
     base_url: "http://127.0.0.1:{target}/stream", {price}}}
""")
    return Process(name, [program or binary(), "serve", "--config", os.path.join(home, "drover.yaml")], port,
                   folder, prefix)


def admin_key(server):
    """The key that the first start prints once."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        found = re.search(r"^\s+(\S{20,})\s*$", server.output(), re.M)
        if found:
            return found.group(1)
        time.sleep(0.002)
    raise SystemExit("drover printed no key:\n" + server.output())


def ask(port, body, key, path="/v1/chat/completions"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode(), {
        "Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}")


def spans_of(server, key):
    """How many spans ended, and how many of them are stored."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics",
                                     headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()

    def value(name):
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        return float(found.group(1)) if found else 0

    written, dropped = value("drover_spans_written"), value("drover_spans_dropped")
    return written + dropped, written


def wrk(port, body_file, key, connections, seconds, path="/v1/chat/completions"):
    """One round; fails if a single answer was not a 200."""
    environment = {**os.environ, "CHAT_BODY": body_file, "CHAT_KEY": key}
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s",
         os.path.join(HERE, "chat.lua"), f"http://127.0.0.1:{port}{path}"],
        env=environment, capture_output=True, text=True, timeout=seconds + 30)
    found = re.search(r"^JSON (.*)$", done.stdout, re.M)
    if not found:
        raise SystemExit("wrk failed:\n" + done.stdout + done.stderr)
    result = json.loads(found.group(1))
    if result["errors"] or result["refused"] or not result["requests"]:
        raise SystemExit(f"port {port}: not every answer was good: {result}")
    return result
