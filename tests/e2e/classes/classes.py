"""OpenAI's package for Python under service classes. One server for all of it."""
import json
import os
import re
import sys
import threading
import time
import urllib.request

import openai

from server import WORK, Serve, run, run_all, write

UPSTREAM = open(os.path.join(WORK, "upstream.url"), encoding="utf-8").read().strip()
AT_ONCE = 4
write("prices.yaml", """
prices:
  - provider: openai-compatible
    model: "*"
    source: {url: "https://example.com", taken: 2026-11-28}
    per_million: {input: 2, output: 8}
    tiers:
      - {tier: flex, input: 1, output: 4}
      - {tier: priority, input: 4, output: 16}
""")
CONFIG = write("drover.yaml", f"""
prices: [prices.yaml]
classes:
  queue: {{calls: 12, fast: 2s, slow: 3s}}
  fast: {{tier: priority}}
endpoints:
  - id: few
    provider: openai-compatible
    model: few
    base_url: {UPSTREAM}/v1
    facts: {{calls_in_flight: {AT_ONCE}}}
  - id: scarce
    provider: openai-compatible
    model: scarce
    base_url: {UPSTREAM}/v1
""")
SERVER = Serve("serve", CONFIG, os.path.join(WORK, "data"), arguments=("--listen", "127.0.0.1:0"))


def client(retries=0, **headers):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{SERVER.port}/v1", api_key=SERVER.key,
                         max_retries=retries, timeout=30, default_headers=headers)


def ask_by(sdk, model="few", **more):
    return sdk.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hi"}], **more)


def ask(service_class=None, model="few", **more):
    headers = {"x-drover-service-class": service_class} if service_class else {}
    return ask_by(client(**headers), model, **more)


def seen():
    with urllib.request.urlopen(UPSTREAM + "/seen", timeout=10) as answer:
        return json.load(answer)


def metric(name):
    _, _, text = SERVER.call("GET", "/metrics", key=SERVER.key)
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name))


def tiers():
    """header and service_tier decide, the tier that was served is billed"""
    def check(raw, path, tier, cost):
        assert raw.headers["x-drover-service-class"] == path, dict(raw.headers)
        assert raw.parse().service_tier == tier, raw.text
        assert raw.headers["x-drover-cost-usd"] == cost, raw.headers["x-drover-cost-usd"]
    check(ask("slow"), "slow", "flex", "0.005")
    check(ask("fast"), "fast", "priority", "0.02")
    check(ask(service_tier="flex"), "slow", "flex", "0.005")
    check(ask("fast", service_tier="default"), "fast", "default", "0.01")
    try:
        ask("hurried")
        raise AssertionError("there is no such class")
    except openai.BadRequestError as error:
        assert "fast, slow or auto" in str(error)
    code, text = run(["cost", "calls", "--json"], env={
        "DROVER_URL": f"http://127.0.0.1:{SERVER.port}", "DROVER_KEY": SERVER.key})
    assert code == 0 and len(re.findall(r'"service_tier": ?"flex"', text)) == 2, text


def resubmitted():
    """429 with nothing else left: fast is told so, slow is submitted again until it is answered"""
    try:
        ask("fast", model="scarce")
        raise AssertionError("it is refused twice")
    except openai.RateLimitError:
        pass
    raw = ask("slow", model="scarce")
    assert raw.parse().choices[0].message.content == "Done."
    assert int(raw.headers["x-drover-queued-ms"]) > 100, dict(raw.headers)
    assert metric("drover_resubmitted_total") >= 1


class Flood:
    """Slow calls of one client, all at once, each in a thread of its own."""

    def __init__(self, calls, retries=0):
        self.answered, self.refused, self.other = [], [], []
        self.sdk = client(retries, **{"x-drover-service-class": "slow"})
        # Threads begin one after another, and slowly on a busy machine.
        self.ready = threading.Barrier(calls + 1)
        self.threads = [threading.Thread(target=self.one) for _ in range(calls)]
        for thread in self.threads:
            thread.start()
        self.ready.wait()
        self.began = time.monotonic()

    def one(self):
        self.ready.wait()
        try:
            self.answered.append(ask_by(self.sdk))
        except (openai.RateLimitError, openai.InternalServerError) as error:
            self.refused.append(error)
        except Exception as error:
            self.other.append(error)

    def join(self):
        for thread in self.threads:
            thread.join()
        self.took = time.monotonic() - self.began


def overload():
    """under overload slow work waits or is told when to come back, and fast work does not notice"""
    flood = Flood(40)
    time.sleep(0.3)
    took = []
    for _ in range(5):
        began = time.monotonic()
        raw = ask("fast")
        took.append(time.monotonic() - began)
        assert int(raw.headers.get("x-drover-queued-ms", 0)) < 50, dict(raw.headers)
    flood.join()
    assert not flood.other, flood.other[0]
    assert len(flood.answered) + len(flood.refused) == 40
    # Three places are slow work's, for half a second each; twelve calls may wait.
    assert 12 <= len(flood.answered) <= 3 * (flood.took / 0.5 + 1), (len(flood.answered), flood.took)
    assert flood.refused
    waited = [int(raw.headers.get("x-drover-queued-ms", 0)) for raw in flood.answered]
    assert max(waited) > 900, waited
    for error in flood.refused:
        assert error.status_code in (429, 503), error
        assert error.code == "overloaded", error.body
        assert 1 <= int(error.response.headers["retry-after"]) <= 10, error.response.headers
    assert seen()["most"] <= AT_ONCE, seen()
    # The endpoint takes half a second, and slow calls waited for one and a half.
    assert sorted(took)[2] < 1.5, took
    assert metric("drover_shed_total") >= len(flood.refused)
    assert metric('drover_admitted_total{class="slow",how="after_waiting"}') > 5
    print(f"  {len(flood.answered)} slow calls answered after up to {max(waited)} ms in the queue, "
          f"{len(flood.refused)} refused; fast calls took {sorted(took)[2] * 1000:.0f} ms")


def sdk_comes_back():
    """who is refused comes back when he was told to, by himself, and is answered"""
    flood = Flood(24, retries=6)
    flood.join()
    assert not flood.other, flood.other[0]
    assert not flood.refused, flood.refused[0]
    assert seen()["most"] <= AT_ONCE


def policy():
    """a key's class, set by the operator"""
    key = SERVER.json("POST", "/v1/keys", {"label": "nightly", "scopes": ["call"]}, SERVER.key,
                      want=201)
    text = open(CONFIG, encoding="utf-8").read()
    write("drover.yaml", text.replace("classes:", "classes:\n  keys: {nightly: {at_most: slow}}"))
    SERVER.json("POST", "/v1/admin/reload", {}, SERVER.key)
    raw = openai.OpenAI(base_url=f"http://127.0.0.1:{SERVER.port}/v1", api_key=key["key"],
                        max_retries=0, timeout=30,
                        default_headers={"x-drover-service-class": "fast"}
                        ).chat.completions.with_raw_response.create(
        model="few", messages=[{"role": "user", "content": "hi"}])
    assert raw.headers["x-drover-service-class"] == "slow"
    assert ask("fast").headers["x-drover-service-class"] == "fast"


sys.exit(run_all([tiers, resubmitted, overload, sdk_comes_back, policy]))
