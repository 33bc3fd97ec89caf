"""An external authoriser: a server that answers as OPA does, and a real OPA where there is one."""
import http.server
import json
import os
import signal
import socket
import subprocess
import threading

from server import WORK, Serve, free_port, until
from world import ENV, ask, config_of, place

PROGRAM = os.environ.get("OPA", "")
RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../../examples/opa/drover.rego")


class FakeOpa(http.server.BaseHTTPRequestHandler):
    """Answers as OPA's data API does: confidential data may see what is not American."""
    questions = []
    broken = False

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
        FakeOpa.questions.append(asked)
        result = [t["id"] for t in asked["things"]
                  if asked["data"]["sensitivity"] == "public" or t.get("jurisdiction") != "us"]
        if asked["action"] == "manage" and asked["name"] == "nurse":
            result = [verb for verb in result if verb not in ("export", "agents")]
        body = json.dumps({"result": result}).encode()
        self.send_response(500 if FakeOpa.broken else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def setting(port, document="allow"):
    return (f"  opa: {{url: 'http://127.0.0.1:{port}/v1/data/drover/{document}', "
            "timeout: 2s, keep: 1s}\n")


def judged_by(port, name, document="allow"):
    path = config_of(name + ".yaml", setting(port, document))
    server = Serve(name, path, os.path.join(WORK, name), ENV)
    assert place(server)[0] == ["berlin", "paris"]
    ranked, rejected = place(server, "patient")
    assert ranked == ["paris"] and rejected["berlin"][0] == "opa", (ranked, rejected)
    assert ask(server, "patient")[0] == 200
    return server


def external():
    """an external authoriser is asked once and kept, and without its answer nothing is allowed"""
    opa = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeOpa)
    threading.Thread(target=opa.serve_forever, daemon=True).start()
    server = judged_by(opa.server_port, "external")
    for _ in range(5):
        ask(server)
    of_calls = [q for q in FakeOpa.questions if q["action"] != "manage"]
    assert len(of_calls) <= 6, "a call is not a question"
    assert of_calls[0]["action"] == "call_model", of_calls[0]
    FakeOpa.broken = True
    until(lambda: ask(server, "patient")[0] == 503, "the last answer is over")
    said = ask(server, "patient")[1]
    assert "gave no answer" in said and "policy_unavailable" in said, said
    FakeOpa.broken = False
    until(lambda: ask(server, "patient")[0] == 200, "it answers again")
    opa.shutdown()
    assert server.stop() == 0


def reloads():
    """an external authoriser comes and goes by SIGHUP, while calls go on"""
    opa = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeOpa)
    threading.Thread(target=opa.serve_forever, daemon=True).start()
    without = ""
    with_it = setting(opa.server_port)
    server = Serve("reloads", config_of("reloads.yaml", without), os.path.join(WORK, "reloads"), ENV)
    assert place(server, "patient")[0] == ["berlin", "paris"]
    failed = []
    going = threading.Event()

    def caller():
        while not going.is_set():
            status, said = ask(server)
            if status != 200:
                failed.append((status, said))
    callers = [threading.Thread(target=caller) for _ in range(3)]
    for one in callers:
        one.start()
    for _ in range(3):
        config_of("reloads.yaml", with_it)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: place(server, "patient")[0] == ["paris"], "it is asked")
        config_of("reloads.yaml", without)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: place(server, "patient")[0] == ["berlin", "paris"], "it is asked no more")
    going.set()
    for one in callers:
        one.join(20)
    assert not failed, failed[0]
    # What may be stored here is asked too.
    config_of("reloads.yaml", with_it)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: place(server, "patient")[0] == ["paris"], "it is asked")
    put = {"text": "x", "data_class": "patient"}
    assert server.call("PUT", "/v1/memory/notes/a", put, server.key)[0] == 200
    stores = [q for q in FakeOpa.questions if q["action"] == "store"]
    assert stores and stores[-1]["things"][0]["id"] == "this server", stores
    # So are verbs: what the key may at all, and of each session.
    nurse = server.json("POST", "/v1/keys", {"label": "nurse", "scopes": ["sessions", "admin"]},
                        server.key, 201)["key"]
    made = server.json("POST", "/v1/sessions", {"agent": "clerk", "data_class": "patient"},
                       nurse, 201)
    status, _, said = server.call("GET", f"/v1/sessions/{made['id']}/export", key=nurse)
    assert status == 403 and "opa: the external authoriser does not allow it" in said, said
    assert server.call("GET", f"/v1/sessions/{made['id']}/export", key=server.key)[0] == 200
    of_session = [q for q in FakeOpa.questions if q.get("session") == made["id"]]
    assert {q["name"] for q in of_session} >= {"nurse"}, of_session
    assert of_session[0]["data"]["sensitivity"] == "confidential", of_session[0]
    assert server.call("POST", "/v1/agents", {}, nurse)[0] == 403
    assert server.call("GET", "/v1/keys", key=nurse)[0] == 200
    FakeOpa.broken = True
    until(lambda: server.call("GET", "/v1/keys", key=nurse)[0] == 503, "no answer about verbs")
    headers = server.call("GET", "/v1/keys", key=nurse)[1]
    assert headers.get("retry-after") == "1", dict(headers)
    entries = server.json("GET", "/v1/audit", key=server.key)["data"]
    assert entries[0]["reason"] == "policy_unavailable", entries[0]
    until(lambda: server.call("PUT", "/v1/memory/notes/b", put, server.key)[0] == 503, "no answer")
    said = server.call("PUT", "/v1/memory/notes/b", put, server.key)[2]
    assert "gave no answer" in said and "this server" in said, said
    FakeOpa.broken = False
    opa.shutdown()
    assert server.stop() == 0


