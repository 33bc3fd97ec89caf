#!/usr/bin/env python3
"""A million parked sessions: fills a store, measures it by itself, then under `drover serve`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import results  # noqa: E402

BENCH = os.path.join(ROOT, "build", "bench_parked")
DROVER = os.path.join(ROOT, "build", "drover")
FILL_TIMEOUT_S = 1800
READY_TIMEOUT_S = 60


def bench(what, folder, count):
    done = subprocess.run([BENCH, what, folder, str(count)], capture_output=True, text=True,
                          timeout=FILL_TIMEOUT_S)
    if done.returncode != 0:
        raise SystemExit(f"bench_parked {what}: {done.stderr}")
    return json.loads(done.stdout)


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def serve(folder, port):
    """Starts the server on the folder; milliseconds to its first answer, and its memory then."""
    config = os.path.join(folder, "bench.yaml")
    with open(config, "w", encoding="utf-8") as out:
        out.write(f"data: {folder}\nlisten: 127.0.0.1:{port}\n")
    log = open(os.path.join(folder, "serve.log"), "w", encoding="utf-8")
    start = time.monotonic()
    server = subprocess.Popen([DROVER, "serve", "--config", config], stdout=log, stderr=log)
    try:
        while time.monotonic() - start < READY_TIMEOUT_S:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read()
                ready = (time.monotonic() - start) * 1000
                time.sleep(2)  # what starts in the background has started
                return ready, resident_mb(server.pid)
            except OSError:
                if server.poll() is not None:
                    break
                time.sleep(0.005)
        log.flush()
        with open(log.name, encoding="utf-8") as text:
            raise SystemExit("drover serve did not become ready: " + text.read()[-2000:])
    finally:
        server.terminate()
        server.wait(timeout=60)
        log.close()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
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
        ready, resident = serve(folder, 18_777)
        book.add(case, "serve_start_to_first_answer", ready, "ms")
        book.add(case, "serve_resident", resident, "MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    book.save()
    for line in book.lines:
        print(f'{line["case"]:28} {line["metric"]:32} {line["value"]:>12} {line["unit"]}')


if __name__ == "__main__":
    main()
