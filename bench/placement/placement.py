"""Placement among many endpoints: its time a call, beside rules that are evaluated each time."""

import json
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(FOLDER))
from results import Book  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(FOLDER))
CASES = [(1000, 200), (100, 200), (10_000, 200)]
AIM_US = 5.0


def main():
    book = Book("placement")
    for endpoints, rules in CASES:
        done = subprocess.run(
            [os.path.join(ROOT, "build", "bench_placement"), str(endpoints), str(rules), "100000"],
            capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"placement: {done.stderr.strip()}")
        measured = json.loads(done.stdout)
        case = f"{endpoints}x{rules}"
        for metric in ("mean_us", "p50_us", "p99_us"):
            peer = "rules evaluated anew" if metric != "mean_us" else None
            value = measured[f"fresh_{metric}"] if peer else None
            book.add(case, metric, measured[metric], "us", peer, value)
        print(f"{case}: p50 {measured['p50_us']} us, p99 {measured['p99_us']} us a placement; "
              f"the rules alone, evaluated anew: p50 {measured['fresh_p50_us']} us")
        if case == "1000x200" and measured["p99_us"] > AIM_US:
            print(f"  above the aim of {AIM_US} us")
    book.save()


main()
