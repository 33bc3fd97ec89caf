#!/usr/bin/env python3
"""The gateway beside nginx, both in front of the same upstream, by wrk in alternating rounds.

An upstream (nginx that answers from memory), `drover serve` with a key, placement, ledger and trace
on, and nginx proxying the same bytes, all on 127.0.0.1 with ports of their own. Each case runs
`--rounds` rounds of: upstream alone, nginx, Drover. About a minute and a half with the defaults.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import instructions
import parts

sys.path.insert(0, os.path.dirname(parts.HERE))
import results  # noqa: E402  (bench/results.py)

# name, bytes of the request, connections, streamed
CASES = [
    ("1KiB", 1024, 64, False),
    ("1KiB, 1 connection", 1024, 1, False),
    ("16KiB", 16 * 1024, 64, False),
    ("1KiB, streamed", 1024, 64, True),
]


class Measured:
    """The rounds of one subject in one case."""

    def __init__(self):
        self.requests = self.seconds = self.cpu_s = 0
        self.p50, self.p99 = [], []

    def add(self, round_, cpu_s):
        self.requests += round_["requests"]
        self.seconds += round_["duration_us"] / 1e6
        self.cpu_s += cpu_s
        self.p50.append(round_["p50_us"])
        self.p99.append(round_["p99_us"])

    def per_second(self):
        return self.requests / self.seconds

    def cpu_us(self):
        return self.cpu_s * 1e6 / self.requests

    def latency_us(self, name):
        """The middle round's: one disturbed round does not decide."""
        values = sorted(getattr(self, name))
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.processes = []
        self.book = results.Book("gateway")

    def start(self, process):
        self.processes.append(process)
        return process.wait_until_up()

    def set_up(self):
        self.upstream = self.start(parts.upstream(self.folder))
        self.nginx = self.start(parts.proxy(self.folder, self.upstream.port))
        self.drover = self.start(parts.drover(self.folder, self.upstream.port))
        self.key = parts.admin_key(self.drover)
        body = parts.request_body(1024)
        first = parts.ask(self.drover.port, body, self.key)
        self.start_ms = (time.monotonic() - self.drover.started) * 1000
        # What is compared must be the same bytes.
        for port in (self.upstream.port, self.nginx.port):
            if parts.ask(port, body, self.key) != first:
                raise SystemExit("Drover's answer is not the upstream's")
        self.idle_mb = self.drover.memory_mb("VmRSS")

    def tear_down(self):
        for process in reversed(self.processes):
            process.stop()

    def run_case(self, name, size, connections, streamed):
        files = {}
        for model in ("bench-model", "bench-stream"):
            files[model] = os.path.join(self.folder, f"{model}-{size}-{streamed}.json")
            with open(files[model], "w", encoding="ascii") as file:
                file.write(parts.request_body(size, streamed, model))
        path = "/stream/chat/completions" if streamed else "/v1/chat/completions"
        own = files["bench-stream" if streamed else "bench-model"]
        subjects = [(self.upstream, path, files["bench-model"]),
                    (self.nginx, path, files["bench-model"]),
                    (self.drover, "/v1/chat/completions", own)]
        measured = {subject.name: Measured() for subject, _, _ in subjects}
        for round_ in range(-1, self.options.rounds):
            for subject, path, body in subjects:
                seconds = self.options.seconds if round_ >= 0 else 1
                before = subject.cpu_s()
                result = parts.wrk(subject.port, body, self.key, connections, seconds, path)
                if round_ >= 0:  # the first is a warm-up
                    measured[subject.name].add(result, subject.cpu_s() - before)
        self.note(name, measured)

    def note(self, name, measured):
        direct, nginx, drover = (measured[n] for n in ("upstream", "nginx", "drover"))
        add = self.book.add
        add(name, "cpu_us_per_request", drover.cpu_us(), "us", "nginx", nginx.cpu_us())
        add(name, "requests_per_second", drover.per_second(), "1/s", "nginx", nginx.per_second())
        for p in ("p50", "p99"):
            base = direct.latency_us(p)
            add(name, f"added_latency_{p}", drover.latency_us(p) - base, "us", "nginx",
                nginx.latency_us(p) - base)
        print(f"{name}: CPU a request {drover.cpu_us():.1f} us, nginx {nginx.cpu_us():.1f} us "
              f"({drover.cpu_us() / nginx.cpu_us():.2f} x); {drover.per_second():.0f}/s, nginx "
              f"{nginx.per_second():.0f}/s, upstream alone {direct.per_second():.0f}/s",
              file=sys.stderr)

    def note_memory(self):
        add = self.book.add
        peaks = [p.memory_mb("VmHWM") for p in (self.drover, self.nginx)]
        add("all", "resident_peak", peaks[0], "MB", "nginx", peaks[1])
        add("idle", "resident_after_first_answer", self.idle_mb, "MB")
        add("idle", "start_to_first_answer", self.start_ms, "ms")
        asked, stored = parts.spans_of(self.drover, self.key)
        if asked:
            add("all", "spans_stored_share", stored / asked, "1")

    def note_instructions(self):
        if shutil.which("valgrind") is None:
            print("no valgrind: instructions per request are not counted", file=sys.stderr)
            return
        count = instructions.count(self.folder, self.upstream.port, self.start,
                                   self.options.profile)
        self.book.add("1KiB", "instructions_per_request", count, "1")
        print(f"1KiB: {count:.0f} instructions a request", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=2, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each subject and case")
    parser.add_argument("--case", action="append", help="only this case (may be repeated)")
    parser.add_argument("--only-instructions", action="store_true", help="no wrk, only valgrind")
    parser.add_argument("--profile", help="keep callgrind's profile in this file")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    # A signal must end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="drover-bench-")
    bench = Bench(folder, options)
    try:
        bench.set_up()
        for case in [] if options.only_instructions else CASES:
            if not options.case or case[0] in options.case:
                bench.run_case(*case)
        if not options.only_instructions:
            bench.note_memory()
        if not options.case:
            bench.note_instructions()
    finally:
        bench.tear_down()
        shutil.rmtree(folder, ignore_errors=True)
    if options.dry:
        return
    bench.book.save()
    subprocess.run([sys.executable, os.path.join(os.path.dirname(parts.HERE), "report.py")],
                   check=True)
    print("written: bench/results.jsonl, bench/RESULTS.md", file=sys.stderr)


if __name__ == "__main__":
    main()
