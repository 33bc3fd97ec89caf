"""Each test is one promise about what a step needs of the endpoint that serves it."""
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import WORK, Child, Serve, run, run_all, until, write

sim = Child("sim", ["sim", "--cloud", "coreweave", "--json"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
KEY = cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")
BASE, MODEL = cloud["regions"][0]["url"], cloud["models"][0]

# What each step of a session needs, by the message that began it; a step with a name calls that tool.
WRITE = {"name": "memory_write", "arguments": {"key": "plan", "text": "look, then compute"}}
READ = {"name": "memory_read", "arguments": {"key": "plan"}}
STEPS = {
    "hop": [{"vision": True}, WRITE, {"hardware": "cpu"}, READ, {}],
    "homeland": [{"vision": True}, WRITE, READ],
    "to and fro": [step for i in range(12) for step in (
        {"vision": True} if i % 2 == 0 else {"hardware": "cpu"},
        {"name": "memory_write", "arguments": {"key": f"k{i:02}", "text": "note " * 100}})],
    "tour": [{"vision": True}, {"hardware": "cpu"}, {"context_tokens": 500_000, "hardware": ["b200", "h200"]}, {}],
    "nowhere": [{"attested": "aws-nitro"}],
    "nonsense": [{"gpu": "h200"}],
}
asked = {}


class Planner(BaseHTTPRequestHandler):
    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        session = question["session"]
        if session not in asked:
            said = [e["payload"]["message"]["content"] for e in question["events"] if e["kind"] == "observation"]
            asked[session] = (list(STEPS[said[0]]), {})
        left, answered = asked[session]
        # Asked again, after a kill, it says the same again.
        key = question["idempotency_key"]
        if key not in answered:
            answered[key] = left.pop(0) if left else None
        step = answered[key]
        effect = {"kind": "end", "reason": "done"} if step is None else {"kind": "model_call", "needs": step}
        if step and "name" in step:
            effect = {"kind": "tool_call", **step}
        body = json.dumps({"effects": [effect]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


planner = ThreadingHTTPServer(("127.0.0.1", 0), Planner)
threading.Thread(target=planner.serve_forever, daemon=True).start()
ORIGIN = f"http://127.0.0.1:{planner.server_port}"
END = f"provider: coreweave, model: m, upstream_model: '{MODEL}', base_url: '{BASE}/v1', credentials: env:CW_KEY"
CONFIG = write("drover.yaml", f"""
listen: 127.0.0.1:0
endpoints:
  - {{id: plain, {END}, images: false, context_window: 8000, facts: {{hardware: [cpu], fault_domain: cellar}}}}
  - {{id: eyes, {END}, images: true, context_window: 32000,
      facts: {{hardware: [h100], fault_domain: attic, zone: de, prompt_cache: none}}}}
  - {{id: long, {END}, images: false, context_window: 1000000, facts: {{hardware: [h200]}}}}
  - {{id: unknown, {END}}}
here: {{zone: de}}
stores:
  - {{name: attic, data: stores/attic, facts: {{fault_domain: attic, zone: us}}}}
  - {{name: cellar, data: stores/cellar, facts: {{fault_domain: cellar, zone: de}}}}
planners:
  - {{origin: "{ORIGIN}", facts: {{zone: de}}}}
agents:
  - {{name: hopper, version: "1", models: [m], planner: {{url: "{ORIGIN}/plan"}}, memory: {{namespace: "pad:{{session}}"}}}}
  - {{name: walker, version: "1", models: [m], planner: {{url: "{ORIGIN}/plan"}}}}
  - {{name: looker, version: "1", models: [m], needs: {{vision: true}}}}
""")
ENV = {"CW_KEY": KEY}
server = Serve("serve", CONFIG, os.path.join(WORK, "data"), ENV)


def api(method, path, body=None, want=200):
    return server.json(method, path, body, server.key, want)


def command(*arguments, want=0):
    code, text = run([*arguments], dict(ENV, DROVER_URL=f"http://127.0.0.1:{server.port}", DROVER_KEY=server.key))
    assert code == want, f"drover {' '.join(arguments)}: {code} instead of {want}: {text}"
    return text


def begin(message, agent="walker"):
    return api("POST", "/v1/sessions", {"agent": agent, "message": message}, 201)["id"]


def events(session, kind):
    return [e["payload"] for e in api("GET", f"/v1/sessions/{session}/events?limit=1000")["data"] if e["kind"] == kind]


def one_session_hops_between_endpoints():
    """a planner states each step's needs, and one session hops accordingly"""
    session = begin("tour")
    until(lambda: events(session, "session.ended"), "the end")
    assert [r["endpoint"] for r in events(session, "model.result")] == ["eyes", "plain", "long", "plain"]
    assert [c.get("needs") for c in events(session, "model.call")] == [
        {"vision": True}, {"hardware": ["cpu"]}, {"context_tokens": 500_000, "hardware": ["b200", "h200"]}, None]
    placed = events(session, "placement.decided")
    assert placed[0]["needs"] == "vision" and placed[0]["endpoints"] == ["eyes"], placed[0]
    why = {r["endpoint"]: (r["rule"], r["reason"]) for r in placed[0]["rejected"]}
    assert why["unknown"] == ("needs", "the step needs vision; its vision is not stated"), why
    trace = until(lambda: (lambda t: "needs vision" in t and t)(command("trace", session)), "the trace")
    assert "needs hardware cpu" in trace, trace


def its_scratch_data_hops_with_it():
    """what a session notes lies in the fault domain of the endpoint that it uses, step by step"""
    session = begin("hop", "hopper")
    until(lambda: events(session, "session.ended"), "the end")
    assert [r["endpoint"] for r in events(session, "model.result")] == ["eyes", "plain", "plain"]
    moves = [p["scratch"] for p in events(session, "placement.decided")]
    assert [m["store"] for m in moves] == ["attic", "cellar", "cellar"], moves
    assert (moves[1]["from"], moves[1]["records"]) == ("attic", 1) and moves[1]["bytes"] > 20, moves[1]
    assert moves[1]["reason"] == "it stands in the fault domain of plain, cellar", moves[1]
    assert "from" not in moves[2], moves[2]
    results = events(session, "tool.result")
    assert "look, then compute" in results[1]["content"], results
    # A person finds it where it lies, and the explanation of that step tells of the move.
    assert api("GET", f"/v1/memory/pad:{session}/plan")["text"] == "look, then compute"
    step = [e for e in api("GET", f"/v1/sessions/{session}/events?limit=1000")["data"]
            if e["kind"] == "placement.decided"][1]["sequence"]
    text = command("place", session, "--step", str(step), "--explain")
    assert "Its scratch data moved from attic to cellar (1 records, " in text, text
    assert "Scratch data: in cellar, 1 records" in text, text
    trace = until(lambda: (lambda t: "scratch move" in t and t)(command("trace", session)), "the trace")
    assert trace.count("scratch move") == 2, trace
    # The first store has nothing left of it.
    left = sqlite3.connect(f"file:{WORK}/stores/attic/drover.db?mode=ro", uri=True).execute(
        "SELECT count(*) FROM records").fetchone()
    assert left == (0,), left


def scratch_data_stays_in_its_zone():
    """a store outside the zone does not exist for the data, though it is the nearest"""
    answer = api("POST", "/v1/sessions", {"agent": "hopper", "message": "homeland", "data_class": "residency=de"}, 201)
    session = answer["id"]
    until(lambda: events(session, "session.ended"), "the end")
    moves = [p["scratch"] for p in events(session, "placement.decided")]
    assert [m["store"] for m in moves] == ["this server"], moves
    assert "no store may hold this data (attic -> residency" in moves[0]["reason"], moves
    assert "look, then compute" in events(session, "tool.result")[1]["content"]


def kills_lose_no_scratch_data_and_leave_it_in_one_store():
    """killed again and again while sessions hop, each keeps all it noted, in the store that its journal names"""
    global server
    sessions = [begin("to and fro", "hopper") for _ in range(4)]
    for i in range(5):
        time.sleep(random.uniform(0.02, 0.25))
        key = server.key
        server.stop(signal.SIGKILL)
        server = Serve(f"killed{i}", CONFIG, os.path.join(WORK, "data"), ENV)
        server.key = key
    for session in sessions:
        until(lambda: events(session, "session.ended"), "the end", 60)
        noted = sorted({w["key"] for w in events(session, "memory.write")})
        kept = [r["key"] for r in api("GET", f"/v1/memory/pad:{session}?limit=100")["data"]]
        assert kept == noted == [f"k{i:02}" for i in range(12)], (kept, noted)
        live = events(session, "placement.decided")[-1]["scratch"]["store"]
        for store, folder in (("attic", "stores/attic"), ("cellar", "stores/cellar"), ("this server", "data")):
            here = sqlite3.connect(f"file:{WORK}/{folder}/drover.db?mode=ro", uri=True).execute(
                "SELECT count(*) FROM records JOIN name_spaces ON name_spaces.number = records.name_space "
                "WHERE name_spaces.name = ?", (f"pad:{session}",)).fetchone()[0]
            assert here == (12 if store == live else 0), (session, store, live, here)


def stores_are_checked():
    """drover config check says what is wrong with a store, and where"""
    bad = write("bad.yaml", """data: d
stores:
  - {name: attic, data: stores/attic}
""")
    code, text = run(["config", "check", bad])
    assert code == 1 and "bad.yaml:3: the fault domain of the store 'attic' is not stated" in text, (code, text)


def a_step_that_nobody_serves_says_why():
    """no endpoint has what a step needs: refused with what and why, nothing sent"""
    session = begin("nowhere")
    result = until(lambda: events(session, "model.result"), "the refusal")[0]
    assert "has what the step needs (evidence aws-nitro" in result["error"]["message"], result
    assert "eyes -> needs: the step needs evidence of kind aws-nitro; what it can give is not stated" in result["error"]["message"]


def needs_that_nobody_knows_are_told_to_the_planner():
    """a plan whose needs cannot be read is refused by name"""
    session = begin("nonsense")
    plan = until(lambda: [p for p in events(session, "plan") if "error" in p], "the refusal")[0]
    assert "needs: there is no 'gpu'" in plan["error"]["message"], plan


def place_explains_needs():
    """drover place --needs shows the ranked endpoints and why not the others"""
    text = command("place", "--model", "m", "--needs", "{vision: true}", "--explain")
    assert "Needs: vision" in text and "eyes" in text, text
    assert "its window is 8000" in command("place", "--model", "m", "--needs", "{context_tokens: 9000}", "--explain")
    answer = json.loads(command("place", "--agent", "looker", "--json"))
    assert [r["endpoint"] for r in answer["ranked"]] == ["eyes"], answer
    assert answer["needs"] == "vision"
    command("place", "--model", "m", "--needs", "{hardware: tpu}", want=1)
    assert "there is no 'gpu'" in command("place", "--model", "m", "--needs", "{gpu: h200}", want=1)


def an_image_goes_where_it_can_be_seen():
    """a gateway request with an image avoids endpoints that are known to be blind"""
    content = [{"type": "text", "text": "what is it?"},
               {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    for body, blind in (("hello", True), (content, False)):
        status, headers, text = server.call("POST", "/v1/chat/completions", {
            "model": "m", "messages": [{"role": "user", "content": body}]}, server.key)
        assert status == 200, text
        assert (headers["x-drover-endpoint"] == "plain") == blind, headers["x-drover-endpoint"]


sys.exit(run_all([one_session_hops_between_endpoints, its_scratch_data_hops_with_it,
                  scratch_data_stays_in_its_zone, stores_are_checked,
                  kills_lose_no_scratch_data_and_leave_it_in_one_store, a_step_that_nobody_serves_says_why,
                  needs_that_nobody_knows_are_told_to_the_planner, place_explains_needs,
                  an_image_goes_where_it_can_be_seen]))
