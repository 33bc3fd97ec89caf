"""The stages of `make test`: each returns an Outcome, or shows its own lines (the e2e suites)."""

import os
import re
import shutil
import threading
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import skips
from testlib import BUILD, JOBS, ROOT, Outcome, run

# Limits in seconds. Generous beside what a good run takes: they stop what hangs, not what is slow.
BUILD_SECONDS_MAX = 40 * 60
UNIT_PROGRAM_SECONDS_MAX = 300
CHECK_SECONDS_MAX = 120
SUITE_SECONDS_MAX = 600
ENVIRONMENT_SECONDS_MAX = 900
# Mostly found within 300,000 inputs: seconds, and minutes on a machine that has much else to do.
PLANTED_SECONDS_MAX = 600
WORLD_SECONDS_MAX = 900

FOLDERS = {"tests": BUILD, "program": BUILD, "asan": BUILD / "asan", "tsan": BUILD / "tsan",
           "gcc": BUILD / "gcc"}


class Background:
    """A stage that works while others run; join() gives its Outcome."""

    def __init__(self, name, work):
        self._outcome = Outcome(failed=1, note=f"{name} did not end")
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work):
        try:
            self._outcome = work()
        except Exception as error:  # noqa: BLE001
            self._outcome = Outcome(failed=1, note=f"{type(error).__name__}: {error}")

    def join(self):
        self._thread.join()
        return self._outcome


def _command(command, log, seconds):
    """A command as a stage: one test, passed when it exits with 0; its last line is the note."""
    done = run(command, log, seconds)
    if done.status == 0:
        return Outcome(passed=1, note=done.last_line())
    return Outcome(failed=1, detail=done.tail())


def unit_targets():
    layer = os.environ.get("LAYER", "")
    return [f"{layer}_test"] if layer else []


def build(kind, targets=()):
    done = run(["scripts/build.sh", kind, *targets], f"build-{kind}", BUILD_SECONDS_MAX,
               aside=kind == "asan")
    if done.status == 0:
        return Outcome(passed=1)
    # Ninja prints the failed command (long) before the compiler's own words: keep the words.
    lines = [line[:300] for line in done.output.splitlines()
             if not re.match(r"^\[\d+/\d+ |^(/usr/bin/)?(ccache )?\S*(clang|g)\+\+", line)]
    return Outcome(failed=1, detail=lines[-60:])


def layers():
    return _command(["scripts/check_layers.py"], "layers", CHECK_SECONDS_MAX)


def coroutine_rules():
    return _command(["scripts/check_coroutines.py"], "coroutines", CHECK_SECONDS_MAX)


def routes():
    return _command(["scripts/check_routes.py"], "routes", CHECK_SECONDS_MAX)


def formatting():
    return _command(["scripts/format.sh", "--check"], "format", CHECK_SECONDS_MAX)


def shell_syntax():
    scripts = [p for folder in ("scripts", "tests", "bench", "deploy", ".ci")
               for p in sorted((ROOT / folder).rglob("*"))
               if p.is_file() and "node_modules" not in p.parts
               and (p.suffix == ".sh" or p.open("rb").read(20).startswith(b"#!/usr/bin/env bash"))]
    outcome = Outcome()
    for script in scripts:
        done = run(["bash", "-n", script], "shell", CHECK_SECONDS_MAX)
        ok = done.status == 0
        outcome.add(Outcome(passed=int(ok), failed=int(not ok), detail=[] if ok else done.tail()))
    return outcome


def script_tests():
    """The checks are programs too: their own tests, by unittest."""
    done = run(["/usr/bin/python3", "-m", "unittest", "discover", "-s", "scripts", "-p", "*_test.py"],
               "scripts", CHECK_SECONDS_MAX)
    ran = re.search(r"^Ran (\d+) test", done.output, re.M)
    count = int(ran.group(1)) if ran else 0
    if done.status == 0:
        return Outcome(passed=count)
    return Outcome(failed=max(1, done.output.count("\nFAIL:") + done.output.count("\nERROR:")),
                   detail=done.tail())


