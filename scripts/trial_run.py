#!/usr/bin/env python3
"""trial_run.py PROGRAM FOLDER [--short] : mixed work for a program that counts what it does.

`PROGRAM serve` gets chat calls of 1 KiB and 16 KiB in the forms of four clouds, streamed and not, on
kept connections, and sessions that workers lead through three steps over a queue. `PROGRAM demo`
plays a day: agents with tools and memory, failovers, waits. The clouds are `PROGRAM sim`; everything
is on free ports of 127.0.0.1. Each program is stopped in good order, so that it leaves its counts in
FOLDER as NAME.profraw. The first wrong answer ends the run with its reason and exit code 1. It takes
half a minute; a short one two seconds, without the day: to see that all of this still works.
"""

import http.client
import itertools
import json
import os
import shutil
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "bench", "gateway"), os.path.join(ROOT, "scripts")]
import load  # noqa: E402  (bench/gateway/load.py)
import servers  # noqa: E402  (bench/gateway/servers.py)
from free_port import free_port  # noqa: E402

CHAT_S = 10
SESSIONS_S = 5
SHORT_S = 1
DAY = "20s"
DAY_SECONDS_MAX = 300
# Calls that come together share what they share under load.
CONNECTIONS = 32
SIZES = (1024, 16 << 10)
WORKERS = 16
STEPS = 3
SCRIPT = 'rules: []\notherwise: "The order was shipped on Monday, and it arrives with you on Thursday at noon."\n'


def counting(path):
    return {"LLVM_PROFILE_FILE": path}


def stop(process):
    process.stop()
    if process.process.returncode != 0:
        raise SystemExit(f"{process.name} did not end in good order:\n{process.output()}")


