"""Drover's ledger against the clouds' own books, under everything that makes them differ."""
import argparse
import csv
import http.client
import io
import json
import os
import signal
import statistics
import subprocess
import threading
import time
from collections import Counter
from fractions import Fraction

from callers import Callers
from server import DROVER, WORK, Child, Serve, until, write

arguments = argparse.ArgumentParser()
arguments.add_argument("--seconds", type=float, default=20)
arguments.add_argument("--kills", type=int, default=3)
arguments.add_argument("--workers", type=int, default=6)
arguments.add_argument("--leave", type=float, default=0.3)
arguments.add_argument("--seed", type=int, default=1)
arguments.add_argument("--memory", action="store_true", help="resident memory must be flat")
A = arguments.parse_args()
passed = failed = 0


def check(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok      " if good else "FAILED  ") + text, flush=True)


# --- The clouds, and what goes wrong there ---
sim = Child("sim", ["sim", "--json", "--first-token", "10ms", "--tokens-per-second", "2000",
                    "--jitter", "0.3", "--cloud", "aws", "--cloud", "azure", "--cloud", "coreweave"])
clouds = {c["kind"]: c
          for c in json.loads(sim.wait_for(r"(?m)^(\{\"clouds\".*\})$").group(1))["clouds"]}
aws, azure, coreweave = clouds["aws"], clouds["azure"], clouds["coreweave"]
access = aws["credentials"]["access_keys"][0]
write("prices.yaml", """
prices:
  - provider: "*"
    model: "*"
    source: {url: "https://example.com", taken: 2026-11-28}
    per_million: {input: 3, output: 15, cache_read: 0.3, cache_write: 3.75}
    tiers:
      - {tier: flex, input: 1.5, output: 7.5, cache_read: 0.15, cache_write: 1.875}
      - {tier: priority, input: 6, output: 30, cache_read: 0.6, cache_write: 7.5}
""")
ENDPOINTS = {
    "aws": f"provider: aws-bedrock, upstream_model: '{aws['models'][0]}', region: "
           f"{aws['regions'][0]['region']}, base_url: '{aws['regions'][0]['url']}', "
           "credentials: 'aws:default'",
    "azure": f"provider: azure-openai, deployment: '{azure['models'][0]}', api_version: "
             f"'2024-10-21', base_url: '{azure['regions'][0]['url']}', credentials: 'env:AZ_KEY'",
    "coreweave": f"provider: coreweave, upstream_model: '{coreweave['models'][0]}', base_url: "
                 f"'{coreweave['regions'][0]['url']}/v1', credentials: 'env:CW_KEY'",
}
# Each cloud by itself, and all of them behind one another.
lines = [f"  - {{id: {name}, model: {name}, {facts}}}" for name, facts in ENDPOINTS.items()]
lines += [f"  - {{id: {name}/any, model: any, {facts}}}"
          for name, facts in ENDPOINTS.items()]
LIMIT = 1000
CONFIG = write("drover.yaml", "listen: 127.0.0.1:0\nprices: [prices.yaml]\n"
               "deadlines: {headers: 2s, first_token: 2s, answer: 2s}\nendpoints:\n" +
               "\n".join(lines) + f"""
budgets:
  - {{name: house, money: {LIMIT}, per: month}}
  - {{name: all-time, money: {LIMIT}}}
  - {{name: keys, key: "*", requests: 100000, per: minute}}
  - {{name: small, key: small, money: 0.02}}
""")
ENV = {"AWS_ACCESS_KEY_ID": access["access_key_id"],
       "AWS_SECRET_ACCESS_KEY": access["secret_access_key"],
       "AZ_KEY": azure["credentials"]["api_key"], "CW_KEY": coreweave["credentials"]["bearer"]}
DATA = os.path.join(WORK, "data")
FAULTS = [("cut", 2), ("early_end", 1), ("missing_usage", 0), ("error_in_stream", 1),
          ("error_500", 0), ("error_503", 0), ("throttle", 0), ("garbage", 1),
          ("cut_before_headers", 0), ("half_frame", 1)]
# Longer than Drover waits; rarer, since each holds a caller for so long.
STALLS = ["stall_before_headers", "stall_first_token"]


def control(cloud, method, path, body=None):
    host = cloud["control_url"].split("//")[1]
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def set_faults():
    """Every twentieth call or so meets one."""
    names = set()
    for cloud in clouds.values():
        faults = []
        for kind, after in FAULTS:
            faults.append({"kind": kind, "count": -1, "probability": 0.006, "after_events": after})
        for kind in STALLS:
            faults.append({"kind": kind, "count": -1, "probability": 0.002, "duration_ms": 5000})
        for fault in faults:
            answer = control(cloud, "POST", "/_sim/faults", fault)
            if "error" not in answer:
                names.add(fault["kind"])
    return names


# --- Drover, killed now and then ---
class Server:
    def __init__(self):
        self.number = self.kills = 0
        self.admin = self.key = None
        self.lock = threading.Lock()
        self.start()

    def start(self):
        self.number += 1
        self.now = Serve(f"serve{self.number}", CONFIG, DATA, ENV)
        self.admin = self.admin or self.now.key

    def kill(self):
        with self.lock:
            self.now.process.send_signal(signal.SIGKILL)
            self.now.process.wait()
            self.kills += 1
            self.start()

    def resident(self):
        with open(f"/proc/{self.now.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0


def first_server():
    """A key named `small` must be there before its budget is."""
    plain = write("first.yaml", open(CONFIG, encoding="utf-8").read().split("budgets:")[0])
    first = Serve("first", plain, DATA, ENV)
    made = json.loads(first.call("POST", "/v1/keys", {"label": "small", "scopes": ["call"]},
                                 key=first.key)[2])
    first.stop()
    return first.key, made["key"]


ADMIN, SMALL = first_server()
server = Server()
server.admin = ADMIN


# --- The callers ---
faults = set_faults()
callers = Callers(server, ADMIN, SMALL, A.leave, A.seed)
callers.start(A.workers)
began = time.monotonic()
kill_at = [began + A.seconds * (n + 0.5) / A.kills for n in range(A.kills)]
samples = []
while time.monotonic() - began < A.seconds:
    time.sleep(0.2)
    if kill_at and time.monotonic() > kill_at[0]:
        kill_at.pop(0)
        server.kill()
    elif not A.kills:
        samples.append((time.monotonic() - began, server.resident()))
callers.stop()
counts = callers.counts
print(f"{json.dumps(counts)}, {server.kills} kills, faults: {', '.join(sorted(faults))}", flush=True)
check(counts["answered"] > 10 and counts["left"] > 3, "calls were answered, and clients left")
check(len(faults) >= 10, f"{len(faults)} kinds of fault were set")


# --- The books ---
def metric(name):
    text = server.now.call("GET", "/metrics", key=ADMIN)[2]
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return 0


until(lambda: metric("drover_calls_in_flight") == 0, "calls read on to their end", 60)
PROVIDERS = {"aws": "aws-bedrock", "azure": "azure-openai", "coreweave": "coreweave"}
sources = [f"{PROVIDERS[kind]}={cloud['control_url']}" for kind, cloud in clouds.items()]


def reconcile(*flags):
    run = subprocess.run(
        [DROVER, "cost", "reconcile", *sources, *flags, "--json",
         "--url", f"http://127.0.0.1:{server.now.port}", "--key", ADMIN],
        capture_output=True, text=True, cwd=WORK, timeout=120, check=False)
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


def first_of(answer, group):
    return json.dumps(answer[group]["calls"][:2]) if answer[group]["count"] else ""


def number(answer, group):
    return answer[group]["count"]


def account(name):
    data = json.loads(server.now.call("GET", "/v1/budgets", key=ADMIN)[2])["data"]
    return [b for b in data if b["name"] == name]


small = account("small")
check(counts["refused"] > 0 or A.seconds < 10,
      f"{counts['refused']} calls of a key beyond its budget were refused")
check(small and float(small[0]["used"]["money"]) <= 0.02,
      f"which used ${small[0]['used']['money'] if small else '?'} of $0.02")
before = reconcile()
print(f"bill: {before['rows']} rows; {before['agreed']} agree, {number(before, 'corrected')} estimates "
      f"to correct, {number(before, 'added')} billed and not booked, "
      f"{number(before, 'estimated')} estimates that were not billed", flush=True)
for group in ("different", "unknown", "unbilled"):
    check(number(before, group) == 0,
          f"no call is {group} {first_of(before, group)}")
check(before["exact"] and before["agreed"] > 10,
      f"the ledger equals the clouds' books to the token for {before['agreed']} calls with usage")

# Nothing that was billed is missing. The HTTP client sends a request again whose kept connection was
# lost, as the same attempt: a cloud that bills both has one more than there are attempts.
sent, again, added = Counter(), Counter(), Counter()
for cloud in clouds.values():
    for entry in control(cloud, "GET", "/_sim/state?log=50000")["log"]:
        if entry["billed"]["input_tokens"] + entry["billed"]["output_tokens"] > 0:
            sent[entry.get("idempotency_key"), entry.get("attempt")] += 1
for (key, _), times in sent.items():
    again[key] += times - 1
for call in before["added"]["calls"]:
    added[call["billed"].get("idempotency_key")] += 1
free = [key for key, times in added.items() if times > again[key]]
check(not free, f"no attempt that was billed was taken for free; {number(before, 'added')} requests were "
                f"sent twice after a lost connection {free[:3] if free else ''}")

listed = json.loads(server.now.call("GET", "/v1/cost/calls?estimated=true&limit=10000", key=ADMIN)[2])
estimates = number(before, "corrected") + number(before, "estimated")
check(len(listed["data"]) == estimates, f"every one of {estimates} estimates is listed")

reconcile("--correct", "--complete")
after = reconcile()
check(number(after, "corrected") == 0 and number(after, "estimated") == 0 and
      number(after, "added") == 0, "the bill corrects all estimates")
check(after["ledger_tokens"] == after["billed_tokens"],
      f"then the ledger holds what was billed: {after['ledger_tokens']} and "
      f"{after['billed_tokens']} tokens")
billed = {"input": 0, "output": 0, "cached": 0}
for cloud in clouds.values():
    books = control(cloud, "GET", "/_sim/state?log=0")["billed"]
    billed["input"] += books["input_tokens"]
    billed["output"] += books["output_tokens"]
    billed["cached"] += books["cache_read_tokens"]
total = json.loads(server.now.call("GET", "/v1/cost", key=ADMIN)[2])["data"][0]
check((total["input_tokens"], total["output_tokens"], total["cache_read_tokens"]) ==
      (billed["input"], billed["output"], billed["cached"]),
      f"and its sums are the clouds' own: {total['input_tokens']} input, "
      f"{total['cache_read_tokens']} of it cached, {total['output_tokens']} output")


check(all(a["used"]["money"] == total["cost_usd"] for a in account("house") + account("all-time")) and
      account("house"), f"the budgets count the same: ${total['cost_usd']}")
# --- Service tiers: what was served is billed, whatever was asked for ---
for cloud in clouds.values():
    control(cloud, "DELETE", "/_sim/faults")
control(azure, "POST", "/_sim/tier", {"asked": "flex", "served": "default"})
control(aws, "POST", "/_sim/faults", {"kind": "missing_usage", "count": 4})
TIERS = ["", "default", "flex", "priority"]


def cost_by(*names):
    run = subprocess.run([DROVER, "cost", "--by", ",".join(names), "--csv",
                          "--url", f"http://127.0.0.1:{server.now.port}", "--key", ADMIN],
                         capture_output=True, text=True, cwd=WORK, timeout=60, check=True)
    return {tuple(row[n] for n in names): row for row in csv.DictReader(io.StringIO(run.stdout))}


TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
PLACES = ((azure, "azure-openai"), (aws, "aws-bedrock"))
for kind, cloud in clouds.items():
    books = control(cloud, "GET", "/_sim/state?log=0")["billed"]
    row = cost_by("provider").get((PROVIDERS[kind],), {})
    there, here = ([int(side.get(k, 0)) for k in TOKENS] for side in (books, row))
    check(there == here and there[0] > 0,
          f"{PROVIDERS[kind]} by itself: {here} tokens here, {there} there")


def tier_sums():
    """By provider and tier: what its cloud billed, and what the ledger has."""
    rows = cost_by("provider", "tier")
    out = {}
    for cloud, name in PLACES:
        books = control(cloud, "GET", "/_sim/state?log=0")["billed_by_tier"]
        for tier in set(books) | {t for n, t in rows if n == name}:
            row = rows.get((name, tier), {})
            out[name, tier] = ([books.get(tier, {}).get(k, 0) for k in TOKENS],
                               [int(row.get(k, 0)) for k in TOKENS],
                               Fraction(row.get("cost_usd", "0")))
    return out


earlier = tier_sums()
for number_of_call in range(24):
    tier = TIERS[number_of_call % 4]
    body = {"model": "azure" if number_of_call % 8 < 4 else "aws", "max_tokens": 50,
            "stream": number_of_call >= 12, "messages": [{"role": "user", "content": f"tier {tier}"}]}
    if tier:
        body["service_tier"] = tier
    status, _, text = server.now.call("POST", "/v1/chat/completions", body, key=ADMIN,
                                      headers={"content-type": "application/json"})
    check(status == 200, f"a call that asks for '{tier}' is answered {text if status != 200 else ''}")
tiered = reconcile("--correct")
check(tiered["exact"] and number(tiered, "corrected") == 4,
      f"the bill corrects four calls without usage; no tier differs {first_of(tiered, 'different')}")
dearer = {"": 1, "default": 1, "flex": Fraction(1, 2), "priority": 2}
served = set()
for place, (billed_now, booked_now, cost_now) in sorted(tier_sums().items()):
    billed_then, booked_then, cost_then = earlier.get(place, ([0] * 4, [0] * 4, 0))
    billed_more = [now - then for now, then in zip(billed_now, billed_then)]
    booked_more = [now - then for now, then in zip(booked_now, booked_then)]
    fresh = billed_more[0] - billed_more[2] - billed_more[3]
    cost = dearer[place[1]] * (3 * fresh + 15 * billed_more[1] + Fraction(3, 10) * billed_more[2] +
                               Fraction(15, 4) * billed_more[3]) / 1_000_000
    if billed_more[0]:
        served.add(place)
    check(billed_more == booked_more and cost_now - cost_then == cost,
          f"{place[0]} served '{place[1]}': {billed_more[0]} + {billed_more[1]} tokens, "
          f"${float(cost):.6f} more on both sides {booked_more} {float(cost_now - cost_then)}")
check(("azure-openai", "flex") not in served and ("aws-bedrock", "flex") in served,
      "flex that was served as default is booked as default")
total = json.loads(server.now.call("GET", "/v1/cost", key=ADMIN)[2])["data"][0]
check(account("house")[0]["used"]["money"] == total["cost_usd"], "the budgets follow")
# A restart in good order, and one by force, change nothing.
for how in (signal.SIGTERM, signal.SIGKILL):
    server.now.stop(how)
    server.start()
    again = json.loads(server.now.call("GET", "/v1/cost", key=ADMIN)[2])["data"][0]
    check(again == total and account("house")[0]["used"]["money"] == total["cost_usd"],
          f"all of it survives {how.name}")

if A.memory:
    late = [r for t, r in samples if t > A.seconds * 0.3]
    third = len(late) // 3
    early_kb, last_kb = statistics.median(late[:third]), statistics.median(late[-third:])
    check(last_kb <= early_kb * 1.05 + 4096,
          f"resident memory is flat: {early_kb / 1024:.1f} MB, then {last_kb / 1024:.1f} MB")
server.now.stop()
sim.stop()
print(f"{passed} passed, {failed} failed, 0 skipped")
raise SystemExit(1 if failed else 0)
