"""Which skips count as skips. On a developer's machine all do; in CI a skip is a failure unless
what it needs is really out of reach, and that is looked at here, not believed.

A skip's message names what is missing by one of these words:
    npm       the npm registry could not be reached
    pypi      the Python package index could not be reached
    shared    the recorded data beside the repository (../shared) is not there
    cargo     the Cedar engine was not built on this machine (scripts/cedar.sh)
    opa       there is no OPA here (a Go program, built from source for minutes: `make test-opa`)
    mount     no file system can be mounted here (not root, or a container that forbids it)
Anything else is a failure in CI.
"""

import functools
import os
import re
import subprocess
import tempfile

from testlib import BUILD, IN_CI, ROOT, Outcome

PROBE_SECONDS_MAX = 40
REGISTRIES = ("npm", "pypi")


@functools.cache
def reachable(registry):
    """Asks the registry's ordinary client, once for each run."""
    venv = BUILD / "venv/bin"
    node = BUILD / "node/bin/node"
    if registry == "npm" and node.exists():
        # Node by name, npm by file: whatever stands first in PATH has no say in this.
        command = [node, BUILD / "node/bin/npm", "ping", "--fetch-retries=0", "--fetch-timeout=15000"]
    elif (venv / "python").exists():
        # npm itself comes from the Python index: without it, that is the registry to ask.
        command = [venv / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir",
                   "--retries", "0", "--dest", BUILD / "probe", "six"]
    else:
        return True  # a venv is made without any network, so its absence is no excuse
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=PROBE_SECONDS_MAX)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def shared_is_there():
    return os.path.isdir(os.environ.get("DROVER_SHARED") or ROOT.parent / "shared")


def cedar_was_built():
    done = subprocess.run([ROOT / "scripts/cedar.sh"], capture_output=True, text=True,
                          timeout=PROBE_SECONDS_MAX)
    return bool(done.stdout.strip())


def opa_is_there():
    done = subprocess.run([ROOT / "scripts/opa.sh"], capture_output=True, text=True,
                          timeout=PROBE_SECONDS_MAX)
    return bool(done.stdout.strip())


def can_mount():
    """Whether this process may mount a file system of its own, as tests of a full disk do."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=PROBE_SECONDS_MAX)
        except (subprocess.TimeoutExpired, OSError):
            return False
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True, timeout=PROBE_SECONDS_MAX)
        return done.returncode == 0


def judge(name, message):
    """The Outcome of a skip with this message."""
    text = " ".join(message.split())[:200] or "no reason given"
    skip = Outcome(skipped=1, detail=[f"skipped {name}: {text}"])
    if not IN_CI:
        return skip
    kind = re.search(r"\b(npm|pypi|shared|cargo|opa|mount)\b", text)
    what = kind.group(1) if kind else ""
    if what == "cargo" and not cedar_was_built() or what == "opa" and not opa_is_there():
        return skip
    if what == "mount" and not can_mount():
        return skip
    if what == "shared" and not shared_is_there() or what in REGISTRIES and not reachable(what):
        return skip
    return Outcome(failed=1, detail=[f"skipped {name} in CI, where nothing that it needs is out "
                                     f"of reach: {text}"])