class Trial:
    def __init__(self, program, home, out, short):
        self.program, self.home, self.out, self.short = program, home, out, short

    def path(self, name):
        return os.path.join(self.home, name)

    def start_clouds(self):
        script = servers.write(self.path("script.yaml"), SCRIPT)
        command = [self.program, "sim", "--json", "--script", script]
        for name in ("openai", "azure", "coreweave", "aws"):
            command += ["--cloud", name]
        # What a simulated cloud spends its time with is not what a release is for: its counts go.
        sim = servers.Process("sim", command, 0, self.home,
                              environment=counting(self.path("sim.profraw")))
        end = time.monotonic() + servers.START_TIMEOUT_S
        while not sim.output().endswith("\n"):
            if sim.process.poll() is not None or time.monotonic() > end:
                sim.stop()
                raise SystemExit("the simulated clouds do not say where they are:\n" + sim.output())
            time.sleep(0.01)
        return sim, {c["kind"]: c for c in json.loads(sim.output())["clouds"]}

    def endpoints(self, clouds):
        """One endpoint at each cloud, in the form of that cloud, and the keys that they need."""
        openai, azure, coreweave, aws = (clouds[kind] for kind in
                                         ("openai", "azure", "coreweave", "aws"))
        key = aws["credentials"]["access_keys"][0]
        environment = {"TRIAL_OPENAI": openai["credentials"]["bearer"],
                       "TRIAL_AZURE": azure["credentials"]["api_key"],
                       "TRIAL_COREWEAVE": coreweave["credentials"]["bearer"],
                       "AWS_ACCESS_KEY_ID": key["access_key_id"],
                       "AWS_SECRET_ACCESS_KEY": key["secret_access_key"]}
        url = lambda cloud: cloud["regions"][0]["url"]
        return [
            {"id": "openai", "provider": "openai", "upstream_model": openai["models"][0],
             "base_url": url(openai) + "/v1", "credentials": "env:TRIAL_OPENAI"},
            {"id": "azure", "provider": "azure-openai", "deployment": azure["models"][0],
             "api_version": "2024-10-21", "base_url": url(azure), "credentials": "env:TRIAL_AZURE"},
            {"id": "coreweave", "provider": "coreweave", "upstream_model": coreweave["models"][0],
             "base_url": url(coreweave) + "/v1", "credentials": "env:TRIAL_COREWEAVE"},
            {"id": "aws", "provider": "aws-bedrock", "upstream_model": aws["models"][0],
             "region": aws["regions"][0]["region"], "base_url": url(aws),
             "credentials": "aws:default"},
        ], environment

    def start_server(self, clouds):
        endpoints, environment = self.endpoints(clouds)
        self.models = [endpoint["id"] for endpoint in endpoints]
        port = free_port()
        config = {
            "data": self.path("data"), "listen": f"127.0.0.1:{port}", "log": {"level": "warn"},
            "endpoints": [{"model": e["id"], "price_per_million": {"input": 2.5, "output": 10}, **e}
                          for e in endpoints],
            "agents": [{"name": "trial", "planner": {"queue": "trial"}}],
            "budgets": [{"name": "house", "money": 1000000, "per": "month"},
                        {"name": "each-key", "key": "*", "tokens": 10**12, "per": "day"}],
        }
        # JSON is YAML.
        path = servers.write(self.path("drover.yaml"), json.dumps(config))
        server = servers.Process("serve", [self.program, "serve", "--config", path], port, self.home,
                                 environment={**environment,
                                              **counting(os.path.join(self.out, "serve.profraw"))})
        server.wait_until_up()
        server.key = servers.admin_key(server)
        return server

    def call_models(self, server):
        requests = [load.raw_request(server, load.request_body(size, streamed, model), streamed)
                    for size in SIZES for streamed in (False, True) for model in self.models]
        connections = [load.Connection(server) for _ in range(CONNECTIONS)]
        end = time.monotonic() + (SHORT_S if self.short else CHAT_S)
        calls = 0
        for request in itertools.cycle(requests):
            if time.monotonic() > end:
                break
            for connection in connections:
                connection.send(request)
            for connection in connections:
                connection.read_answer()
            calls += len(connections)
        for connection in connections:
            connection.close()
        return calls

    def lead_sessions(self, server):
        end = time.monotonic() + (SHORT_S if self.short else SESSIONS_S)
        workers = [Worker(server, number, end) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        faults = [worker.fault for worker in workers if worker.fault]
        if faults:
            raise SystemExit(faults[0])
        return sum(worker.sessions for worker in workers)

    def play_a_day(self):
        day = servers.Process("demo", [self.program, "demo", "--length", DAY, "--quiet", "--data",
                                       self.path("day")], 0, self.home,
                              environment=counting(os.path.join(self.out, "demo.profraw")))
        if day.process.wait(DAY_SECONDS_MAX) != 0:
            raise SystemExit("the day did not end well:\n" + day.output())

    def run(self):
        sim, clouds = self.start_clouds()
        try:
            server = self.start_server(clouds)
            try:
                calls = self.call_models(server)
                sessions = self.lead_sessions(server)
            finally:
                stop(server)
        finally:
            stop(sim)
        if not self.short:
            self.play_a_day()
        return calls, sessions


class Worker(threading.Thread):
    """Begins sessions one after another, and answers for each of their steps."""

    def __init__(self, server, number, end):
        super().__init__(daemon=True)
        self.name, self.end = f"trial-{number}", end
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"}
        self.sessions, self.fault = 0, None

    def ask(self, path, body):
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (200, 201):
            raise ValueError(f"{path}: {answer.status} {text}")
        return json.loads(text)

    @staticmethod
    def plan(step):
        if step > STEPS:
            return {"effects": [{"kind": "end", "result": "done"}]}
        return {"effects": [{"kind": "tool_call", "name": f"step-{step}", "arguments": {}}]}

    def lead_one(self):
        made = self.ask("/v1/sessions", {"agent": "trial", "plan": self.plan(1),
                                         "lease": {"lease_ms": 30000}})
        work = made["work"]
        for step in range(1, STEPS + 1):
            result = {"content": f"result {step} " + "x" * 230, "plan": self.plan(step + 1)}
            if step < STEPS:
                result["next"] = True
            done = self.ask(f"/v1/work/{work['lease']}/result", result)
            if not done["accepted"]:
                raise ValueError(f"a result was not accepted: {done}")
            work = done.get("next")
        self.sessions += 1

    def run(self):
        try:
            while time.monotonic() < self.end:
                self.lead_one()
        except (OSError, KeyError, TypeError, ValueError, http.client.HTTPException) as error:
            self.fault = f"{self.name}: {error!r}"


def main():
    arguments = sys.argv[1:]
    short = arguments[2:] == ["--short"]
    if len(arguments) != 2 and not short:
        raise SystemExit(__doc__)
    program, out = map(os.path.abspath, arguments[:2])
    home = tempfile.mkdtemp(prefix="drover-trial-")
    try:
        calls, sessions = Trial(program, home, out, short).run()
        print(f"{calls} calls, {sessions} sessions")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
