#!/usr/bin/env python3
"""The durable three-step workflow on Drover, Restate and LangGraph's SQLite saver, in one run.

Each session has three steps whose results (240 bytes) are durable before the next step begins. Cases
are how many sessions run at once. Rounds alternate between the systems; figures are medians. Before
the rounds each system's syncs are counted by strace, and in every round the disk's own sync is
measured. Everything is on 127.0.0.1 and one disk.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import systems

sys.path.insert(0, os.path.dirname(systems.HERE))
import results  # noqa: E402  (bench/results.py)

CASES = (1, 16, 64, 256)
# What waits for the disk; sync_file_range only tells it to begin.
SYNC_CALLS = "fsync,fdatasync,msync,io_uring_enter"
SYNC_PROBE_BYTES = 1024
SYNC_PROBES = 200
# What a client may look for an answer before it sleeps, in the rounds where it does.
LOOK_US = 300
# Whoever holds this open with a number of microseconds in it has no processor of the machine rest
# more deeply than that (Linux, PM Quality of Service: Documentation/power/pm_qos_interface).
LATENCY_DEVICE = "/dev/cpu_dma_latency"


@contextlib.contextmanager
def processors_awake():
    """Yields whether it is so."""
    try:
        device = open(LATENCY_DEVICE, "wb", buffering=0)
    except OSError as error:
        print(f"skip: rounds with processors that stay awake: {error}", file=sys.stderr)
        yield False
        return
    with device:
        device.write((0).to_bytes(4, sys.byteorder))
        yield True


def count_syncs(system, sessions, seconds):
    """Syncs of a system's processes during a round, by strace; None where it cannot look."""
    table = tempfile.NamedTemporaryFile(mode="r", suffix=".strace")
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-e", f"trace={SYNC_CALLS}", "-o", table.name, "-p",
         str(system.pid())], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    if tracer.poll() is not None:
        print(f"{system.name}: strace cannot look: {tracer.stderr.read().strip()}", file=sys.stderr)
        return None
    done = system.round(sessions, seconds)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(30)
    counts = {}
    for line in table:
        # % time, seconds, usecs/call, calls, [errors,] name
        fields = line.split()
        if len(fields) >= 5 and re.fullmatch(r"\d+", fields[3]) and fields[-1] != "total":
            counts[fields[-1]] = int(fields[3])
    return counts, done["sessions"]


class Rounds:
    """What one system did in one case."""

    def __init__(self):
        self.rounds = []

    def add(self, done):
        self.rounds.append({
            "steps_per_s": systems.STEPS * done["sessions"] / done["wall_s"],
            "p50_ms": done["p50_ms"], "p99_ms": done["p99_ms"],
            "cpu_ms_per_session": done["cpu_s"] * 1000 / done["sessions"]})

    def median(self, metric):
        return statistics.median(r[metric] for r in self.rounds)


