"""What the test runner is made of: bounded commands, stages with one line each, totals."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
JOBS = int(os.environ.get("JOBS") or os.cpu_count() or 2)
GRACE_SECONDS = 15
# Work beside the suites that wait for answers takes only what those leave idle. Where the kernel
# shares the processor by terminal session first, nice says nothing between two of them: that has
# its own number.
ASIDE = ("bash", "-c", 'echo 15 2>/dev/null >/proc/self/autogroup; exec nice -n 15 "$@"', "aside")
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@dataclass
class Outcome:
    """What a stage found. `detail` is shown in full below its line when something failed."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    detail: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.detail += other.detail
        return self


@dataclass
class Finished:
    """A command that ended, by itself or by its time limit."""
    status: int
    output: str
    timed_out: bool
    seconds: float

    def last_line(self):
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def tail(self, count=40):
        return self.output.splitlines()[-count:]


_running = set()
_lock = threading.Lock()


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _ask_to_end(process):
    """Lets a suite end what it started and tidy up, for a while."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=GRACE_SECONDS)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass


def stop_all():
    """Ends every process group this run started; for Ctrl-C and the overall limit."""
    with _lock:
        for process in list(_running):
            _kill_group(process)


def run(command, log, seconds, env=None, cwd=ROOT, aside=False):
    """Runs a command in its own process group; the group is killed at the limit and at the end,
    so that nothing a suite started outlives it. Output goes to build/logs/<log>.log. `aside`: it
    gives way to everything else of the run."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in (*(ASIDE if aside else ()), *command)]
    start = time.monotonic()
    timed_out = False
    with open(path, "wb") as out:
        process = subprocess.Popen(words, cwd=cwd, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                                   env={**os.environ, **(env or {})})
        with _lock:
            _running.add(process)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            _ask_to_end(process)
        finally:
            _kill_group(process)
            process.wait()
            with _lock:
                _running.discard(process)
    text = path.read_text(encoding="utf-8", errors="replace")
    if timed_out:
        text += f"\n(ended after its limit of {seconds:.0f} s)"
    return Finished(-1 if timed_out else process.returncode, text, timed_out,
                    time.monotonic() - start)


class Report:
    """Prints one line for each stage as it ends and keeps the totals."""

    def __init__(self):
        self.total = Outcome()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.start = time.monotonic()
        self._one_at_a_time = threading.Lock()

    def _mark(self, word, code):
        return f"\033[{code}m{word}\033[0m" if self.colour else word

    def stage(self, name, work):
        """Runs work() -> Outcome; an exception in it is a failure of the stage, with its text."""
        start = time.monotonic()
        if self.colour:
            print(f"      {name} ...", end="\r", flush=True)
        try:
            outcome = work()
        except Exception as error:  # noqa: BLE001  (the runner itself must never end the run)
            outcome = Outcome(failed=1, note=f"{type(error).__name__}: {error}")
        if outcome.passed + outcome.failed + outcome.skipped == 0:
            outcome = Outcome(failed=1, note="nothing ran: that cannot be right")
        self.show(name, outcome, time.monotonic() - start)
        return outcome

    def show(self, name, outcome, seconds):
        if outcome.failed:
            word = self._mark("FAIL", "31;1")
        elif outcome.passed == 0:
            word = self._mark("skip", "33")
        else:
            word = self._mark("ok  ", "32")
        counts = f"{outcome.passed} passed"
        if outcome.failed:
            counts += f", {outcome.failed} failed"
        if outcome.skipped:
            counts += f", {outcome.skipped} skipped"
        note = f"  {outcome.note}" if outcome.note else ""
        lines = [f"{word}  {name:<26} {seconds:7.1f} s  {counts}{note}",
                 *(f"        {line}" for line in outcome.detail)]
        with self._one_at_a_time:  # stages run beside each other
            print("\n".join(lines), flush=True)
            self.total.add(Outcome(outcome.passed, outcome.failed, outcome.skipped))

    def close(self):
        """The totals and, as the last line alone, the closing line. Returns the exit code."""
        total = self.total
        seconds = time.monotonic() - self.start
        print(f"\n{seconds / 60:.1f} minutes; logs are in build/logs")
        if IN_CI and total.skipped:
            print("(the skips above are of a kind that CI allows: what they need is out of reach)")
        print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
        return 1 if total.failed or total.passed == 0 else 0
