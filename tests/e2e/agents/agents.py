"""Each test is one promise about versions of agents, kept by a running server and its commands."""
import json
import os
import sys

from server import WORK, Child, Serve, run, run_all, until, write

sim = Child("sim", ["sim", "--cloud", "coreweave", "--json"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
KEY = cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")
BASE, MODEL = cloud["regions"][0]["url"], cloud["models"][0]
DATA = os.path.join(WORK, "data")
CONFIG = write("drover.yaml", f"""
listen: 127.0.0.1:0
endpoints:
  - {{id: cw, provider: coreweave, model: m, upstream_model: '{MODEL}', base_url: '{BASE}/v1', credentials: env:CW_KEY}}
agents:
  - {{name: helper, version: "c", instructions: from the configuration, models: [m]}}
""")
ENV = {"CW_KEY": KEY}
server = Serve("serve", CONFIG, DATA, ENV)
ADMIN = server.key


def api(method, path, body=None, want=200, key=None):
    return server.json(method, path, body, key or ADMIN, want)


def agent(version, instructions="x", name="helper", **more):
    return {"name": name, "version": version, "instructions": instructions, "models": ["m"], **more}


def session(reference, want=201):
    return api("POST", "/v1/sessions", {"agent": reference}, want)


def command(*arguments, want=0):
    code, text = run([*arguments], dict(ENV, DROVER_URL=f"http://127.0.0.1:{server.port}",
                                        DROVER_KEY=ADMIN))
    assert code == want, f"drover {' '.join(arguments)}: {code} instead of {want}: {text}"
    return text


def message_of(answer):
    return answer["error"]["message"]


def versions_of(name="helper"):
    return {v["version"]: v for v in api("GET", f"/v1/agents/{name}")["versions"]}


def deploying():
    """a deployed version is for new sessions; the same content is the same version"""
    old = session("helper")
    assert old["agent_version"] == "c", old
    made = api("POST", "/v1/agents", agent("1"), 201)
    assert made == {"name": "helper", "object": "agent.version", "version": "1", "created": True,
                    "current": "1"}, made
    assert api("POST", "/v1/agents", agent("1"), 200)["created"] is False
    refused = api("POST", "/v1/agents", agent("1", "other"), 409)
    assert "never changes" in message_of(refused), refused
    assert session("helper")["agent_version"] == "1"
    assert session("helper@c")["agent_version"] == "c"
    assert api("GET", "/v1/sessions/" + old["id"])["agent_version"] == "c"
    counted = versions_of()
    assert counted["c"]["sessions_open"] == 2 and counted["1"]["sessions_open"] == 1, counted
    assert counted["c"]["configured"] and not counted["1"]["configured"], counted
    assert "has no version '9'" in message_of(session("helper@9", 404))
    assert "there are: helper" in message_of(session("nobody", 404))


def wrong_descriptions():
    """what is deployed is checked, and needs an admin key"""
    api("POST", "/v1/agents", {"name": "x", "models": ["nowhere"]}, 400)
    api("POST", "/v1/agents", {"name": "x", "models": ["m"], "tools": ["nothing"]}, 400)
    api("POST", "/v1/agents", {"name": "x", "modells": ["m"]}, 400)
    api("POST", "/v1/agents", [], 400)
    made = api("POST", "/v1/keys", {"label": "t", "scopes": ["sessions"]}, 201)
    api("POST", "/v1/agents", agent("9"), 403, made["key"])
    api("POST", "/v1/agents/helper/pin", {"version": "1"}, 403, made["key"])
    api("GET", "/v1/agents", None, 200, made["key"])
    api("POST", "/v1/agents/helper/pin", {}, 400)
    api("POST", "/v1/agents/helper/pin", {"version": ""}, 400)
    api("POST", "/v1/agents/helper/pin", {"version": "9"}, 404)
    api("POST", "/v1/agents/nobody/drain", {"version": "9"}, 404)


def tenants():
    """another tenant has the configuration's agents and none of ours"""
    api("POST", "/v1/tenants", {"name": "acme"}, 201)
    other = api("POST", "/v1/keys", {"label": "t", "scopes": ["sessions", "admin"],
                                     "tenant": "acme"}, 201)["key"]
    listed = api("GET", "/v1/agents", None, 200, other)["data"]
    assert [(a["name"], a["current"]) for a in listed] == [("helper", "c")], listed
    api("POST", "/v1/agents", agent("theirs"), 201, other)
    assert "theirs" not in versions_of()
    assert all(v["sessions_open"] == 0
               for v in api("GET", "/v1/agents/helper", None, 200, other)["versions"])


def pins_and_drains():
    """a pin holds, a drain refuses new sessions and counts those left, both over a restart"""
    global server
    api("POST", "/v1/agents", agent("2", "newer"), 201)
    assert api("POST", "/v1/agents/helper/pin", {"version": "1"})["current"] == "1"
    assert session("helper")["agent_version"] == "1"
    api("POST", "/v1/agents/helper/drain", {"version": "1"}, 409)
    assert api("POST", "/v1/agents/helper/pin", {"version": None})["current"] == "2"
    drained = api("POST", "/v1/agents/helper/drain", {"version": "1"})
    assert drained["sessions_open"] == 2 and drained["draining"], drained
    assert server.stop() == 0
    server = Serve("serve-again", CONFIG, DATA, ENV)
    refused = session("helper@1", 409)
    assert "'helper' gives version '2'" in message_of(refused), refused
    api("POST", "/v1/agents/helper/drain", {"version": "2"})
    api("POST", "/v1/agents/helper/drain", {"version": "c"})
    assert "takes no new sessions" in message_of(session("helper", 409))
    back = api("POST", "/v1/agents/helper/drain", {"version": "2", "draining": False})
    assert back["current"] == "2", back
    left = api("GET", "/v1/sessions?limit=1000")["data"]
    for row in left:
        if row["agent_version"] == "1":
            api("POST", f"/v1/sessions/{row['id']}/cancel", {}, 202)
    until(lambda: versions_of()["1"]["sessions_open"] == 0, "the drained version is empty")


def commands():
    """drover agent deploy, ls, show, pin, drain"""
    path = write("agent.yaml", "name: writer\ninstructions: Be brief.\nmodels: [m]\n")
    text = command("agent", "deploy", path)
    assert text.startswith("writer@") and "is deployed" in text, text
    assert "was there already" in command("agent", "deploy", path)
    first = json.loads(command("agent", "deploy", path, "--json"))["version"]
    write("agent.yaml", "name: writer\ninstructions: Be long.\nmodels: [m]\n")
    second = json.loads(command("agent", "deploy", path, "--json"))["version"]
    assert first != second
    lines = [line for line in command("agent", "ls").splitlines() if line.startswith("writer")]
    assert len(lines) == 2 and "current" in lines[0] and second in lines[0], lines
    assert "Be long." in command("agent", "show", "writer")
    assert "Be brief." in command("agent", "show", "writer", "--version", first)
    assert f"new sessions get {first}" in command("agent", "pin", "writer", first)
    assert f"new sessions get {second}" in command("agent", "pin", "writer", "--none")
    assert "takes no new sessions; 0 open" in command("agent", "drain", "writer", first)
    assert "in use again" in command("agent", "drain", "writer", first, "--stop")
    command("agent", "pin", "writer", want=2)
    command("agent", "pin", "writer", "9", want=1)
    command("agent", "deploy", "missing.yaml", want=2)
    bad = write("bad.yaml", "name: writer\nmodells: [m]\n")
    assert "modells" in command("agent", "deploy", bad, want=2)
    for name in ("deploy", "ls", "show", "pin", "drain"):
        assert "Example" in command("agent", name, "--help"), name
    assert "agent" in command("completion")


sys.exit(run_all([deploying, wrong_descriptions, tenants, pins_and_drains, commands]))
