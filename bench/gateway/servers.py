"""The servers of the gateway benchmark: an upstream, Drover, and its peers in front of it.

Each is a process of this run on a port of its own on 127.0.0.1, measured by its own pids and ended
by them. A peer that is not installed is None.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from free_port import free_port  # noqa: E402

PEERS = os.path.join(ROOT, "build", "peers")
RELAY = os.path.join(ROOT, "build", "bench_gateway_relay")
START_TIMEOUT_S = 20
PEER_START_TIMEOUT_S = 90

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


def chunk(delta, finish=None, **more):
    head = {"id": ANSWER["id"], "object": "chat.completion.chunk", "created": 1760000000,
            "model": "bench-model"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def stream_answer(chunks=20):
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": "arrives "}) for _ in range(chunks - 1)]
    events += [chunk({}, "stop"), {**chunk({}), "choices": [], "usage": ANSWER["usage"]}]
    return "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"


class Process:
    """A server of this run: started, waited for, measured, and ended by its own pid."""

    # How a call is addressed to it.
    path = "/v1/chat/completions"
    stream_path = path
    model, stream_model = "bench-model", "bench-stream"
    headers = {}
    key = "none"

    def __init__(self, name, command, port, folder, prefix=(), environment=None):
        self.name, self.port = name, port
        self.log = os.path.join(folder, name + ".log")
        self.started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*prefix, *command], stdout=log, stderr=log, cwd=folder,
                                            env={**os.environ, **(environment or {})})

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


def home_of(folder, name):
    home = os.path.join(folder, name)
    os.makedirs(home)
    return home


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def nginx(name, folder, server, upstream=""):
    """nginx with one worker; `server` is the body of its only server block."""
    port = free_port()
    home = home_of(folder, name)
    config = write(os.path.join(home, "nginx.conf"), f"""
daemon off; master_process on; worker_processes 1; pid {home}/pid; error_log stderr warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000000;
  client_body_buffer_size 1m; client_max_body_size 64m;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  {upstream}
  server {{ listen 127.0.0.1:{port} reuseport backlog=4096; {server} }}
}}
""")
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
    server = nginx("upstream", folder, f"""
    location /v1/ {{ return 200 '{json.dumps(ANSWER)}'; }}
    location /stream/ {{ default_type text/event-stream; {sets} return 200 "{whole}"; }}
    """)
    server.stream_path = "/stream/chat/completions"
    return server


def slow_upstream(folder):
    """Streams that send a token and then one every few seconds."""
    port = free_port()
    return Process("slow", [sys.executable, os.path.join(HERE, "slow_upstream.py"), str(port)],
                   port, folder)


def proxy(folder, target, name="nginx"):
    server = nginx(name, folder, """
    location / {
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
    }
    """, f"upstream up {{ server 127.0.0.1:{target}; keepalive 1024; "
         "keepalive_requests 1000000000; }")
    server.stream_path = "/stream/chat/completions"
    return server


def relay(folder, target, name="relay"):
    """Passes bytes on and looks at none: no proxy over TCP costs less (relay.cc)."""
    port = free_port()
    server = Process(name, [RELAY, str(port), str(target)], port, folder)
    server.stream_path = "/stream/chat/completions"
    return server


def haproxy(folder, target, name="haproxy"):
    program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if program is None:
        return None
    port = free_port()
    home = home_of(folder, name)
    config = write(os.path.join(home, "haproxy.cfg"), f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
  http-reuse always
  backlog 4096
frontend in
  bind 127.0.0.1:{port}
  default_backend up
backend up
  server up 127.0.0.1:{target}
""")
    server = Process(name, [program, "-db", "-q", "-f", config], port, folder)
    server.stream_path = "/stream/chat/completions"
    return server


def binary():
    """Servers start in folders of their own, so a path that is relative is made whole."""
    return os.path.abspath(os.environ.get("DROVER") or os.path.join(ROOT, "build", "drover"))


def drover(folder, target, name="drover", prefix=(), program=None, slow=None):
    port = free_port()
    home = home_of(folder, name)
    price = "price_per_million: {input: 2.5, output: 10}"
    more = "" if slow is None else f"""
  - {{id: slow, provider: openai-compatible, model: bench-slow,
     base_url: "http://127.0.0.1:{slow}/v1", {price}}}"""
    config = write(os.path.join(home, "drover.yaml"), f"""
data: {home}/data
listen: 127.0.0.1:{port}
log: {{level: warn}}
endpoints:
  - {{id: answer, provider: openai-compatible, model: bench-model,
     base_url: "http://127.0.0.1:{target}/v1", {price}}}
  - {{id: stream, provider: openai-compatible, model: bench-stream,
     base_url: "http://127.0.0.1:{target}/stream", {price}}}{more}
budgets:
  - {{name: house, money: 1000000, per: month}}
  - {{name: each-key, key: "*", tokens: 1000000000000, per: day}}
""")
    return Process(name, [program or binary(), "serve", "--config", config], port, folder, prefix)


def admin_key(server):
    """The key that the first start prints once."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        found = re.search(r"^\s+(\S{20,})\s*$", server.output(), re.M)
        if found:
            return found.group(1)
        time.sleep(0.002)
    raise SystemExit("drover printed no key:\n" + server.output())


def spans_of(server):
    """How many spans ended, and how many of them are stored."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics",
                                     headers={"Authorization": f"Bearer {server.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()

    def value(name):
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        return float(found.group(1)) if found else 0

    written, dropped = value("drover_spans_written"), value("drover_spans_dropped")
    return written + dropped, written


def litellm(folder, target):
    program = os.path.join(PEERS, "litellm", "bin", "litellm")
    if not os.path.exists(program):
        return None
    port = free_port()
    home = home_of(folder, "litellm")
    models = "".join(f"""
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{target}/{path}
      api_key: none
      input_cost_per_token: 0.0000025
      output_cost_per_token: 0.00001""" for model, path in (("bench-model", "v1"),
                                                            ("bench-stream", "stream")))
    config = write(os.path.join(home, "config.yaml"), f"""
model_list:{models}
general_settings: {{master_key: sk-bench}}
litellm_settings: {{telemetry: false}}
""")
    server = Process("litellm", [program, "--config", config, "--host", "127.0.0.1", "--port",
                                 str(port), "--num_workers", "1"], port, folder,
                     environment={"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    server.key = "sk-bench"
    return server


def portkey(folder, target):
    program = os.path.join(PEERS, "portkey", "node_modules", "@portkey-ai", "gateway", "build",
                           "start-server.js")
    node = os.path.join(ROOT, "build", "node", "bin", "node")
    node = node if os.path.exists(node) else shutil.which("node")
    if node is None or not os.path.exists(program):
        return None
    port = free_port()
    server = Process("portkey", [node, program, f"--port={port}", "--headless"], port, folder,
                     environment={"NODE_ENV": "production"})
    server.headers = {"x-portkey-provider": "openai",
                      "x-portkey-custom-host": f"http://127.0.0.1:{target}/v1"}
    server.stream_headers = {**server.headers,
                             "x-portkey-custom-host": f"http://127.0.0.1:{target}/stream"}
    return server
