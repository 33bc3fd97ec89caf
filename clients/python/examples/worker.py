"""Decides and acts for the agent {name: shop, planner: {queue: shop}}: bring your own loop."""
import signal

from drover_client import work


def plan(request, call):
    last = request["messages"][-1]
    if last["role"] == "user":
        return {"kind": "tool_call", "name": "find_order", "arguments": {"id": "A-17"}}
    return [{"kind": "say", "text": f"Your order is {last['content']}."}, {"kind": "end"}]


def find_order(call, id):
    print(f"{id}: {call.idempotency_key}, attempt {call.attempt}", flush=True)
    return "on its way"


worker = work("shop", plan, {"find_order": find_order})
signal.signal(signal.SIGTERM, lambda *_: worker.stop())
worker.join()
