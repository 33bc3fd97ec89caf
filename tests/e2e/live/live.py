"""A client of live output, by the standard alone: server-sent events over http.client."""
import http.client
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time

from server import DROVER, WORK, Serve, run_all, until, write

CLOUD = json.load(open(sys.argv[1], encoding="utf-8"))["clouds"][0]
os.environ["CW_KEY"] = CLOUD["credentials"]["bearer"]
CONFIG = write("drover.yaml", json.dumps({"endpoints": [
    {"id": "cw", "provider": "coreweave", "base_url": CLOUD["regions"][0]["url"] + "/v1",
     "model": "m", "upstream_model": CLOUD["models"][0], "credentials": "env:CW_KEY"}]}))
AGENT = {"name": "teller", "models": ["m"], "parameters": {"stream": True}}
STORY = re.search(r'otherwise: "(.*)"', open(
    os.path.join(os.path.dirname(__file__), "script.yaml"), encoding="utf-8").read()).group(1)
LISTEN = ("--listen", "127.0.0.1:0")


class Client:
    """Follows a session; keeps the text of the call at hand and the last id."""

    def __init__(self, session):
        self.session, self.last, self.text = session, None, ""
        self.messages, self.resets, self.deltas, self.names = [], 0, 0, []

    def take(self, name, id_, data):
        if name == "delta":
            self.deltas += 1
            self.text += data["text"]
            offset = int(id_.split(".")[2])
            assert offset == len(self.text.encode()), (id_, self.text)
        elif name == "reset":
            call, attempt, _ = self.last.split(".")
            assert data["from"] == f"{call}.{attempt}.0", (data, self.last)
            self.resets += 1
            self.text = ""
        elif name == "message":
            assert data["message"]["content"] == self.text, (data, self.text)
            self.messages.append(self.text)
            self.text = ""
        if id_ is not None:
            self.last = id_
        if name != "delta":
            self.names.append(name)

    def follow(self, server, key, enough, seconds=30):
        """One connection, until enough() or it ends; True if it was enough."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
        headers = {"authorization": "Bearer " + key}
        if self.last is not None:
            headers["last-event-id"] = self.last
        try:
            connection.request("GET", f"/v1/sessions/{self.session}/stream", headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            end = time.monotonic() + seconds
            event = {}
            while time.monotonic() < end:
                if enough():
                    return True
                line = answer.readline().decode()
                if not line:
                    return False
                field, _, value = line.rstrip("\n").partition(": ")
                if field:
                    event[field] = value
                elif "event" in event:
                    self.take(event["event"], event.get("id"), json.loads(event["data"]))
                    event = {}
            raise AssertionError(f"not enough within {seconds} s: {self.__dict__}")
        except (http.client.HTTPException, ConnectionError):
            return False
        finally:
            connection.close()

    def waits(self):
        return bool(self.names) and self.names[-1] == "waiting"


def begin(server, key, **agent):
    return server.json("POST", "/v1/sessions", {
        "agent": {**AGENT, **agent}, "message": "tell me"}, key, want=201)["id"]


def final_text(server, key, session):
    return server.json("GET", f"/v1/sessions/{session}", key=key)["messages"][-1]["content"]


def logged(folder, position):
    """What the stream log's files hold of an attempt (src/store/stream_records.h)."""
    out = b""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        at = 16
        while at < len(data):
            size, _ = struct.unpack_from("<II", data, at)
            body = data[at + 8:at + 8 + size]
            sequence, attempt, offset = struct.unpack_from("<QIQ", body, 1 + body[0])
            if f"{sequence}.{attempt}" == position.rpartition(".")[0]:
                assert offset == len(out)
                out += body[21 + body[0]:]
            at += 8 + size
    return out


def steady():
    """Text comes while it is said, then the answer, then what the session waits for"""
    client = Client(begin(MAIN, KEY))
    assert client.follow(MAIN, KEY, lambda: client.deltas >= 5)
    assert MAIN.json("GET", f"/v1/sessions/{client.session}", key=KEY)["status"] == "running"
    assert client.follow(MAIN, KEY, client.waits)
    assert client.names == ["message", "waiting"] and client.resets == 0, client.names
    assert client.messages == [STORY] == [final_text(MAIN, KEY, client.session)]
    assert client.deltas > 20, client.deltas


def interrupted():
    """A client whose connections break off misses and repeats nothing"""
    client = Client(begin(MAIN, KEY))
    connections = 0
    while not client.waits():
        stop = client.deltas + random.randint(1, 6)
        client.follow(MAIN, KEY, lambda: client.deltas >= stop or client.waits())
        connections += 1
    assert client.messages == [STORY] and client.resets == 0, client.__dict__
    assert connections >= 4, connections


def late():
    """A client that was away while the answer was accepted gets the rest from the journal"""
    client = Client(begin(MAIN, KEY))
    assert client.follow(MAIN, KEY, lambda: client.deltas >= 8)
    seen = client.deltas
    until(lambda: MAIN.json("GET", f"/v1/sessions/{client.session}", key=KEY)["status"] == "waiting",
          "the answer")
    assert client.follow(MAIN, KEY, client.waits)
    assert client.messages == [STORY] and client.resets == 0
    assert client.deltas == seen + 1


