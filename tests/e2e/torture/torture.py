"""Many sessions, many kills; then every journal against the books of the tools and the clouds."""
import collections
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from server import DROVER, WORK, Child, Serve, write

SESSIONS, KILLS = int(sys.argv[1]), int(sys.argv[2])
# Of each session at least; then as many as it takes until the last kill.
TURNS_MIN = 4
# Seconds between the turns of a session: the clouds keep no more than 50,000 calls in their books.
PAUSE = SESSIONS * 0.005
chance = random.Random(int(os.environ["SEED"]))

sim = Child("sim", ["sim", "--json", "--script", os.environ["SCRIPT"]])
clouds = json.loads(sim.wait_for(r"(?m)^(\{\"clouds\".*\})$").group(1))["clouds"]


def endpoint(cloud):
    kind, region = cloud["kind"], cloud["regions"][0]
    keys = cloud["credentials"]
    model = cloud["models"][0]
    if kind == "coreweave":
        return (f"  - {{id: cw, provider: coreweave, model: m, upstream_model: '{model}', "
                f"base_url: '{region['url']}/v1', credentials: env:CW_KEY}}",
                {"CW_KEY": keys.get("bearer") or keys.get("api_key")})
    if kind == "azure":
        return (f"  - {{id: az, provider: azure-openai, model: m, upstream_model: '{model}', "
                f"deployment: '{model}', base_url: '{region['url']}', credentials: env:AZ_KEY}}",
                {"AZ_KEY": keys.get("api_key") or keys.get("bearer")})
    return None


env, lines = {}, []
for cloud in clouds:
    made = endpoint(cloud)
    if made:
        lines.append(made[0])
        env.update(made[1])
CONFIG = write("drover.yaml", "listen: 127.0.0.1:0\nendpoints:\n" + "\n".join(lines) + f"""
tools:
  - {{name: t, url: '{os.environ["TOOLS_URL"]}', allow_private: ['127.0.0.1']}}
agents:
  - {{name: a, version: "1", instructions: Answer., models: [m], tools: [t], limits: {{output_tokens: 200}}}}
""")
DATA = os.path.join(WORK, "data")
KEY = None


class Server:
    """Drover under the axe: each start is a process of its own on a port of its own."""

    def __init__(self):
        self.number, self.now, self.kills, self.slowest = 0, None, 0, 0.0
        self.start()

    def start(self):
        global KEY
        began = time.monotonic()
        self.number += 1
        self.now = Serve(f"serve{self.number}", CONFIG, DATA, env)
        self.slowest = max(self.slowest, time.monotonic() - began)
        KEY = KEY or self.now.key

    def kill(self):
        self.now.process.send_signal(signal.SIGKILL)
        self.now.process.wait()
        self.kills += 1
        self.start()


server = Server()
over = threading.Event()


def api(method, path, body=None, patience=60):
    """Asks again while the server is away; None when the outcome of a POST is unknown."""
    end = time.monotonic() + patience
    while True:
        try:
            status, _, text = server.now.call(method, path, body, KEY, timeout=10)
            if status < 500 and status != 429:
                return status, json.loads(text)
        except (OSError, http.client.HTTPException):
            if method == "POST":
                time.sleep(0.02)
                return None
        if time.monotonic() > end:
            raise AssertionError(f"{method} {path}: no answer for {patience} s")
        time.sleep(0.03)


def post_once(path, body, seen):
    """Posts until `seen()` says that it is in the journal: an answer may be lost with the server."""
    while not seen():
        answer = api("POST", path, body)
        if answer and answer[0] < 300:
            return answer[1]
    return None


class Asked:
    """How many messages a session's journal has; what was read once is not read again."""

    def __init__(self, session):
        self.session, self.next, self.count = session, 1, 0

    def look(self):
        more = True
        while more:
            _, page = api("GET", f"/v1/sessions/{self.session}/events?from={self.next}&limit=1000")
            self.count += sum(1 for e in page["data"] if e["kind"] == "observation")
            if page["data"]:
                self.next = page["data"][-1]["sequence"] + 1
            more = page["has_more"]
        return self.count


def talk(number, sessions, turns):
    """Turn after turn until all the kills were made; each kill hits sessions at work."""
    name = f"s{number}"
    made = None
    while made is None:
        answer = api("POST", "/v1/sessions", {"agent": "a", "labels": {"user": name}})
        if answer:
            made = answer[1]["id"]
    sessions[number], turns[made], asked = made, 0, Asked(made)
    while turns[made] < TURNS_MIN or not over.is_set():
        turn = turns[made]
        post_once(f"/v1/sessions/{made}/messages", {"content": f"question {name}t{turn}"},
                  lambda: asked.look() > turn)
        end = time.monotonic() + 240
        while True:
            _, state = api("GET", f"/v1/sessions/{made}")
            last = state["messages"][-1]
            if state["status"] == "waiting" and last["role"] == "assistant" and not last.get("tool_calls"):
                assert f"{name}t{turn}" in str(last["content"]), last
                break
            assert time.monotonic() < end, f"{made} is stuck: {state['status']} {state.get('waiting_for')}"
            time.sleep(0.1)
        turns[made] += 1
        over.wait(PAUSE)


