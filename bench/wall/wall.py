#!/usr/bin/env python3
"""Runs `drover wall` against Drover and its peers, and keeps what the client saw in each scenario.

Each gateway gets the same upstreams and a configuration that asks for what Drover does by itself:
retries, the other endpoints as fallbacks in order, and short deadlines.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]
import results  # noqa: E402
from free_port import free_port  # noqa: E402

PEERS = os.path.join(ROOT, "build", "peers")
DROVER = os.path.join(ROOT, "build", "drover")
START_TIMEOUT_S = 180
WALL_TIMEOUT_S = 900
# Scenarios at once: few, so that a gateway's queueing is not held against it.
AT_ONCE = 4
WARM_UP = "half-character"


class Gateway:
    """A peer as a process of this run; None where it is not installed."""

    def __init__(self, name, command, port, folder, environment, key="", kind=""):
        self.name, self.port, self.key, self.kind = name, port, key, kind
        self.log = os.path.join(folder, name + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder,
                                            env={**os.environ, **environment},
                                            start_new_session=True)
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    with open(self.log, encoding="utf-8", errors="replace") as log:
                        raise SystemExit(f"{name} did not start:\n{log.read()[-4000:]}")
                time.sleep(0.1)

    def stop(self):
        # Its own session: the group is its children and nobody else's.
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        except ProcessLookupError:
            pass


def litellm(folder, upstreams):
    program = os.path.join(PEERS, "litellm", "bin", "litellm")
    if not os.path.exists(program):
        return None
    config = os.path.join(folder, "litellm.yaml")
    with open(config, "w", encoding="utf-8") as file:
        subprocess.run([DROVER, "wall", "--config", "litellm", "--port", str(upstreams)],
                       stdout=file, check=True)
    port = free_port()
    command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(port),
               "--telemetry", "False"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return Gateway("litellm", command, port, folder, environment, key="sk-wall")


def portkey(folder, _upstreams):
    home = os.path.join(PEERS, "portkey", "node_modules", "@portkey-ai", "gateway")
    node = os.path.join(ROOT, "build", "node", "bin", "node")
    server = os.path.join(home, "build", "start-server.js")
    node = node if os.path.exists(node) else shutil.which("node")
    if not os.path.exists(server) or node is None:
        return None
    port = free_port()
    # It calls hosts of the user's own only where they are named.
    environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost,nowhere.invalid"}
    return Gateway("portkey", [node, server, f"--port={port}", "--headless"], port, folder,
                   environment, kind="portkey")


def wall(arguments):
    done = subprocess.run([DROVER, "wall", "--json", *arguments], capture_output=True, text=True,
                          timeout=WALL_TIMEOUT_S)
    if done.returncode not in (0, 1):
        raise SystemExit(f"drover wall: {done.stderr}")
    return json.loads(done.stdout)


def scorecard(arguments, names, warm_up=False):
    """The card of some scenarios, a few at a time. A peer is asked before until it answers at once:
    what it loads at its first call is no fault either."""
    for _ in range(10 if warm_up else 0):
        if wall([*arguments, "--only", WARM_UP])["passed"]:
            break
    card = {"verdicts": [], "took_ms": 0}
    for first in range(0, len(names), AT_ONCE):
        only = [a for name in names[first:first + AT_ONCE] for a in ("--only", name)]
        part = wall([*arguments, *only])
        card["verdicts"] += part["verdicts"]
        card["took_ms"] += part["took_ms"]
    card["scenarios"] = len(card["verdicts"])
    card["passed"] = sum(verdict["passed"] for verdict in card["verdicts"])
    return card


def cell(verdict):
    """What the client saw, in a few words."""
    if not verdict["calls"]:
        return "nothing"
    last = verdict["calls"][-1]
    text = last["end"]
    if last["status"] >= 400:
        text += f" {last['status']}"
    if last["took_ms"] >= 3000:
        text += f", {last['took_ms'] / 1000:.0f} s"
    return text


def keep(book, cards):
    ours = {v["name"]: v for v in cards["drover"]["verdicts"]}
    for name, card in cards.items():
        if name == "drover":
            continue
        book.add("all scenarios", "passed", cards["drover"]["passed"], "1", name, card["passed"])
    for name, card in cards.items():
        for verdict in card["verdicts"]:
            book.lines.append({
                "bench": "wall", "scenario": verdict["name"], "gateway": name,
                "passed": verdict["passed"], "saw": cell(verdict), "faults": verdict["faults"][:3],
                "right": ours[verdict["name"]]["right"], "date": book.date, "commit": book.commit,
            })


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="litellm,portkey", help="comma-separated; '' for none")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a scenario")
    parser.add_argument("--dry", action="store_true", help="print the scorecards, keep nothing")
    options = parser.parse_args()
    names = options.only or [s["name"] for s in wall(["--list"])]
    cards = {"drover": scorecard([], names)}
    makers = {"litellm": litellm, "portkey": portkey}
    for name in filter(None, options.peers.split(",")):
        with tempfile.TemporaryDirectory(prefix="drover-wall.") as folder:
            upstreams = free_port()
            gateway = makers[name](folder, upstreams)
            if gateway is None:
                print(f"{name}: not installed in build/peers, and skipped")
                continue
            try:
                arguments = ["--target", f"http://127.0.0.1:{gateway.port}", "--port",
                             str(upstreams)]
                arguments += ["--key", gateway.key] if gateway.key else []
                arguments += ["--gateway", gateway.kind] if gateway.kind else []
                cards[name] = scorecard(arguments, names, warm_up=True)
            finally:
                gateway.stop()
    for name, card in cards.items():
        print(f"{name}: {card['passed']} of {card['scenarios']} passed, {card['took_ms'] / 1000:.1f} s")
        for verdict in card["verdicts"]:
            mark = "passed" if verdict["passed"] else "FAILED"
            print(f"  {mark}  {verdict['name']}: {cell(verdict)}  {'; '.join(verdict['faults'])}")
    if not options.dry:
        book = results.Book("wall")
        keep(book, cards)
        book.save()
        subprocess.run([sys.executable, os.path.join(os.path.dirname(HERE), "report.py")], check=True)


if __name__ == "__main__":
    main()
