"""Drover on a terminal: a conversation with `drover run`, and colours there and nowhere else.

    terminal.py DROVER AGENT.yaml      in a folder with a drover.yaml; prints "N passed, N failed"
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

DROVER, AGENT = sys.argv[1:3]
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A command on a terminal of its own, bounded in time."""

    def __init__(self, *arguments, **environment):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.environ.update(environment)
            os.execv(DROVER, [DROVER, *arguments])

    def read(self, seconds):
        """One more piece; False at the end or when the time is over."""
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, pattern, seconds=20):
        """Waits for it behind what was expected before."""
        end = time.monotonic() + seconds
        while not re.search(pattern, ESCAPES.sub("", self.text)):
            assert self.read(end - time.monotonic()), f"no {pattern!r} in {self.text!r}"
        seen, self.text = self.text, ""
        return seen

    def say(self, text):
        os.write(self.fd, text.encode())

    def code(self):
        end = time.monotonic() + 20
        while self.read(end - time.monotonic()):
            pass
        if time.monotonic() >= end:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def conversation():
    """drover run without --message: a prompt, answers, the end by Ctrl-D, and how to go on"""
    one = Terminal("run", AGENT)
    one.expect(r"Ctrl-D ends.*\r\n> $")
    one.say("Good morning\n")
    seen = one.expect(r"\r\nses_\w+\r\nyou said: Good morning\r\n> $")
    session = re.search(r"ses_\w+", seen).group(0)
    one.say("\n")
    one.expect(r"\r\n> $")
    one.say("And then?\n")
    one.expect(r"you said: And then\?\r\n> $")
    one.say("\x04")
    one.expect(rf"go on with: drover run --session {session}\r\n")
    assert one.code() == 0
    again = Terminal("run", "--session", session)
    again.expect(r"> $")
    again.say("Back again\n")
    again.expect(r"you said: Back again\r\n> $")
    again.say("\x04")
    assert again.code() == 0
    shown = subprocess.run([DROVER, "session", "show", session], capture_output=True, timeout=30,
                           text=True, check=True).stdout
    for text in ("Good morning", "And then?", "Back again"):
        assert text in shown, shown
    assert "\x1b" not in shown, "colours in a pipe"


def cannot():
    """a model that no endpoint offers ends the conversation with the reason"""
    with open("other.yaml", "w", encoding="utf-8") as file:
        file.write("name: other\nmodels: [nowhere]\n")
    one = Terminal("run", "other.yaml")
    one.expect(r"> $")
    one.say("Hello\n")
    one.expect(r"drover: no endpoint offers model 'nowhere'; there are: m\r\n")
    assert one.code() == 1


def colours():
    """colours on a terminal, unless NO_COLOR is set or the terminal has none; never in a pipe"""
    def list_keys(**environment):
        one = Terminal("key", "ls", **environment)
        assert one.code() == 0
        assert "TENANT" in one.text, one.text
        return "\x1b[" in one.text
    assert list_keys()
    assert not list_keys(NO_COLOR="1")
    assert not list_keys(TERM="dumb")
    piped = subprocess.run([DROVER, "key", "ls"], capture_output=True, timeout=30, check=True)
    assert b"\x1b" not in piped.stdout + piped.stderr, piped


failed = 0
checks = [conversation, cannot, colours]
for check in checks:
    try:
        check()
    except Exception as error:  # each is told of, none hides another
        failed += 1
        print(f"FAILED {check.__doc__}: {type(error).__name__}: {error}")
print(f"{len(checks) - failed} passed, {failed} failed")
sys.exit(failed > 0)
