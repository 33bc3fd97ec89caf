"""What asks the servers of the gateway benchmark: wrk, and clients on raw sockets where wrk cannot
see what is asked for (the first token, many slow streams, the same bytes for each count)."""

import json
import os
import re
import selectors
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


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


def headers_of(server, streamed):
    more = getattr(server, "stream_headers", server.headers) if streamed else server.headers
    return {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}", **more}


def ask(server, body, streamed=False):
    path = server.stream_path if streamed else server.path
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body.encode(),
                                     headers_of(server, streamed))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{server.name}{path}: {error.code} {error.read().decode()[:1000]}")


class NoAnswer(Exception):
    """Not one answer came within a round."""


def wrk(server, body_file, connections, seconds, streamed=False, close=False):
    """One round; fails if a single answer was not a 200."""
    headers = headers_of(server, streamed)
    if close:
        headers["Connection"] = "close"
    environment = {**os.environ, "CHAT_BODY": body_file,
                   "CHAT_HEADERS": "\n".join(f"{k}: {v}" for k, v in headers.items())}
    path = server.stream_path if streamed else server.path
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s",
         os.path.join(HERE, "chat.lua"), f"http://127.0.0.1:{server.port}{path}"],
        env=environment, capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"^JSON (.*)$", done.stdout, re.M)
    if not found:
        raise SystemExit("wrk failed:\n" + done.stdout + done.stderr)
    result = json.loads(found.group(1))
    if result["errors"] or result["refused"]:
        raise SystemExit(f"{server.name}: not every answer was good: {result}\n"
                         + server.output()[-2000:])
    if not result["requests"]:
        raise NoAnswer(f"{server.name} answered nothing in {seconds} s")
    return result


def raw_request(server, body, streamed=False):
    path = server.stream_path if streamed else server.path
    head = "".join(f"{k}: {v}\r\n" for k, v in headers_of(server, streamed).items())
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class Connection:
    """A kept connection on which answers are read as far as is asked for."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, request):
        self.socket.sendall(request)

    def read_until(self, mark):
        while mark not in self.buffer:
            part = self.socket.recv(65536)
            if not part:
                raise SystemExit(f"the connection ended: {self.buffer[:500]!r}")
            self.buffer += part

    def read_answer(self):
        """The whole answer, by its length or its last chunk."""
        self.read_until(b"\r\n\r\n")
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not a good answer: {self.buffer[:1000]!r}")
        # At a line's beginning: LiteLLM hands the upstream's on as "llm_provider-content-length".
        length = re.search(rb"(?im)^content-length: (\d+)", head)
        if length is None:
            self.read_until(b"\r\n0\r\n\r\n")
            self.buffer = b""
            return
        while len(rest) < int(length.group(1)):
            rest += self.socket.recv(65536)
        self.buffer = b""

    def close(self):
        self.socket.close()


def first_token_us(server, connection, request):
    """From the request sent to the first event of the stream."""
    begin = time.perf_counter_ns()
    connection.send(request)
    connection.read_until(b"data: ")
    took = time.perf_counter_ns() - begin
    connection.read_answer()
    return took / 1000


def first_tokens(subjects, body, rounds, block=20):
    """Mean time to the first token of each subject, in alternating blocks on one connection."""
    taken = {server.name: [] for server, _ in subjects}
    connections = [(server, Connection(server), raw_request(server, body[model], True))
                   for server, model in subjects]
    for round_ in range(-1, rounds):
        for server, connection, request in connections:
            times = [first_token_us(server, connection, request) for _ in range(block)]
            if round_ >= 0:  # the first is a warm-up
                taken[server.name] += times
    for _, connection, _ in connections:
        connection.close()
    return {name: sum(times) / len(times) for name, times in taken.items()}


def rounds_of_calls(server, body, connections, rounds):
    """`rounds` times: all connections ask at once, and all answers are read."""
    request = raw_request(server, body)
    open_ = [Connection(server) for _ in range(connections)]
    for _ in range(rounds):
        for connection in open_:
            connection.send(request)
        for connection in open_:
            connection.read_answer()
    for connection in open_:
        connection.close()


class SlowStreams:
    """Many streams, each read up to its first token and then left open."""

    def __init__(self, server, body, count, at_once=100):
        request = raw_request(server, body, True)
        self.sockets = []
        waiting = selectors.DefaultSelector()
        for start in range(0, count, at_once):
            batch = min(at_once, count - start)
            for _ in range(batch):
                s = socket.create_connection(("127.0.0.1", server.port), timeout=60)
                s.sendall(request)
                self.sockets.append(s)
                waiting.register(s, selectors.EVENT_READ, [b""])
            end = time.monotonic() + 60
            while waiting.get_map() and time.monotonic() < end:
                for key, _ in waiting.select(1):
                    key.data[0] += key.fileobj.recv(65536)
                    if b"data: " in key.data[0]:
                        waiting.unregister(key.fileobj)
            if waiting.get_map():
                raise SystemExit(f"{server.name}: {len(waiting.get_map())} streams did not begin")

    def close(self):
        for s in self.sockets:
            s.close()


def churn(server, body_file, stream_body, stream_file, seconds, sample):
    """Connections that come and go, streams that are cut by their clients; `sample` is called
    between the rounds with the seconds gone."""
    begin = time.monotonic()
    request = raw_request(server, stream_body, True)
    while time.monotonic() - begin < seconds:
        wrk(server, body_file, 64, 1, close=True)
        wrk(server, stream_file, 64, 1, streamed=True)
        for _ in range(50):
            cut = Connection(server)
            cut.send(request)
            cut.read_until(b"data: ")
            cut.close()
        sample(time.monotonic() - begin)
