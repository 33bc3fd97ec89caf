#!/usr/bin/env python3
"""What a call through `drover serve` costs, beside nginx and HAProxy that proxy the same bytes and
beside the gateways LiteLLM and Portkey, all in front of one upstream, in one run on the same cores.

Drover runs with keys, budgets, placement, ledger and trace on. Each case runs rounds of: the
upstream alone, then each server in turn. Each figure is written down as it comes: a run that is cut
short keeps what it has measured. About ten minutes; QUICK=1 (or --quick) takes about four.
CHURN_MINUTES=30 measures that case alone: resident memory under connections that come and go.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import instructions
import load
import servers

sys.path.insert(0, os.path.dirname(servers.HERE))
import results  # noqa: E402  (bench/results.py)

SIZES = [("1 KiB", 1024), ("16 KiB", 16 << 10), ("400 KiB", 400 << 10)]
# (size, connections, streamed)
ALL = [(size, connections, streamed) for size in SIZES for connections in (1, 64, 512)
       for streamed in (False, True)]
QUICK = [(SIZES[0], 1, False), (SIZES[0], 64, False), (SIZES[0], 64, True), (SIZES[1], 64, False)]
# Gateways that take milliseconds of CPU a call are asked in these cases only.
HEAVY = [(SIZES[0], 1, False), (SIZES[0], 64, False), (SIZES[0], 64, True), (SIZES[1], 64, False)]
# Long rounds, for some answer a few dozen calls a second; and two of them, for a minute is enough
# for another machine on the same cores to come or go.
HEAVY_ROUNDS, HEAVY_ROUND_S = 2, 6

# A churn of many minutes is written down so often.
CHURN_NOTED_S = 300


def name_of(case):
    (size, _), connections, streamed = case
    many = "1 connection" if connections == 1 else f"{connections} connections"
    return f"{size}, {many}" + (", streamed" if streamed else "")


class Measured:
    """The rounds of one server in one case."""

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

    def latency_ms(self, name):
        """The middle round's: one disturbed round does not decide."""
        values = sorted(getattr(self, name))
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2e3


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.processes = []
        self.heavy = []
        self.book = results.Book("gateway", program=servers.binary())
        self.began = time.monotonic()

    def write_down(self, text):
        """Says what was measured, and keeps it."""
        print(f"[{time.monotonic() - self.began:.0f} s] {text}", file=sys.stderr)
        if not self.options.dry:
            self.book.save()

    def start(self, process, timeout=servers.START_TIMEOUT_S):
        self.processes.append(process)
        return process.wait_until_up(timeout)

    def set_up(self):
        self.upstream = self.start(servers.upstream(self.folder))
        port = self.upstream.port
        self.drover = self.start(servers.drover(self.folder, port))
        self.drover.key = servers.admin_key(self.drover)
        body = load.request_body(1024)
        first = load.ask(self.drover, body)
        self.start_ms = (time.monotonic() - self.drover.started) * 1000
        self.idle_mb = self.drover.memory_mb("VmRSS")
        self.light = [self.start(servers.proxy(self.folder, port)),
                      self.start(servers.relay(self.folder, port))]
        self.add_peer(self.light, servers.haproxy(self.folder, port), "haproxy")
        # What is compared must be the same bytes.
        for server in [self.upstream, *self.light]:
            if load.ask(server, body) != first:
                raise SystemExit(f"{server.name}'s answer is not Drover's")

    def add_peer(self, to, process, name):
        if process is None:
            print(f"{name} is not installed here, and is skipped", file=sys.stderr)
            return
        to.append(self.start(process, servers.PEER_START_TIMEOUT_S))

    def set_up_heavy(self):
        for name, make in (("litellm", servers.litellm), ("portkey", servers.portkey)):
            self.add_peer(self.heavy, make(self.folder, self.upstream.port), name)
        for server in self.heavy:
            for streamed in (False, True):
                load.ask(server, load.request_body(1024, streamed, self.model(server, streamed)),
                         streamed)

    def stop_heavy(self):
        for server in self.heavy:
            server.stop()

    def tear_down(self):
        for process in reversed(self.processes):
            process.stop()

    @staticmethod
    def model(server, streamed):
        return server.stream_model if streamed else server.model

    def body_file(self, size, model, streamed):
        path = os.path.join(self.folder, f"{model}-{size}-{streamed}.json")
        return servers.write(path, load.request_body(size, streamed, model))

    def run_case(self, case, subjects, rounds, seconds):
        (_, size), connections, streamed = case
        measured = {}
        for round_ in range(-1, rounds):
            for server in subjects:
                body = self.body_file(size, self.model(server, streamed), streamed)
                before = server.cpu_s()
                try:
                    result = load.wrk(server, body, connections, seconds if round_ >= 0 else 1,
                                      streamed)
                except load.NoAnswer as error:
                    # A heavy one on a busy machine may need longer for all its first answers.
                    if server not in self.heavy:
                        raise SystemExit(error)
                    print(f"{name_of(case)}: {error}", file=sys.stderr)
                    continue
                if round_ >= 0:  # the first is a warm-up
                    into = measured.setdefault(server.name, Measured())
                    into.add(result, server.cpu_s() - before)
        self.note(name_of(case), measured)

    def note(self, name, measured):
        direct, ours = measured.pop("upstream"), measured.pop("drover")
        for peer, theirs in measured.items():
            add = lambda metric, value, unit, other: self.book.add(name, metric, value, unit, peer,
                                                                   other)
            add("cpu_us_per_request", ours.cpu_us(), "us", theirs.cpu_us())
            add("requests_per_s", ours.per_second(), "1/s", theirs.per_second())
            for p in ("p50", "p99"):
                base = direct.latency_ms(p)
                add(f"added_{p}_ms", ours.latency_ms(p) - base, "ms", theirs.latency_ms(p) - base)
        others = ", ".join(f"{peer} {theirs.cpu_us():.1f} ({ours.cpu_us() / theirs.cpu_us():.3g} x)"
                           for peer, theirs in measured.items())
        self.write_down(f"{name}: CPU a request {ours.cpu_us():.1f} us; {others}; "
                        f"{ours.per_second():.0f}/s, upstream alone {direct.per_second():.0f}/s")

    def note_first_token(self, subjects, rounds, name="1 KiB, 1 connection, streamed"):
        bodies = {model: load.request_body(1024, True, model)
                  for model in ("bench-model", "bench-stream")}
        pairs = [(s, self.model(s, True)) for s in [self.upstream, self.drover, *subjects]]
        mean = load.first_tokens(pairs, bodies, rounds)
        ours = (mean["drover"] - mean["upstream"]) / 1000
        for server in subjects:
            theirs = (mean[server.name] - mean["upstream"]) / 1000
            self.book.add(name, "added_ttft_ms", ours, "ms", server.name, theirs)
            self.write_down(f"added time to first token: {ours:.3f} ms, {server.name} "
                            f"{theirs:.3f} ms")

    def note_streams(self, count):
        """Memory of `count` streams that are open at once."""
        slow = self.start(servers.slow_upstream(self.folder))
        drover = self.start(servers.drover(self.folder, self.upstream.port, "drover-streams",
                                           slow=slow.port))
        drover.key = servers.admin_key(drover)
        drover.stream_model = "bench-slow"
        nginx = self.start(servers.proxy(self.folder, slow.port, "nginx-streams"))
        nginx.stream_path = nginx.path
        each = {}
        for server in (drover, nginx):
            body = load.request_body(1024, True, server.stream_model)
            load.SlowStreams(server, body, 10).close()
            before = server.memory_mb("VmRSS")
            streams = load.SlowStreams(server, body, count)
            each[server.name] = (server.memory_mb("VmRSS") - before) * 1024 / count
            streams.close()
            server.stop()
        slow.stop()
        self.book.add(f"{count} slow streams", "kib_per_open_stream", each["drover-streams"], "KiB",
                      "nginx", each["nginx-streams"])
        self.write_down(f"memory of an open stream: {each['drover-streams']:.1f} KiB, nginx "
                        f"{each['nginx-streams']:.1f} KiB")

    def note_churn(self, seconds, case="churn"):
        """How much resident memory grows in the second half of the time."""
        seen = []

        def sample(at):
            seen.append((at, self.drover.memory_mb("VmRSS")))
            # A long run says now and then how far it is.
            if len(seen) > 1 and at // CHURN_NOTED_S > seen[-2][0] // CHURN_NOTED_S:
                self.write_churn(case, seen)

        load.churn(self.drover, self.body_file(1024, "bench-model", False),
                   load.request_body(1024, True, "bench-stream"),
                   self.body_file(1024, "bench-stream", True), seconds, sample)
        self.write_churn(case, seen)

    def write_churn(self, case, seen):
        seconds, now = seen[-1]
        half = next(mb for at, mb in seen if at >= seconds / 2)
        self.book.add(case, "resident_mb", now, "MB")
        self.book.add(case, "growth_in_second_half", now / half - 1, "1")
        self.book.add(case, "seconds", seconds, "s")
        self.write_down(f"churn of {seconds:.0f} s: {now:.1f} MB resident, {half:.1f} MB at half "
                        "time")

    def note_memory(self):
        nginx = self.light[0]
        self.book.add("all", "resident_peak", self.drover.memory_mb("VmHWM"), "MB", "nginx",
                      nginx.memory_mb("VmHWM"))
        self.book.add("idle", "resident_after_first_answer", self.idle_mb, "MB")
        self.book.add("idle", "start_to_first_answer", self.start_ms, "ms")
        asked, stored = servers.spans_of(self.drover)
        if asked:
            self.book.add("all", "spans_stored_share", stored / asked, "1")
        self.write_down(f"resident: {self.idle_mb:.1f} MB idle, "
                        f"{self.drover.memory_mb('VmHWM'):.1f} MB at most")

    def note_instructions(self):
        if shutil.which("valgrind") is None:
            print("no valgrind: instructions per request are not counted", file=sys.stderr)
            return
        count = instructions.count(self.folder, self.upstream.port, self.start,
                                   self.options.profile)
        self.book.add("1 KiB", "instructions_per_request", count, "1")
        self.write_down(f"1 KiB: {count:.0f} instructions a request")

    def run(self):
        options, quick = self.options, self.options.quick
        cases = [case for case in (QUICK if quick else ALL)
                 if not options.case or name_of(case) in options.case]
        for case in cases:
            self.run_case(case, [self.upstream, *self.light, self.drover], options.rounds, 1)
        if options.case:
            return
        self.note_first_token(self.light, 5 if quick else 20)
        self.note_memory()
        if options.heavy:
            self.set_up_heavy()
            for case in HEAVY[1:2] if quick else HEAVY:
                if self.heavy:
                    self.run_case(case, [self.upstream, *self.heavy, self.drover],
                                  *((1, 4) if quick else (HEAVY_ROUNDS, HEAVY_ROUND_S)))
            if self.heavy:
                self.note_first_token(self.heavy, 1 if quick else 4)
            self.stop_heavy()
        self.note_streams(5000)
        self.note_churn(6 if quick else 20)
        self.note_instructions()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", default=os.environ.get("QUICK") == "1",
                        help="fewer cases and rounds (also by QUICK=1)")
    parser.add_argument("--rounds", type=int, help="rounds of one second of each server and case")
    parser.add_argument("--case", action="append",
                        help="only this case (may be repeated), such as '1 KiB, 64 connections'")
    parser.add_argument("--no-heavy", dest="heavy", action="store_false",
                        help="without LiteLLM and Portkey")
    parser.add_argument("--churn", type=float, default=float(os.environ.get("CHURN_MINUTES", 0)),
                        help="only this: minutes of connections that come and go (CHURN_MINUTES)")
    parser.add_argument("--only-instructions", action="store_true", help="no wrk, only valgrind")
    parser.add_argument("--profile", help="keep callgrind's profile in this file")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    # A signal must end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = tempfile.mkdtemp(prefix="drover-bench-")
    bench = Bench(folder, options)
    try:
        bench.set_up()
        if options.only_instructions:
            bench.note_instructions()
        elif options.churn:
            bench.note_churn(options.churn * 60, f"churn of {options.churn:g} minutes")
        else:
            bench.run()
    finally:
        bench.tear_down()
        shutil.rmtree(folder, ignore_errors=True)
        if bench.book.saved:
            report = os.path.join(os.path.dirname(servers.HERE), "report.py")
            subprocess.run([sys.executable, report], check=True)
            print("written: bench/results.jsonl, bench/RESULTS.md", file=sys.stderr)


if __name__ == "__main__":
    main()
