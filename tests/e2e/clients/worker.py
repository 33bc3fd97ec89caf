"""Works for two agents: `slow` calls a tool that waits for a file; `patient` waits for a person, then
for a signal, and ends with its payload."""
import json
import os
import signal
import sys
import time

from drover_client import GiveBack, Reply, work

queue, go, name = sys.argv[1:]
refusals = 1


def say(text):
    print(text, flush=True)


def patient(request):
    if request["step"] == 1:
        return {"kind": "wait", "for": "approval", "question": "May I?"}
    resolved = [e["payload"] for e in request["events"] if e["kind"] == "wait.resolved"][-1]
    if request["step"] == 2:
        return [{"kind": "say", "text": resolved["outcome"]}, {"kind": "wait", "for": "signal", "name": "go"}]
    return [{"kind": "end", "result": json.dumps(resolved["payload"], separators=(",", ":"))}]


def plan(request, call):
    if request["agent"]["name"] == "patient":
        return patient(request)
    last = request["messages"][-1]
    if last["role"] == "tool":
        return {"kind": "end", "result": last["content"]}
    return {"kind": "tool_call", "name": "slow", "arguments": {"n": 7}}


def slow(call, n):
    say(f"begins {call.idempotency_key} attempt {call.attempt}")
    end = time.monotonic() + 20
    while time.monotonic() < end and not os.path.exists(go) and not call.lost.is_set():
        time.sleep(0.05)
    say(f"ends attempt {call.attempt}{', lost' if call.lost.is_set() else ''}")
    return f"{name}:{n}"


def moody(call):
    global refusals
    refusals -= 1
    if refusals >= 0:
        raise GiveBack("not yet")
    return Reply("now", plan={"kind": "end", "result": "in one commit"})


worker = work(queue, plan, {"slow": slow, "moody": moody}, worker=name, lease_s=1.5,
              on_problem=lambda problem: say(f"problem: {problem}"))
signal.signal(signal.SIGTERM, lambda *_: (say("stopping"), worker.stop(), say("stopped")))
worker.join()