def _unit_program(program, kind):
    """Runs one GoogleTest program and counts from its own report."""
    name = f"unit-{kind}/{program.name}"
    report = BUILD / "logs" / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [program, f"--gtest_output=xml:{report}", "--gtest_brief=1"]
    if os.environ.get("FILTER"):
        command.append("--gtest_filter=" + os.environ["FILTER"])
    limit = UNIT_PROGRAM_SECONDS_MAX * (3 if kind in ("asan", "tsan") else 1)
    done = run(command, name, limit, env=sanitizer_options(), aside=kind == "asan")
    if not report.exists():
        return Outcome(failed=1, detail=[f"{program.name} ended without a report "
                                         f"(status {done.status}):", *done.tail()])
    outcome = Outcome()
    for test in xml.parse(report).iter("testcase"):
        if test.get("status") == "notrun":
            continue
        full = f"{program.name}: {test.get('classname')}.{test.get('name')}"
        failures = test.findall("failure")
        if failures:
            words = "\n".join(f.get("message", "") for f in failures).splitlines()
            outcome.add(Outcome(failed=1, detail=[full, *("  " + w for w in words[:20])]))
        elif test.get("result") == "skipped":
            reason = test.find("skipped")
            outcome.add(skips.judge(full, "" if reason is None else reason.get("message", "")))
        else:
            outcome.passed += 1
    if done.status != 0 and outcome.failed == 0:
        outcome.add(Outcome(failed=1, detail=[f"{program.name}: status {done.status}",
                                              *done.tail()]))
    if outcome.passed + outcome.failed + outcome.skipped == 0 and not os.environ.get("FILTER"):
        outcome.add(Outcome(failed=1, detail=[f"{program.name} holds no test"]))
    return outcome


def sanitizer_options():
    return {
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
        "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
        "UBSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
        "TSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
    }


def unit_tests(kind):
    layer = os.environ.get("LAYER", "")
    # The sources say which programs there must be: one left over from a removed layer does not run,
    # and one that was not built is a failure.
    expected = sorted({p.relative_to(ROOT / "src").parts[0]
                       for p in (ROOT / "src").rglob("*_test.cc")})
    programs = [FOLDERS[kind] / f"{name}_test" for name in expected if layer in ("", name)]
    absent = [p.name for p in programs if not p.exists()]
    outcome = Outcome(failed=len(absent), detail=[f"{name} was not built" for name in absent])
    with ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(lambda p: _unit_program(p, kind), [p for p in programs if p.exists()]):
            outcome.add(one)
    return outcome


# World -------------------------------------------------------------------------------------------

def _world(arguments, log, seconds):
    """The simulation counts seeds: each is a test."""
    done = run([BUILD / "world", *arguments], log, seconds)
    lines = done.output.splitlines()
    counts = re.search(r"(\d+) passed, (\d+) failed$", done.last_line())
    if not counts:
        return Outcome(failed=1, detail=[f"world ended without a result (status {done.status})",
                                         *done.tail()])
    passed, failed = int(counts.group(1)), int(counts.group(2))
    if done.status != 0 and failed == 0:
        failed = 1
    return Outcome(passed=passed, failed=failed, note=lines[-2][:100] if len(lines) > 1 else "",
                   detail=lines[-60:] if failed else [])


def world(seeds, first=1, jobs=JOBS, seconds=WORLD_SECONDS_MAX):
    """Seeds of tests/world, every tenth of them twice: it must give the same journals again."""
    return _world([f"--first={first}", f"--seeds={seeds}", f"--jobs={jobs}", "--twice-every=10"],
                  "world", seconds)


def world_planted():
    """Each bug planted in the simulation must be found, or it finds nothing."""
    return _world(["--planted", "--seeds=1000"], "world-planted", WORLD_SECONDS_MAX)


# Fuzzing -----------------------------------------------------------------------------------------

def _fuzz_one(name, seconds):
    """One target: its seeds are read-only, what it finds goes to build/fuzz/<name>."""
    seeds = ROOT / "tests/fuzz/corpus" / name
    if not any(seeds.glob("*")):
        return Outcome(failed=1, detail=[f"{name}: no seeds in tests/fuzz/corpus/{name}"])
    found = BUILD / "fuzz" / name
    (found / "corpus").mkdir(parents=True, exist_ok=True)
    command = [BUILD / "asan" / f"{name}_fuzz", f"-max_total_time={seconds}", "-timeout=5",
               "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1",
               f"-artifact_prefix={found}/", found / "corpus", seeds]
    dictionary = ROOT / "tests/fuzz/dict" / f"{name}.dict"
    if dictionary.exists():
        command.insert(1, f"-dict={dictionary}")
    done = run(command, f"fuzz/{name}", seconds + 60, env=sanitizer_options(), aside=True)
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.output)
    if done.status != 0 or not units:
        report = [line for line in done.output.splitlines() if not re.match(r"^#\d+\s", line)]
        return Outcome(failed=1, detail=[f"{name}: status {done.status}", *report[-40:]])
    return Outcome(passed=1, note=units.group(1))


def fuzz(seconds_each, only="", at_once=JOBS):
    names = sorted(p.name.removesuffix("_fuzz.cc")
                   for p in (ROOT / "tests/fuzz").glob("*_fuzz.cc"))
    names = [name for name in names if only in ("", name)]
    outcome = Outcome()
    executed = 0
    with ThreadPoolExecutor(at_once) as pool:
        for one in pool.map(lambda name: _fuzz_one(name, seconds_each), names):
            executed += int(one.note or 0)
            outcome.add(one)
    outcome.note = f"{executed:,} inputs, {seconds_each} s each, {at_once} at once"
    return outcome


