"""Drover's own programs as children of a test, and HTTP to them. Standard library only."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))
from free_port import free_port  # noqa: E402,F401  (for servers that must be told their port)

DROVER = os.environ["DROVER"]
WORK = os.environ["WORK"]
_started = []


def until(check, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class Child:
    def __init__(self, name, arguments, env=None):
        self.log = os.path.join(WORK, name + ".log")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [DROVER, *arguments], stdout=out, stderr=out, cwd=WORK,
                env=dict(os.environ, **(env or {})))
        _started.append(self)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, pattern, seconds=20):
        def look():
            assert self.process.poll() is None or re.search(pattern, self.text()), self.text()
            return re.search(pattern, self.text())
        return until(look, pattern, seconds)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.log}: SIGTERM was not followed within 15 s")
        return self.process.returncode


class Serve(Child):
    """drover serve on a free port; `key` is the admin key if this start printed one."""

    def __init__(self, name, config, data, env=None, arguments=()):
        super().__init__(name, ["serve", "--config", config, "--data", data, *arguments], env)
        self.port = int(self.wait_for(r"listens on https?://[^ ]*:(\d+)").group(1))
        shown = re.search(r"^\s+(drv_\S+)$", self.text(), re.M)
        self.key = shown.group(1) if shown else None

    def call(self, method, path, body=None, key=None, headers=None, timeout=20):
        """Status, headers, body as text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        send = dict(headers or {})
        if key is not None:
            send["authorization"] = "Bearer " + key
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        try:
            connection.request(method, path, body, send)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def json(self, method, path, body=None, key=None, want=200):
        status, _, text = self.call(method, path, body, key)
        assert status == want, f"{method} {path}: {status} instead of {want}: {text[:300]}"
        return json.loads(text)


def run(arguments, env=None, seconds=20):
    """A command that ends by itself: exit code and all it printed."""
    done = subprocess.run([DROVER, *arguments], capture_output=True, timeout=seconds, cwd=WORK,
                          env=dict(os.environ, **(env or {})))
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def run_all(tests, skipped=0):
    """Runs each, stops every child, prints the counts; the exit code."""
    failed = 0
    for test in tests:
        try:
            test()
            print("ok:", test.__doc__ or test.__name__, flush=True)
        except Exception as error:  # one failure must not hide the others
            failed += 1
            print(f"FAILED: {test.__name__}: {type(error).__name__}: {error}", flush=True)
    for child in reversed(_started):
        try:
            child.stop()
        except Exception as error:
            failed += 1
            print("FAILED:", error, flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