class RealOpa:
    """OPA itself, with the rules of the examples."""

    def __init__(self, program):
        self.port = free_port()
        with open(os.path.join(WORK, "opa.log"), "wb") as log:
            self.process = subprocess.Popen(
                [program, "run", "--server", f"--addr=127.0.0.1:{self.port}",
                 "--disable-telemetry", RULES], stdout=log, stderr=log)

    def __enter__(self):
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        until(listens, "OPA listens")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(15)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def real_opa():
    """a real OPA, with the rules of the examples: places, stores and verbs, and its reasons are told"""
    with RealOpa(PROGRAM) as opa:
        server = judged_by(opa.port, "real-opa")
        said = place(server, "patient")[1]["berlin"]
        assert said == ("opa", "the external authoriser does not allow it"), said
        assert server.stop() == 0
        server = judged_by(opa.port, "real-opa-why", "decision")
        assert place(server, "patient")[1]["berlin"] == ("opa", "its jurisdiction is us"), said
        put = {"text": "x", "data_class": "patient"}
        assert server.call("PUT", "/v1/memory/notes/a", put, server.key)[0] == 200
        keys = {name: server.json("POST", "/v1/keys", {"label": name, "scopes": ["sessions"]},
                                  server.key, 201)["key"] for name in ("intern", "nurse")}
        made = server.json("POST", "/v1/sessions", {"agent": "clerk", "data_class": "patient"},
                           server.key, 201)
        export = f"/v1/sessions/{made['id']}/export"
        status, _, said = server.call("GET", export, key=keys["intern"])
        assert status == 403 and "opa: interns export nothing" in said, (status, said)
        assert server.call("GET", export, key=keys["nurse"])[0] == 200
        entries = server.json("GET", "/v1/audit", key=server.key)["data"]
        assert [(e["verb"], e["name"]) for e in entries] == [("export", "intern")], entries
        opa.stop()
        until(lambda: ask(server, "patient")[0] == 503, "the last answer is over")
        assert "gave no answer" in ask(server, "patient")[1], ask(server, "patient")
        # What was asked of the store was asked later, and is kept as long.
        until(lambda: server.call("PUT", "/v1/memory/notes/b", put, server.key)[0] == 503,
              "the last answer about the store is over")
        assert server.stop() == 0


def undefined():
    """a document that is not there allows nothing, and says so"""
    with RealOpa(PROGRAM) as opa:
        server = Serve("undefined", config_of("undefined.yaml", setting(opa.port, "alow")),
                       os.path.join(WORK, "undefined"), ENV)
        status, said = ask(server)
        assert status == 403 and "berlin -> opa: " in said, (status, said)
        assert server.stop() == 0