def check(session, turns, calls, cloud_keys):
    """The journal of one session against what the others saw. Returns counts."""
    _, text = None, None
    status, _, text = server.now.call("GET", f"/v1/sessions/{session}/export", None, KEY)
    assert status == 200, text
    path = os.path.join(WORK, session + ".jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    checked = subprocess.run([DROVER, "contract", "check", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    intents, attempts, results = {}, collections.defaultdict(list), collections.Counter()
    for line in text.splitlines():
        e = json.loads(line)
        payload = e.get("payload") or {}
        if e["kind"] in ("tool.call", "model.call"):
            effect = e["sequence"] if e.get("attempt", 1) <= 1 else e["causation"]
            intents.setdefault(effect, e["kind"])
            attempts[effect].append(e.get("attempt", 1))
        elif e["kind"] in ("tool.result", "model.result") and "ignored" not in payload:
            results[e["causation"]] += 0 if "error" in payload else 1
    repeated = 0
    for effect, kind in intents.items():
        assert attempts[effect] == list(range(1, len(attempts[effect]) + 1)), (session, effect, attempts[effect])
        assert results[effect] == 1, f"{session}: effect {effect} has {results[effect]} results"
        key = f"{session}/{effect}"
        repeated += len(attempts[effect]) - 1
        if kind == "tool.call":
            seen = calls.get(key, [])
            assert seen, f"{key} has a result, and the tool never saw it"
            # Each call that the tool saw was intended first, under the same key.
            assert set(seen) <= set(attempts[effect]), (key, seen, attempts[effect])
        else:
            assert key in cloud_keys, f"{key} has an answer, and no cloud saw the call"
    assert sum(1 for k in intents.values() if k == "tool.call") == 2 * turns
    assert sum(1 for k in intents.values() if k == "model.call") == 2 * turns
    return len(intents), repeated, set(f"{session}/{s}" for s in intents)


def books():
    calls = collections.defaultdict(list)
    with open(os.environ["CALLS_FILE"], encoding="utf-8") as file:
        for line in file:
            meta = json.loads(line)["meta"]
            calls[meta["drover/idempotency_key"]].append(meta["drover/attempt"])
    keys = collections.Counter()
    for cloud in clouds:
        host, port = cloud["control_url"].split("//")[1].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.request("GET", "/_sim/state?log=1000000")
        for entry in json.loads(connection.getresponse().read())["log"]:
            if entry.get("idempotency_key"):
                keys[entry["idempotency_key"]] += 1
    return calls, keys


def main():
    sessions, turns = {}, {}
    failures = []

    def run(number):
        try:
            talk(number, sessions, turns)
        except BaseException as error:  # shown by the main thread
            failures.append(f"session {number}: {error!r}")

    people = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(SESSIONS)]
    began = time.monotonic()
    for person in people:
        person.start()
    while server.kills < KILLS and not failures:
        time.sleep(chance.uniform(0.02, 0.9))
        working = sum(1 for p in people if p.is_alive())
        assert working or failures, f"everybody was done after {server.kills} of {KILLS} kills"
        server.kill()
    over.set()
    for person in people:
        person.join(300)
    assert not failures, "\n".join(failures[:10])
    assert server.kills == KILLS, f"{server.kills} kills of {KILLS}"
    assert not any(p.is_alive() for p in people), "sessions are stuck"
    calls, keys = books()
    effects = repeated = 0
    ours = set()
    for session in sessions.values():
        found = check(session, turns[session], calls, keys)
        effects, repeated = effects + found[0], repeated + found[1]
        ours |= found[2]
    strangers = [k for k in list(calls) + list(keys) if k not in ours]
    # A session whose creation was answered by nobody may exist beside those that we know.
    known = set(sessions.values())
    strangers = [k for k in strangers if k.split("/")[0] in known]
    assert not strangers, f"calls that no journal intended: {strangers[:5]}"
    print(f"{len(sessions)} sessions of {min(turns.values())} to {max(turns.values())} turns, {server.kills} kills in "
          f"{time.monotonic() - began:.0f} s: {effects} effects, each with one result; {repeated} attempts repeated; "
          f"slowest start {server.slowest:.2f} s")
    print(f"{len(sessions)} passed, 0 failed, 0 skipped")
    server.now.stop()


try:
    main()
finally:
    if server.now.process.poll() is None:
        server.now.process.kill()
    sim.stop()
