#!/usr/bin/env python3
"""A million parked sessions: fills a store, measures it by itself, then under `drover serve`, where
a client wakes some of them by a signal, one after another."""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "scripts")]
import results  # noqa: E402
from free_port import free_port  # noqa: E402
from gateway.servers import Process, admin_key  # noqa: E402

BENCH = os.path.join(ROOT, "build", "bench_parked")
DROVER = os.path.join(ROOT, "build", "drover")
FILL_TIMEOUT_S = 1800
WAKE_TIMEOUT_S = 30


def bench(what, folder, count):
    done = subprocess.run([BENCH, what, folder, str(count)], capture_output=True, text=True,
                          timeout=FILL_TIMEOUT_S)
    if done.returncode != 0:
        raise SystemExit(f"bench_parked {what}: {done.stderr}")
    return json.loads(done.stdout)


def wake_all(port, key, sessions):
    """Signals each session and returns, in milliseconds, how long each took until it was awake, had
    taken the signal, and that was durable."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAKE_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    times = []
    for session in sessions:
        start = time.monotonic()
        connection.request("POST", f"/v1/sessions/{session}/signals/go", "{}", headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.monotonic() - start) * 1000)
        if answer.status != 202:
            raise SystemExit(f"{session} was not woken: {answer.status} {body.decode()}")
    connection.request("GET", f"/v1/sessions/{sessions[-1]}", headers=headers)
    row = json.loads(connection.getresponse().read())
    if row["status"] != "running" or row["events"] < 6:
        raise SystemExit(f"the signal woke nobody: {row}")
    return sorted(times)


def serve(folder, sessions):
    """Starts the server on the folder: milliseconds to its first answer, its memory, the wakes."""
    config = os.path.join(folder, "bench.yaml")
    port = free_port()
    with open(config, "w", encoding="utf-8") as out:
        out.write(f"data: {folder}\nlisten: 127.0.0.1:{port}\nlog: {{level: warn}}\n")
    server = Process("drover", [DROVER, "serve", "--config", config], port, folder)
    try:
        server.wait_until_up(60)
        ready = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        ready.request("GET", "/readyz")
        if ready.getresponse().status != 200:
            raise SystemExit("drover serve is not ready:\n" + server.output())
        figures = {"start_ms": (time.monotonic() - server.started) * 1000}
        time.sleep(2)  # what starts in the background has started
        figures["resident_mb"] = server.memory_mb("VmRSS")
        times = wake_all(port, admin_key(server), sessions)
        figures["wake_p50_ms"] = statistics.median(times)
        figures["wake_p99_ms"] = times[len(times) * 99 // 100]
        figures["resident_after_mb"] = server.memory_mb("VmRSS")
        return figures
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1_000_000,
                        help="how many sessions (a million)")
    count = parser.parse_args().count
    folder = tempfile.mkdtemp(prefix="parked-", dir=os.path.join(ROOT, "build"))
    book = results.Book("parked")
    case = f"{count:,} sessions"
    try:
        filled = bench("fill", folder, count)
        book.add(case, "parked_per_second", filled["sessions_per_second"], "1/s")
        book.add(case, "store_size", filled["store_bytes"] / 1e6, "MB")
        book.add("400 turns, 0.9 MB of text", "store_size", filled["long_session_bytes"] / 1e6, "MB")
        measured = bench("measure", folder, count)
        book.add(case, "store_open", measured["open_ms"], "ms")
        book.add(case, "store_resident", measured["resident_kib"] / 1024, "MB")
        book.add(case, "store_resident_after_2000_wakes",
                 measured["resident_after_wakes_kib"] / 1024, "MB")
        book.add(case, "first_100_due", measured["due_ms"], "ms")
        book.add(case, "store_wake_p50", measured["wake_p50_ms"], "ms")
        book.add(case, "store_wake_p99", measured["wake_p99_ms"], "ms")
        served = serve(folder, filled["sample"])
        book.add(case, "serve_start_to_first_answer", served["start_ms"], "ms")
        book.add(case, "serve_resident", served["resident_mb"], "MB")
        book.add(case, "serve_wake_p50", served["wake_p50_ms"], "ms")
        book.add(case, "serve_wake_p99", served["wake_p99_ms"], "ms")
        book.add(case, f"serve_resident_after_{len(filled['sample'])}_wakes",
                 served["resident_after_mb"], "MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    book.save()
    for line in book.lines:
        print(f'{line["case"]:28} {line["metric"]:32} {line["value"]:>12} {line["unit"]}')


if __name__ == "__main__":
    main()
