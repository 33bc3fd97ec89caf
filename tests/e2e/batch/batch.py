"""Each test is one promise about calls that go in batches."""
import csv
import io
import json
import os
import signal
import sys
import urllib.request
from fractions import Fraction

from server import WORK, Child, Serve, run, run_all, until, write

sim = Child("sim", ["sim", "--json", "--cloud", "openai", "--first-token", "10ms"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{\"clouds\".*\})$").group(1))["clouds"][0]
write("prices.yaml", """
prices:
  - provider: openai
    model: "*"
    source: {url: "https://example.com", taken: 2026-11-28}
    per_million: {input: 2, output: 8, cache_read: 0.5}
    tiers:
      - {tier: batches, input: 1, output: 4, cache_read: 0.25}
""")
PLACE = (f"provider: openai, upstream_model: '{cloud['models'][0]}', "
         f"base_url: '{cloud['regions'][0]['url']}/v1', credentials: 'env:OPENAI_KEY'")
CONFIG = write("drover.yaml", f"""
listen: 127.0.0.1:0
prices: [prices.yaml]
endpoints:
  - {{id: openai, model: m, {PLACE}, facts: {{batch: true}}}}
  - {{id: openai/plain, model: plain, {PLACE}}}
agents:
  - {{name: nightly, version: "1", models: [m], service_class: slow, batch: {{within: 24h}}}}
  - {{name: slow, version: "1", models: [m], service_class: slow}}
  - {{name: nowhere, version: "1", models: [plain], service_class: slow, batch: {{within: 24h}}}}
""")
ENV = {"OPENAI_KEY": cloud["credentials"]["bearer"]}
DATA = os.path.join(WORK, "data")
server = Serve("serve", CONFIG, DATA, ENV)
ADMIN = server.key
starts = 1


def control(method, path, body=None):
    request = urllib.request.Request(cloud["control_url"] + path, method=method,
                                     data=json.dumps(body).encode() if body is not None else None)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def at_cloud(what):
    regions = control("GET", "/_sim/state?log=0")["regions"]
    return sum(r["batches"].get(what, 0) for r in regions)


def api(method, path, body=None, want=200):
    return server.json(method, path, body, ADMIN, want)


def begin(agent, message):
    return api("POST", "/v1/sessions", {"agent": agent, "message": message}, 201)["id"]


def waits(ident, what, seconds=60):
    def look():
        now = api("GET", "/v1/sessions/" + ident)
        return now["status"] == "waiting" and now["waiting_for"] == what and now
    return until(look, f"{ident} waits for {what}", seconds)


def kill():
    """The process is gone, and another takes over."""
    global server, starts
    server.stop(signal.SIGKILL)
    starts += 1
    server = Serve(f"serve{starts}", CONFIG, DATA, ENV)


def command(*arguments):
    code, text = run([*arguments, "--url", f"http://127.0.0.1:{server.port}", "--key", ADMIN], ENV)
    assert code == 0, f"drover {' '.join(arguments)}: {code}: {text}"
    return text


TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens")


def booked(tier):
    for row in csv.DictReader(io.StringIO(command("cost", "--by", "tier", "--csv"))):
        if row["tier"] == tier:
            return ([int(row[k]) for k in TOKENS], int(row["calls"]), Fraction(row["cost_usd"]))
    return [0, 0, 0], 0, Fraction(0)


def billed(tier):
    books = control("GET", "/_sim/state?log=0")["billed_by_tier"].get(tier, {})
    return [books.get(k, 0) for k in TOKENS]


def price(tokens, dearer=1):
    fresh = tokens[0] - tokens[2]
    return dearer * (2 * fresh + 8 * tokens[1] + Fraction(1, 2) * tokens[2]) / 1_000_000


def same_books():
    for tier in set(control("GET", "/_sim/state?log=0")["billed_by_tier"]):
        assert booked(tier)[0] == billed(tier), f"{tier}: {booked(tier)}, {billed(tier)}"


def killed_while_it_lies_there():
    """three sessions share a batch at half the price, and a kill -9 meanwhile changes nothing"""
    control("POST", "/_sim/batch", {"takes_ms": 15000})
    sessions = [begin("nightly", f"number {n}") for n in range(3)]
    for ident in sessions:
        assert "batch" in json.dumps(waits(ident, "batch"))
    assert at_cloud("in_progress") + at_cloud("validating") == 1
    kill()
    for ident in sessions:
        waits(ident, "batch", 5)
    for number, ident in enumerate(sessions):
        said = waits(ident, "message")["messages"][-1]["content"]
        assert f"number {number}" in said, said
    assert at_cloud("completed") == 1 and at_cloud("in_progress") == 0
    tokens, calls, cost = booked("batch")
    assert calls == 3 and tokens == billed("batch") and tokens[0] > 0, (tokens, calls)
    assert cost == price(tokens, Fraction(1, 2)), (cost, tokens)
    kill()
    assert booked("batch") == (tokens, calls, cost), "another kill books nothing twice"
    same_books()


def nobody_is_surprised():
    """slow alone is answered at once, and so is what no endpoint takes in batches"""
    for agent in ("slow", "nowhere"):
        waits(begin(agent, "now, please"), "message", 4)
    same_books()


def killed_before_it_was_sent():
    """a kill -9 before the batch is handed over loses no call and pays none twice"""
    control("POST", "/_sim/batch", {"takes_ms": 500})
    ident = begin("nightly", "early")
    kill()
    assert "early" in waits(ident, "message")["messages"][-1]["content"]
    same_books()


def expired():
    """what a batch has no answer for is made the ordinary way"""
    control("POST", "/_sim/batch", {"takes_ms": 500, "ends": "expired", "lines_done": 0})
    before = booked("batch")
    ident = begin("nightly", "expires")
    assert "expires" in waits(ident, "message")["messages"][-1]["content"]
    assert booked("batch") == before and at_cloud("expired") == 1
    same_books()


def cancelled():
    """the batch of a session that is cancelled is cancelled too"""
    control("POST", "/_sim/batch", {"takes_ms": 600000})
    before = booked("batch")
    ident = begin("nightly", "never mind")
    waits(ident, "batch")
    command("kill", "session", ident)
    until(lambda: at_cloud("cancelling") + at_cloud("cancelled") == 1, "cancelled", 20)
    assert booked("batch") == before
    same_books()


def told():
    """metrics, the trace and the journal say that it was a batch"""
    text = server.call("GET", "/metrics", key=ADMIN)[2]
    assert "drover_batch_calls_waiting" in text and "drover_batch_calls_total" in text, text[:200]
    listed = api("GET", "/v1/sessions?limit=50")["data"]
    first = min((s["id"] for s in listed if s["agent"] == "nightly"), key=str)
    events = [e["kind"] for e in api("GET", f"/v1/sessions/{first}/events")["data"]]
    assert "wait.started" in events and "wait.resolved" in events, events


code = run_all([killed_while_it_lies_there, nobody_is_surprised, killed_before_it_was_sent, expired,
                cancelled, told])
sys.exit(code)