def killed():
    """kill -9 in the middle, again and again: a reset, and in the end the whole text"""
    data, name = os.path.join(WORK, "killed"), 0
    server = Serve("killed-0", CONFIG, data, arguments=LISTEN)
    key = server.key
    client = Client(begin(server, key))
    kills = 0
    for stop in (3, 12, 20):
        begun = client.deltas
        client.follow(server, key, lambda: client.deltas >= begun + stop)
        assert client.text and STORY.startswith(client.text), client.text
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        kills += 1
        # What the client saw is on disk.
        written = logged(os.path.join(data, "streams"), client.last)
        assert written.startswith(client.text.encode()), (written, client.text)
        server = Serve(f"killed-{kills}", CONFIG, data, arguments=LISTEN)
    assert client.follow(server, key, client.waits)
    assert client.resets == kills, client.resets
    assert client.messages == [STORY] == [final_text(server, key, client.session)]
    # And killed with nothing under way: the same client goes on where it is.
    server.json("POST", f"/v1/sessions/{client.session}/messages", {"content": "again"}, key, 202)
    client.names.clear()
    begun = client.deltas
    assert client.follow(server, key, lambda: client.deltas > begun + 5)
    until(lambda: server.json("GET", f"/v1/sessions/{client.session}", key=key)["status"] ==
          "waiting", "the second answer")
    server.stop(signal.SIGKILL)
    server = Serve("killed-last", CONFIG, data, arguments=LISTEN)
    assert client.follow(server, key, client.waits)
    assert client.resets == kills and client.messages == [STORY, STORY], client.__dict__
    assert server.stop() == 0


def slow_reader():
    """A reader that stops reading holds up neither the session nor the others"""
    session = begin(MAIN, KEY)
    slow, quick = Client(session), Client(session)
    stopped = threading.Event()

    def nap():
        if not stopped.is_set() and slow.deltas >= 2:
            stopped.set()
            time.sleep(5)
        return slow.waits()
    thread = threading.Thread(target=slow.follow, args=(MAIN, KEY, nap))
    thread.start()
    begun = time.monotonic()
    assert quick.follow(MAIN, KEY, quick.waits)
    assert time.monotonic() - begun < 4.5, "the quick one had to wait"
    thread.join(30)
    assert slow.messages == quick.messages == [STORY]


def ended():
    """The end is told; afterwards 204, which browsers take as the end"""
    client = Client(begin(MAIN, KEY, end_after_answer=True))
    client.follow(MAIN, KEY, lambda: False)
    assert client.names == ["message", "ended"], client.names
    path = f"/v1/sessions/{client.session}/stream"
    status, _, body = MAIN.call("GET", path, key=KEY, headers={"last-event-id": client.last})
    assert status == 204 and body == "", (status, body)
    for id_, want in (("nonsense", 400), ("999.1.0", 400), ("1.2", 400)):
        status, _, _ = MAIN.call("GET", path, key=KEY, headers={"last-event-id": id_})
        assert status == want, (id_, status)
    assert MAIN.call("GET", path + "?from=x", key=KEY)[0] == 400
    assert MAIN.call("GET", path)[0] == 401
    assert MAIN.call("GET", "/v1/sessions/ses_none/stream", key=KEY)[0] == 404


def stopped():
    """SIGTERM lets followers go: the process does not wait for them"""
    server = Serve("stopped", CONFIG, os.path.join(WORK, "stopped"), arguments=LISTEN)
    client = Client(begin(server, server.key))
    thread = threading.Thread(target=client.follow, args=(server, server.key, lambda: False))
    thread.start()
    until(lambda: client.deltas > 3, "text")
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 8, time.monotonic() - begun
    thread.join(10)
    key, server = server.key, Serve("stopped-2", CONFIG, os.path.join(WORK, "stopped"),
                                    arguments=LISTEN)
    assert client.follow(server, key, client.waits)
    assert client.messages == [STORY] and client.resets == 1
    assert server.stop() == 0


def commands():
    """`drover session follow` and `drover run --stream` print the text"""
    environment = dict(os.environ, DROVER_URL=f"http://127.0.0.1:{MAIN.port}", DROVER_KEY=KEY)

    def drover(*arguments):
        return subprocess.run([DROVER, *arguments], capture_output=True, timeout=30, cwd=WORK,
                              env=environment, encoding="utf-8", check=True, stdin=subprocess.DEVNULL)
    session = begin(MAIN, KEY)
    out = drover("session", "follow", session, "--until-waiting").stdout
    assert out.startswith(STORY + "\n") and "waits for: message" in out, out
    out = drover("session", "follow", session, "--until-waiting", "--json").stdout
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["delta", "message", "waiting"], lines
    agent = write("teller.yaml", "name: teller\nmodels: [m]\n")
    out = drover("run", agent, "--stream", "--message", "tell me").stdout
    assert out == STORY + "\n", out


MAIN = Serve("main", CONFIG, os.path.join(WORK, "main"), arguments=LISTEN)
KEY = MAIN.key
sys.exit(run_all([steady, interrupted, late, killed, slow_reader, ended, stopped, commands]))
