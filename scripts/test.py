#!/usr/bin/env python3
"""`make test` and its parts:
test.py [all|unit|world|world-planted|e2e|engine|opa|asan|tsan|gcc|fuzz|lint].

Each stage prints one line with its result and time; what failed is shown beneath it. The last line
is always `N passed, N failed, N skipped`, and the exit code is not 0 when anything failed. Every
command has a time limit, and the whole run has one too.
"""

import os
import signal
import sys
import threading

import stages
from testlib import Outcome, Report, stop_all

# More than the 30 minutes that the whole may take, so that a slow machine still gets its answer.
WHOLE_RUN_SECONDS_MAX = 75 * 60
# `make world SEEDS=…` alone, however many.
WORLD_RUN_SECONDS_MAX = 24 * 3600


def everything(report):
    environment = stages.Background("e2e environment", stages.e2e_environment)
    checks(report)
    # Its two minutes pass beside the build, which waits for it before it links.
    cedar = report.stage("Cedar engine at hand", stages.cedar)
    engine = stages.Background("Cedar engine", stages.cedar_engine) if cedar.passed else None
    built = report.stage("build", lambda: stages.build("tests", ["drover", "world"]))
    if engine is not None:
        report.stage("Cedar engine", engine.join)
    if built.failed:
        environment.join()
        return
    report.stage("program starts", stages.program)
    report.stage("world", lambda: stages.world(1000))
    report.stage("world finds planted bugs", stages.world_planted)
    report.stage("e2e environment", environment.join)
    # The suites wait for answers half of their time; the sanitizers take what that leaves idle. The
    # unit tests run there and nowhere else: to build them twice takes more than it would show.
    aside = threading.Thread(target=sanitized, args=(report,), daemon=True)
    aside.start()
    stages.e2e_suites(report)
    aside.join()


def sanitized(report):
    if report.stage("build, sanitized", lambda: stages.build("asan")).failed:
        return
    # More at once than there are processors: it is the seeds and a first look that count here.
    report.stage("fuzz", lambda: stages.fuzz(seconds_each=20, at_once=2 * stages.JOBS))
    report.stage("fuzz finds a planted bug", stages.planted_bug)
    report.stage("unit tests, sanitized", lambda: stages.unit_tests("asan"))


def checks(report):
    report.stage("layers", stages.layers)
    report.stage("coroutine rules", stages.coroutine_rules)
    report.stage("routes in the contract", stages.routes)
    report.stage("tests of the checks", stages.script_tests)


def flavour(kind):
    def work(report):
        if not report.stage(f"build, {kind}", lambda: stages.build(kind)).failed:
            report.stage(f"unit tests, {kind}", lambda: stages.unit_tests(kind))
    return work


def unit(report):
    if not report.stage("build", lambda: stages.build("tests", stages.unit_targets())).failed:
        report.stage("unit tests", lambda: stages.unit_tests("tests"))


def e2e(report):
    if report.stage("build", lambda: stages.build("program")).failed:
        return
    report.stage("e2e environment", stages.e2e_environment)
    stages.e2e_suites(report, os.environ.get("SUITE", ""))


def engine(report):
    # Its suite needs no SDK: only the engine, which it brings by itself.
    if not report.stage("build", lambda: stages.build("program")).failed:
        report.stage("engine", stages.engine)


def opa(report):
    # Only the suite whose peer it is, and nothing of it where there is none.
    if report.stage("build", lambda: stages.build("program")).failed:
        return
    if report.stage("OPA", stages.opa).passed:
        stages.e2e_suites(report, "policy")


def fuzz(report):
    if report.stage("build, sanitized", lambda: stages.build("asan")).failed:
        return
    seconds = int(os.environ.get("SECONDS_EACH") or 600)
    target = os.environ.get("TARGET", "")
    report.stage("fuzz", lambda: stages.fuzz(seconds, target))
    report.stage("fuzz finds a planted bug", stages.planted_bug)


def world(report):
    if report.stage("build", lambda: stages.build("tests", ["world"])).failed:
        return
    seeds = int(os.environ.get("SEEDS") or 200)
    first = int(os.environ.get("FIRST") or 1)
    jobs = int(os.environ.get("JOBS") or stages.JOBS)
    report.stage("world", lambda: stages.world(seeds, first, jobs, WORLD_RUN_SECONDS_MAX))


def world_planted(report):
    if not report.stage("build", lambda: stages.build("tests", ["world"])).failed:
        report.stage("world finds planted bugs", stages.world_planted)


def lint(report):
    checks(report)
    report.stage("formatting", stages.formatting)
    report.stage("shell scripts", stages.shell_syntax)


PARTS = {"all": everything, "unit": unit, "world": world, "world-planted": world_planted,
         "e2e": e2e, "engine": engine, "opa": opa, "fuzz": fuzz, "lint": lint,
         "asan": flavour("asan"), "tsan": flavour("tsan"), "gcc": flavour("gcc")}


def main():
    names = sys.argv[1:] or ["all"]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no such part: {' '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2

    report = Report()

    def give_up(reason):
        stop_all()
        report.show("the run", Outcome(failed=1, note=reason), 0)
        report.close()
        os._exit(1)

    limit = float(os.environ.get("RUN_SECONDS_MAX") or WHOLE_RUN_SECONDS_MAX)
    if names in (["fuzz"], ["world"]):
        limit = max(limit, 24 * 3600)
    watchdog = threading.Timer(limit, give_up, [f"ended after its limit of {limit:.0f} s"])
    watchdog.daemon = True
    watchdog.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: give_up(f"interrupted by {signal.Signals(n).name}"))

    for name in names:
        PARTS[name](report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
