"""Examples and harder cases of both clients against `drover serve`, which is killed under them."""
import json
import os
import re
import signal
import subprocess
import sys

from server import WORK, Serve, free_port, run_all, until, write

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = os.path.join(HERE, "..", "..", "..", "clients")
LANGUAGES = {
    "typescript": ([os.environ["NODE"]], ".ts"),
    "python": ([os.environ["PYTHON"]], ".py"),
}


PLANNER_PORT = free_port()
PORT = free_port()
CONFIG = write("drover.yaml", f"""
planners:
  - {{origin: "http://127.0.0.1:{PLANNER_PORT}"}}
agents:
  - {{name: shop, planner: {{queue: shop}}}}
  - {{name: echo, planner: {{url: "http://127.0.0.1:{PLANNER_PORT}"}}}}
  - {{name: slow, planner: {{queue: work}}}}
  - {{name: patient, planner: {{queue: work}}}}
""")


class Program:
    """A program that uses a client, as a child with its output in a file."""

    def __init__(self, language, program, *arguments, **env):
        command, ending = LANGUAGES[language]
        path = os.path.join(CLIENTS, language, program) if "/" in program else os.path.join(HERE, program)
        self.log = os.path.join(WORK, f"{language}-{os.path.basename(program)}-{len(started)}.log")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [*command, path + ending, *arguments], stdout=out, stderr=out, cwd=WORK,
                env={**os.environ, "DROVER_URL": f"http://127.0.0.1:{PORT}", "DROVER_KEY": KEY, **env})
        started.append(self)

    def text(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def sees(self, pattern, seconds=30):
        return until(lambda: re.search(pattern, self.text(), re.M), f"{pattern} in {self.text()[-2000:]}", seconds)

    def ends(self, seconds=30):
        assert self.process.wait(seconds) == 0, self.text()
        return self.text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(15)
        return self.text()


started = []
server = Serve("serve", CONFIG, os.path.join(WORK, "data"), arguments=("--listen", f"127.0.0.1:{PORT}"))
KEY = server.key


def restart():
    """kill -9, and the same folder on the same port again."""
    global server
    server.stop(signal.SIGKILL)
    server = Serve(f"serve-{len(started)}", CONFIG, os.path.join(WORK, "data"),
                   arguments=("--listen", f"127.0.0.1:{PORT}"))


def create(agent, **more):
    body = {"agent": agent, "message": "please", **more}
    return server.json("POST", "/v1/sessions", body, KEY, want=201)["id"]


def events(session, kind=None):
    data = server.json("GET", f"/v1/sessions/{session}/events?limit=1000", key=KEY)["data"]
    return [e for e in data if kind in (None, e["kind"])]


def ended(session, result=None):
    last = until(lambda: events(session, "session.ended"), f"the end of {session}", 30)[-1]["payload"]
    assert last["reason"] == "completed", last
    assert result is None or last.get("result") == result, last


def call(language, method, *arguments):
    return json.loads(Program(language, "call", method, *map(json.dumps, arguments)).ends())


def answers(session):
    """What the agent said."""
    messages = server.json("GET", f"/v1/sessions/{session}", key=KEY)["messages"]
    return [m["content"] for m in messages if m["role"] == "assistant" and m.get("content")]


def worker_example(language):
    worker = Program(language, "examples/worker")
    follower = Program(language, "examples/session", "shop", "Where is my order?")
    text = follower.ends()
    session = re.search(r"ses_\w+", worker.sees(r"^A-17: ses_\w+/\d+, attempt 1$").group()).group()
    assert answers(session) == ["Your order is on its way."], answers(session)
    assert [line.split()[0] for line in text.splitlines()] == [e["kind"] for e in events(session)], text
    worker.stop()


def planner_example(language):
    planner = Program(language, "examples/planner", PORT=str(PLANNER_PORT))
    session = call(language, "create", *([{"agent": "echo", "message": "one"}] if language == "typescript"
                                         else ["echo", "one"]))["id"]
    until(lambda: answers(session) == ["You said: one"], "the first answer")
    call(language, "message", session, "two")
    ended(session, "said it twice")
    assert answers(session) == ["You said: one", "You said: two"], answers(session)
    planner.process.terminate()
    planner.process.wait(10)


def approval_and_signal(language):
    worker = Program(language, "worker", "work", "-", "w")
    session = create("patient")
    wait = until(lambda: [e for e in events(session, "wait.started") if e["payload"]["for"] == "approval"],
                 "an approval")[-1]["payload"]
    call(language, "approve", session, {"wait_id": wait["wait_id"], "decision": "approve"})
    until(lambda: [e for e in events(session, "wait.started") if e["payload"]["for"] == "signal"], "a wait")
    call(language, "signal", session, "go", {"n": [1, 2]})
    ended(session, '{"n":[1,2]}')
    assert answers(session) == ["approved"], answers(session)
    assert worker.stop().endswith("stopped\n")


def given_back_and_next_in_one_commit(language):
    worker = Program(language, "worker", "work", "-", "w")
    session = create("slow", plan={"effects": [{"kind": "tool_call", "name": "moody", "arguments": {}}]})
    ended(session, "in one commit")
    assert [e["attempt"] for e in events(session, "tool.call")] == [1, 2]
    assert not events(session, "plan.requested"), "the planner was asked"
    worker.stop()


def server_killed(language):
    """Drover dies while a tool runs: the same key, another attempt, one result, no event missed"""
    go = os.path.join(WORK, f"go-killed-{language}")
    worker = Program(language, "worker", "work", go, "w")
    follower = Program(language, "examples/session", "slow", "please")
    session = re.search(r"ses_\w+", worker.sees(r"^begins (\S+) attempt 1$").group()).group()
    restart()
    write(os.path.basename(go), "")
    ended(session, "w:7")
    text = follower.ends()
    kinds = [line.split()[0] for line in text.splitlines() if re.match(r"[a-z]+\.?[a-z_]* ", line)]
    assert kinds == [e["kind"] for e in events(session)], text
    results = [e for e in events(session, "tool.result") if "ignored" not in e["payload"]]
    assert len(results) == 1, results
    keys = set(re.findall(r"^begins (\S+) attempt", worker.text(), re.M))
    assert len(keys) == 1, worker.text()
    worker.stop()


def worker_stalled(language):
    """A worker that stalls beyond its lease is fenced: the other one's result counts, its own does not"""
    go = os.path.join(WORK, f"go-stalled-{language}")
    stalled = Program(language, "worker", "work", go, "stalled")
    session = create("slow")
    stalled.sees(r"^begins \S+ attempt 1$")
    stalled.process.send_signal(signal.SIGSTOP)
    write(os.path.basename(go), "")
    other = Program(language, "worker", "work", go, "other")
    ended(session, "other:7")
    stalled.process.send_signal(signal.SIGCONT)
    stalled.sees(r"^problem: .*(did not count|was lost)")
    results = [e["payload"] for e in events(session, "tool.result")]
    assert [r["content"] for r in results if "ignored" not in r] == ["other:7"], results
    other.stop()
    stalled.stop()


def stopped(language):
    """stop() waits for the item in hand, and its result counts"""
    go = os.path.join(WORK, f"go-stopped-{language}")
    worker = Program(language, "worker", "work", go, "w")
    session = create("slow")
    worker.sees(r"^begins \S+ attempt 1$")
    worker.process.terminate()
    worker.sees("^stopping$")
    write(os.path.basename(go), "")
    assert worker.ends().endswith("ends attempt 1\nstopped\n"), worker.text()
    assert [r["payload"]["content"] for r in events(session, "tool.result")] == ["w:7"]
    assert len(events(session, "tool.call")) == 1
    server.json("POST", f"/v1/sessions/{session}/cancel", {}, KEY, want=202)


CASES = (worker_example, planner_example, approval_and_signal, given_back_and_next_in_one_commit,
         server_killed, worker_stalled, stopped)


def named(case, language):
    def test():
        try:
            case(language)
        finally:
            for program in started:
                if program.process.poll() is None:
                    program.process.kill()
                    program.process.wait()
    test.__name__ = test.__doc__ = f"{language}: {(case.__doc__ or case.__name__.replace('_', ' '))}"
    return test


sys.exit(run_all([named(case, language) for language in LANGUAGES for case in CASES]))
