"""The border check: a session bound to one zone, with canaries in its prompt, its tools' results, its
memories and its endpoints' errors, goes down its agent's ladder and up again. No endpoint outside the
zone is ever asked, and no log, metric or trace holds a canary."""
import http.server
import json
import os
import threading

from server import WORK, Serve, until, write


class Place(http.server.ThreadingHTTPServer):
    """An endpoint as OpenAI's API is, and a tool beside it, that keeps what it is told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.mode = "well"
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        place = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        place.seen.append(self.path + " " + body)
        if self.path.startswith("/tool"):
            return self.send(200, {"found": "CANARY-tool"})
        if place.mode == "busy":
            return self.send(429, {"error": {"message": "CANARY-error: slow down"}})
        if place.mode == "broken":
            return self.send(503, {"error": {"message": "CANARY-error: broken"}})
        asked = json.loads(body)["messages"]
        message = {"role": "assistant", "content": "CANARY-answer"}
        if "use your tools" in str(asked[-1].get("content")):
            message = {"role": "assistant", "content": None, "tool_calls": [
                self.call("c1", "memory_search", {"query": "tea"}),
                self.call("c2", "lookup", {"q": "CANARY-arguments"})]}
        return self.send(200, {
            "id": "r", "object": "chat.completion", "created": 1, "model": "up",
            "choices": [{"index": 0, "message": message,
                         "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5}})

    @staticmethod
    def call(call_id, name, arguments):
        return {"id": call_id, "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)}}

    def send(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


PLACES = {"de-large": ("m", "de"), "fr-large": ("m", "fr"), "us-large": ("m", "us"),
          "de-small": ("small", "de"), "us-small": ("small", "us")}


def start():
    """The server, and its places by name."""
    places = {name: Place() for name in [*PLACES, "desk", "us-desk"]}
    endpoints = "".join(
        f"  - {{id: {name}, provider: openai-compatible, model: {model}, upstream_model: up, "
        f"base_url: 'http://127.0.0.1:{places[name].server_port}/v1', credentials: env:ANY_KEY, "
        f"facts: {{zone: {zone}, prompt_cache: none}}}}\n"
        for name, (model, zone) in PLACES.items())
    tools = "".join(
        f"  - {{name: {name}, http: 'http://127.0.0.1:{places[name].server_port}/tool', "
        f"allow_private: ['127.0.0.1'], facts: {{zone: {zone}}}, "
        f"tools: [{{name: {tool}, parameters: {{type: object, properties: {{q: {{type: string}}}}}}}}]}}\n"
        for name, zone, tool in (("desk", "de", "lookup"), ("us-desk", "us", "lookup_abroad")))
    path = write("border.yaml", f"""listen: 127.0.0.1:0
here: {{zone: de}}
endpoints:
{endpoints}tools:
{tools}agents:
  - name: ward
    instructions: CANARY-system
    models: [m]
    tools: [desk, us-desk]
    memory: {{namespace: notes}}
    downgrade:
      rungs: [{{models: [small]}}, {{context_tokens: 2000}}]
      when: {{dwell_s: 1}}
