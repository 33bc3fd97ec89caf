"""Decides for the agent {name: echo, planner: {url: "http://127.0.0.1:8090"}}: bring your own planner."""
import os

from drover_client import serve


def plan(request, call):
    said = {"kind": "say", "text": f"You said: {request['messages'][-1]['content']}"}
    if request["step"] < 2:
        return [said, {"kind": "wait", "for": "message"}]
    return [said, {"kind": "end", "result": "said it twice"}]


serve(plan, port=int(os.environ.get("PORT", "8090")))