UNITS = {"steps_per_s": "1/s", "p50_ms": "ms", "p99_ms": "ms", "cpu_ms_per_session": "ms"}


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.book = results.Book("durable", program=systems.binary())
        self.systems = []
        self.bare = None

    def set_up(self):
        for kind in systems.available():
            if not self.options.system or kind.name in self.options.system:
                self.systems.append(kind(self.folder))
        for system in self.systems:
            system.round(16, self.options.warm_up)
        self.bare = systems.Bare(self.folder)

    def tear_down(self):
        if self.bare is not None:
            self.bare.stop()
        for system in reversed(self.systems):
            system.stop()

    def subjects(self, sessions):
        """The bare server is the floor of one session at a time only: it shares no sync."""
        return [*self.systems, self.bare] if sessions == 1 else self.systems

    def check_syncs(self):
        """Durable means synced: one session at a time cannot share a sync with another."""
        if shutil.which("strace") is None:
            print("no strace: syncs are not counted", file=sys.stderr)
            return
        for sessions in (1, 64):
            per_session = {}
            for system in self.systems:
                found = count_syncs(system, sessions, 2)
                if found is None:
                    continue
                counts, ended = found
                syncs = sum(n for name, n in counts.items() if name != "io_uring_enter")
                per_session[system.name] = syncs / ended
                named = ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
                print(f"{sessions:>4} at once, {system.name:10} {syncs / ended:.2f} syncs a session "
                      f"({named}; {ended} sessions)", file=sys.stderr)
                if sessions == 1 and syncs < systems.STEPS * ended:
                    raise SystemExit(f"{system.name} answers before it has synced: not comparable")
            self.add(str(sessions), "syncs_per_session", "1", per_session)

    def add(self, case, metric, unit, values):
        """A line for each peer; nothing without Drover."""
        if "drover" not in values:
            return
        for peer in [name for name in values if name != "drover"] or [None]:
            self.book.add(case, metric, values["drover"], unit, peer, values.get(peer))

    def run_case(self, sessions):
        subjects = self.subjects(sessions)
        measured = {system.name: Rounds() for system in subjects}
        probes = []
        for _ in range(self.options.rounds):
            probe = systems.sync(self.folder, SYNC_PROBE_BYTES, SYNC_PROBES)
            probes.append(probe)
            for system in subjects:
                measured[system.name].add(system.round(sessions, self.options.seconds))
        syncs = {name: statistics.median(probe[name] for probe in probes)
                 for name in ("p50_ms", "rested_p50_ms")}
        self.note(str(sessions), measured, syncs)
        if sessions == 1:
            self.run_alone("looking", f"the client looks for {LOOK_US} us before it sleeps", LOOK_US)
            # An idle processor may be a halted virtual one, and each wake a round through the
            # hypervisor: a step has three or four of them.
            with processors_awake() as awake:
                if awake:
                    self.run_alone("awake", "processors stay awake")
            if os.access(LATENCY_DEVICE, os.W_OK) and "drover" in [s.name for s in self.systems]:
                self.run_low_latency()

    def run_low_latency(self):
        """A server that was told to keep processors awake while requests come; nobody else does."""
        drover = systems.Drover(self.folder, "low_latency: true\n")
        try:
            drover.round(1, self.options.warm_up)
            others = [system for system in self.subjects(1) if system.name != "drover"]
            self.run_alone("low_latency", "Drover with low_latency", subjects=[drover, *others])
        finally:
            drover.stop()

    def run_alone(self, name, how, look_us=0, subjects=()):
        """One session at a time once more, without a part of what this machine adds to it."""
        subjects = subjects or self.subjects(1)
        measured = {system.name: Rounds() for system in subjects}
        probes = []
        for _ in range(self.options.rounds):
            probes.append(systems.sync(self.folder, SYNC_PROBE_BYTES, SYNC_PROBES)["p50_ms"])
            for system in subjects:
                measured[system.name].add(system.round(1, self.options.seconds, look_us))
        sync_ms = statistics.median(probes)
        p50 = {system: rounds.median("p50_ms") for system, rounds in measured.items()}
        told = ", ".join(f"{system} {value:.4g} ms" for system, value in p50.items())
        print(f"   1 at once, {how}: p50 {told}, a sync {sync_ms:.4g} ms", file=sys.stderr)
        self.add("1", f"{name}_p50_ms", "ms", p50)
        if "drover" in p50:
            self.book.add("1", f"{name}_sync_p50_ms", sync_ms, "ms")
            self.book.add("1", f"{name}_p50_over_4_syncs_ms", p50["drover"] - 4 * sync_ms, "ms")

    def note(self, case, measured, syncs):
        for name, rounds in measured.items():
            figures = ", ".join(f"{m} {rounds.median(m):.4g}" for m in UNITS)
            print(f"{case:>4} at once, {name:10} {figures}", file=sys.stderr)
        print(f"{case:>4} at once, {'the disk':10} a sync p50 {syncs['p50_ms']:.4g} ms, after a rest "
              f"{syncs['rested_p50_ms']:.4g} ms", file=sys.stderr)
        for metric, unit in UNITS.items():
            self.add(case, metric, unit, {n: r.median(metric) for n, r in measured.items()})
        if "drover" in measured:
            self.book.add(case, "sync_p50_ms", syncs["p50_ms"], "ms")
            if case == "1":
                p50 = measured["drover"].median("p50_ms")
                self.book.add(case, "p50_over_4_syncs_ms", p50 - 4 * syncs["p50_ms"], "ms")
                rested = syncs["rested_p50_ms"]
                self.book.add(case, "rested_sync_p50_ms", rested, "ms")
                self.book.add(case, "p50_over_4_rested_syncs_ms", p50 - 4 * rested, "ms")


def disk_folder():
    """A folder on a real disk: on a tmpfs a sync costs nothing and proves nothing."""
    folder = tempfile.mkdtemp(prefix="durable-", dir=os.path.join(systems.ROOT, "build"))
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True,
                          check=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        raise SystemExit(f"{folder} is on {kind}: a sync there is none")
    print(f"on {kind}, in {folder}", file=sys.stderr)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each system and case")
    parser.add_argument("--warm-up", type=int, default=2, help="seconds before anything counts")
    parser.add_argument("--case", type=int, action="append", help="only so many sessions at once")
    parser.add_argument("--system", action="append", help="only drover, restate or langgraph")
    parser.add_argument("--no-strace", action="store_true", help="do not count syncs")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    # A signal must end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = disk_folder()
    bench = Bench(folder, options)
    try:
        bench.set_up()
        if not options.no_strace:
            bench.check_syncs()
        for case in options.case or CASES:
            bench.run_case(case)
    finally:
        bench.tear_down()
        shutil.rmtree(folder, ignore_errors=True)
    if options.dry:
        return
    bench.book.save()
    subprocess.run([sys.executable, os.path.join(os.path.dirname(systems.HERE), "report.py")],
                   check=True)
    print("written: bench/results.jsonl, bench/RESULTS.md", file=sys.stderr)


if __name__ == "__main__":
    main()