""")
    return Serve("border", path, os.path.join(WORK, "border"), {"ANY_KEY": "sk-any"}), places


def canaries_in(server, session):
    """Where one is that it must not be, among all that an operator sees."""
    found = {"log": server.text(), "metrics": server.call("GET", "/metrics", key=server.key)[2]}
    for form in ("application/json", "text/plain"):
        found["trace as " + form] = server.call("GET", f"/v1/sessions/{session}/trace",
                                                key=server.key, headers={"accept": form})[2]
    return [name for name, text in found.items() if "CANARY" in text]


def border():
    """on its agent's ladder too a session bound to one zone stays in it, and so do its words"""
    server, places = start()
    status, _, said = server.call("PUT", "/v1/memory/notes/k", {
        "text": "CANARY-memory of tea", "data_class": "residency=eu"}, server.key)
    assert status == 200, said
    made = server.json("POST", "/v1/sessions", {
        "agent": "ward", "data_class": "residency=eu",
        "message": {"role": "user", "content": "CANARY-prompt: use your tools"}}, server.key, 201)
    path = f"/v1/sessions/{made['id']}"

    def state():
        return server.json("GET", path, key=server.key)

    def say(text):
        before = len(state()["messages"])
        server.json("POST", path + "/messages", {"role": "user", "content": text}, server.key, 202)
        return until(lambda: (s := state())["status"] == "waiting" and
                     len(s["messages"]) > before + 1 and s, text, 60)

    told = until(lambda: (s := state())["status"] == "waiting" and s, "its first answer")
    seen = json.dumps(told["messages"])
    for canary in ("CANARY-memory", "CANARY-tool", "CANARY-answer"):
        assert canary in seen, (canary, seen)

    # Both large ones inside refuse for want of quota: the ladder, and the smaller one inside.
    places["de-large"].mode = places["fr-large"].mode = "busy"
    down = None
    for turn in range(8):
        down = say(f"CANARY-more {turn}").get("downgrade")
        if down:
            break
    assert down and down["level"] >= 1 and "small" in down["what"], (down, server.text()[-2000:])
    assert any("CANARY-prompt" in body for body in places["de-small"].seen), "canaries do sing"
    _, headers, _ = server.call("GET", path, key=server.key)
    assert "CANARY" not in headers["x-drover-downgrade"], headers["x-drover-downgrade"]

    # The smaller one breaks as well: nothing is left inside, and that is the answer.
    places["de-small"].mode = "broken"
    server.json("POST", path + "/messages", {"role": "user", "content": "CANARY-last"},
                server.key, 202)
    asked = len(places["de-small"].seen)
    until(lambda: len(places["de-small"].seen) > asked, "it is tried", 30)
    places["de-small"].mode = places["de-large"].mode = places["fr-large"].mode = "well"
    until(lambda: state()["status"] == "waiting", "it goes on when there is a place again", 90)

    def up_again():
        return "downgrade" not in say("CANARY-again")
    until(up_again, "the top of the ladder again", 60)

    events = server.json("GET", path + "/events?limit=1000", key=server.key)["data"]
    kinds = [e["kind"] for e in events]
    assert kinds.count("downgrade") >= 2, kinds
    for name in ("us-large", "us-small", "us-desk"):
        assert not places[name].seen, (name, places[name].seen[0][:300])
    assert canaries_in(server, made["id"]) == [], canaries_in(server, made["id"])
    assert server.stop() == 0
    for place in places.values():
        place.shutdown()


def scratch():
    """scratch data that lies abroad takes no record that is bound to another zone"""
    place = Place()
    path = write("scratch.yaml", f"""listen: 127.0.0.1:0
here: {{zone: de}}
stores:
  - {{name: abroad, data: {os.path.join(WORK, "scratch-abroad")}, facts: {{zone: us, fault_domain: us-1}}}}
endpoints:
  - {{id: far, provider: openai-compatible, model: m, upstream_model: up, credentials: env:ANY_KEY,
     base_url: 'http://127.0.0.1:{place.server_port}/v1', facts: {{zone: us, fault_domain: us-1}}}}
agents:
  - {{name: drifter, instructions: be kind, models: [m], memory: {{namespace: 'pad:{{session}}'}}}}
""")
    server = Serve("scratch", path, os.path.join(WORK, "scratch"), {"ANY_KEY": "sk-any"})

    def put(key, data_class):
        path = f"/v1/memory/pad:{made['id']}/{key}"
        body = {"text": "CANARY-scratch", **data_class}
        return until(lambda: (said := server.call("PUT", path, body, server.key))[0] != 503 and said,
                     "the end of a move")

    made = server.json("POST", "/v1/sessions", {"agent": "drifter"}, server.key, 201)
    at = f"/v1/sessions/{made['id']}"
    assert put("open", {})[0] == 200
    server.json("POST", at + "/messages", {"role": "user", "content": "go"}, server.key, 202)
    placed = until(lambda: server.json("GET", at + "/placement", key=server.key).get("last"), "a step")
    assert placed["scratch"]["store"] == "abroad", placed
    status, _, said = put("bound", {"data_class": "residency=de"})
    assert status == 403 and "store 'abroad'" in said and "residency" in said, (status, said)
    assert put("open", {})[0] == 200
    assert server.stop() == 0
    place.shutdown()