def planted_bug():
    """A target with a bug behind the real JSON parser: fuzzing must find it, or it finds nothing."""
    found = BUILD / "fuzz" / "planted_bug"
    shutil.rmtree(found, ignore_errors=True)  # it must be found anew, from the seeds
    (found / "corpus").mkdir(parents=True)
    # libFuzzer writes what is new into the first folder.
    done = run([BUILD / "asan" / "planted_bug", f"-max_total_time={PLANTED_SECONDS_MAX}",
                f"-dict={ROOT / 'tests/fuzz/dict/json.dict'}", "-max_len=256",
                f"-artifact_prefix={found}/", found / "corpus", ROOT / "tests/fuzz/corpus/json"],
               "fuzz/planted_bug", PLANTED_SECONDS_MAX + 30, env=sanitizer_options(), aside=True)
    if done.status != 0 and "AddressSanitizer: heap-buffer-overflow" in done.output:
        return Outcome(passed=1, note=f"after {done.seconds:.1f} s")
    return Outcome(failed=1, detail=["the planted bug was not found:", *done.tail(15)])


# End to end --------------------------------------------------------------------------------------

def e2e_environment():
    done = run(["scripts/testenv.sh"], "e2e-environment", ENVIRONMENT_SECONDS_MAX)
    if done.status == 0:
        return Outcome(passed=1, note=done.last_line())
    if done.status == 77:
        return skips.judge("e2e environment", done.last_line())
    return Outcome(failed=1, detail=done.tail())


def cedar():
    """What the Cedar engine is made of is at hand: the builds of this run have it in them."""
    done = run(["bash", "-c", "scripts/packages.sh cedar && exec scripts/cedar.sh fetch"],
               "cedar-fetch", ENVIRONMENT_SECONDS_MAX)
    if done.status == 0:
        os.environ["CEDAR"] = "build"
        return Outcome(passed=1)
    # Without root there is no package, without a network no crate: its tests are skipped then.
    return skips.judge("Cedar engine", "cargo: " + done.last_line())


def cedar_engine():
    return _command(["scripts/cedar.sh", "build"], "cedar", BUILD_SECONDS_MAX)


def program():
    """The binary is there and starts: everything after this stands on it."""
    return _command([BUILD / "drover", "--version"], "program", CHECK_SECONDS_MAX)


def _time_limit(script):
    """The suite's own limit, if it names one ("# time limit: 900 s") in its first lines."""
    head = script.read_text(encoding="utf-8", errors="replace")[:2000]
    named = re.search(r"^# time limit: (\d+) s", head, re.M)
    return int(named.group(1)) if named else SUITE_SECONDS_MAX


def _suite(script, name):
    if not script.exists():
        return Outcome(failed=1, detail=[f"there is no {script.relative_to(ROOT)}"])
    done = run([script], f"e2e/{name}", _time_limit(script))
    last = done.last_line()
    counts = re.search(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", last)
    if done.status == 77:
        return skips.judge(name, last)
    if done.status != 0:
        return Outcome(failed=max(1, int(counts.group(2)) if counts else 1),
                       passed=int(counts.group(1)) if counts else 0,
                       detail=[f"status {done.status}; all of it: build/logs/e2e/{name}.log",
                               *done.tail()])
    if counts and (int(counts.group(2)) or int(counts.group(1)) == 0):
        return Outcome(failed=1, detail=[f"exit code 0, but its last line is: {last}"])
    if counts:
        outcome = Outcome(passed=int(counts.group(1)))
        reasons = re.findall(r"^skip(?:ped)?[: ]+(.*)", done.output, re.M)
        for i in range(int(counts.group(3) or 0)):
            outcome.add(skips.judge(name, reasons[i] if i < len(reasons) else ""))
        return outcome
    return Outcome(passed=1, note=last[:100])


def e2e_suites(report, only=""):
    """Each tests/e2e/<name>/run.sh is a suite; one line for each."""
    scripts = sorted((ROOT / "tests/e2e").glob("*/run.sh"))
    chosen = [s for s in scripts if only in ("", s.parent.name)]
    if not chosen:
        what = f"no suite named {only}" if only else "no suite in tests/e2e"
        report.stage("e2e", lambda: Outcome(failed=1, note=what))
    for script in chosen:
        name = script.parent.name
        report.stage(f"e2e {name}", lambda s=script, n=name: _suite(s, n))


def opa():
    """A real OPA, built where Go is."""
    done = run(["scripts/opa.sh", "build"], "opa", BUILD_SECONDS_MAX)
    if done.status == 0:
        return Outcome(passed=1)
    if done.status == 77:
        return skips.judge("OPA", done.last_line())
    return Outcome(failed=1, detail=done.tail())


def engine():
    return _suite(ROOT / "tests/e2e/engine.sh", "engine")
