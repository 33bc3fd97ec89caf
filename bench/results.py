"""One line of bench/results.jsonl: what every benchmark writes and bench/report.py reads."""

import datetime
import json
import os
import subprocess

FOLDER = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(FOLDER, "results.jsonl")


def commit():
    """The commit that was measured; with a `+` if the tree held changes besides the results."""

    def git(*arguments):
        done = subprocess.run(["git", "-C", FOLDER, *arguments], capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/src", ":/CMakeLists.txt")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def build_of(program):
    """Which build was measured: the folder under build/ that it stands in, if it is not build/ itself."""
    folder = os.path.dirname(os.path.abspath(program))
    return "" if os.path.basename(folder) == "build" else os.path.basename(folder)


class Book:
    """Collects the lines of one run, with one date, and appends them: what a save() has written
    stays, whatever becomes of the rest of the run. `program` is the one of ours that is measured."""

    def __init__(self, bench, path=RESULTS, program=None):
        self.bench = bench
        self.path = path
        self.date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        build = build_of(program) if program else ""
        self.commit = commit() + (f" ({build})" if build else "")
        self.lines = []
        self.saved = 0

    def add(self, case, metric, value, unit, peer=None, peer_value=None):
        ratio = value / peer_value if peer_value else None
        self.lines.append({
            "bench": self.bench, "case": case, "metric": metric, "value": tidy(value),
            "unit": unit, "peer": peer, "peer_value": tidy(peer_value), "ratio": tidy(ratio),
            "cores": os.cpu_count(), "date": self.date, "commit": self.commit,
        })

    def save(self):
        with open(self.path, "a", encoding="utf-8") as out:
            for line in self.lines[self.saved:]:
                out.write(json.dumps(line) + "\n")
        self.saved = len(self.lines)


def tidy(value):
    """Four significant digits: more would be noise."""
    if value is None:
        return None
    value = float(f"{value:.4g}")
    return int(value) if value == int(value) else value
