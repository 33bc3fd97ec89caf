"""Each test is one promise about sessions that are steered while they run."""
import json
import os
import signal
import sys
import urllib.request

from server import WORK, Child, Serve, run, run_all, until, write

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.environ["TOOLS_URL"]
sim = Child("sim", ["sim", "--cloud", "coreweave", "--json", "--script",
                    os.path.join(HERE, "script.yaml")])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
KEY = cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")
BASE, MODEL = cloud["regions"][0]["url"], cloud["models"][0]
DATA = os.path.join(WORK, "data")
CONFIG = write("drover.yaml", f"""
listen: 127.0.0.1:0
endpoints:
  - {{id: cw, provider: coreweave, model: m, upstream_model: '{MODEL}', base_url: '{BASE}/v1', credentials: env:CW_KEY, price_per_million: {{input: 1, output: 2}}}}
tools:
  - name: orders
    http: {TOOLS}/api
    allow_private: ["127.0.0.1"]
    tools:
      - {{name: refund, path: "/orders/{{order}}/refund"}}
      - {{name: find, method: GET}}
      - {{name: slow}}
agents:
  - name: clerk
    version: "1"
    models: [m]
    tools: [orders]
    builtins: [sleep, wait_for_signal, spawn, request_extension]
    approvals: [refund]
    step_budget: {{tokens: 20000, time_s: 60}}
    extensions: {{otherwise: ask}}
  - {{name: strict, version: "1", models: [m], builtins: [request_extension], step_budget: {{tokens: 20000}}, extensions: {{otherwise: refuse}}}}
  - {{name: poor, version: "1", models: [m], tree: {{tokens: 1}}}}
  - {{name: loop, version: "1", models: [m], tools: [orders], tree: {{steps: 6}}}}
""")
ENV = {"CW_KEY": KEY}
server = Serve("serve", CONFIG, DATA, ENV)
ADMIN = server.key


def api(method, path, body=None, want=200, key=None):
    return server.json(method, path, body, key or ADMIN, want)


def command(*arguments, want=0):
    code, text = run([*arguments], dict(ENV, DROVER_URL=f"http://127.0.0.1:{server.port}",
                                        DROVER_KEY=ADMIN))
    assert code == want, f"drover {' '.join(arguments)}: {code} instead of {want}: {text}"
    return text


def begin(message, agent="clerk"):
    return api("POST", "/v1/sessions", {"agent": agent, "message": message}, 201)["id"]


def state(ident):
    return api("GET", "/v1/sessions/" + ident)


def waits(ident, what):
    def look():
        now = state(ident)
        return now["status"] == "waiting" and now["waiting_for"] == what and now
    return until(look, f"{ident} waits for {what}")


def last_text(ident):
    return state(ident)["messages"][-1].get("content") or ""


def says(ident, text):
    until(lambda: text in last_text(ident), f"{ident} says {text}")


def kinds(ident, kind):
    events = api("GET", f"/v1/sessions/{ident}/events?limit=1000")["data"]
    return [e["payload"] for e in events if e["kind"] == kind]


def tool_calls(part):
    with urllib.request.urlopen(TOOLS + "/seen", timeout=10) as answer:
        return [s for s in json.load(answer) if part in s["target"]]


def pending(ident):
    return api("GET", f"/v1/approvals?session={ident}")["data"]


def approvals():
    """a tool call waits for a person, is run once with the arguments that the person saw"""
    ident = begin("refund order 71")
    waits(ident, "approval")
    assert not tool_calls("/71/")
    listed = [w for w in api("GET", "/v1/approvals")["data"] if w["session"] == ident]
    assert len(listed) == 1 and listed[0]["tool"] == "refund", listed
    assert "71" in listed[0]["arguments"], listed
    wait = listed[0]["wait_id"]
    assert wait in command("approvals")
    path = f"/v1/sessions/{ident}/approvals/{wait}"
    for bad in ({}, {"decision": "maybe"}, {"decision": "edit"}, {"decision": "approve", "x": 1},
                {"decision": "approve", "arguments": {}}, {"decision": "edit", "arguments": "["}):
        api("POST", path, bad, 400)
    api("POST", f"/v1/sessions/{ident}/approvals/w9999", {"decision": "approve"}, 409)
    assert "is approved" in command("session", "approve", ident, "--why", "fine")
    says(ident, "refund said refunded 71")
    assert len(tool_calls("/71/")) == 1
    assert tool_calls("/71/")[0]["headers"]["drover-session"] == ident
    api("POST", path, {"decision": "deny"}, 409)
    assert not pending(ident)
    resolved = kinds(ident, "wait.resolved")
    assert resolved[0]["outcome"] == "approved" and resolved[0]["explanation"] == "fine", resolved


def approvals_beside_others():
    """a person is asked at once, also while another call of the turn still runs"""
    ident = begin("refund while it is slow")
    until(lambda: ident in [w["session"] for w in api("GET", "/v1/approvals")["data"]], "listed", 10)
    row = next(r for r in api("GET", "/v1/sessions")["data"] if r["id"] == ident)
    assert (row["status"], row["waiting_for"]) == ("running", "approval"), row
    command("session", "approve", ident)
    until(lambda: tool_calls("/79/"), "the approved call", 10)
    api("POST", f"/v1/sessions/{ident}/cancel", {}, 202)


def denials_and_edits():
    """a denied call is not run and the agent is told; an edited one runs with the new arguments"""
    denied, edited = begin("refund order 72"), begin("refund order 73")
    waits(denied, "approval")
    waits(edited, "approval")
    assert "is denied" in command("session", "deny", denied, "--why", "too much")
    says(denied, "refund said")
    assert "too much" in last_text(denied) and not tool_calls("/72/")
    assert "is edited" in command("session", "approve", edited, "--arguments",
                                  '{"order": 74, "sum": "1.00"}')
    says(edited, "refund said refunded 74")
    assert not tool_calls("/73/") and json.loads(tool_calls("/74/")[0]["body"]) == {"sum": "1.00"}
    command("session", "approve", edited, want=2)


def over_a_crash():
    """an approval and a signal are waited for over kill -9"""
    global server
    asked, waiting = begin("refund order 75"), begin("wait for the money")
    waits(asked, "approval")
    waits(waiting, "signal")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server = Serve("serve-again", CONFIG, DATA, ENV)
    waits(asked, "approval")
    command("session", "approve", asked)
    says(asked, "refund said refunded 75")
    command("session", "signal", waiting, "paid", '{"sum": 7}')
    says(waiting, '"sum":7')


def signals():
    """a signal is kept until somebody waits for it; one for an ended session is refused"""
    early = begin("hello")
    waits(early, "message")
    api("POST", f"/v1/sessions/{early}/signals/paid", {"early": True}, 202)
    api("POST", f"/v1/sessions/{early}/messages", {"content": "wait for the money"}, 202)
    says(early, '"early":true')
    bare = begin("wait for the money")
    waits(bare, "signal")
    status, _, _ = server.call("POST", f"/v1/sessions/{bare}/signals/paid", "{", ADMIN)
    assert status == 400, status
    assert "signalled paid" in command("session", "signal", bare, "paid")
    says(bare, "signal said")
    api("POST", f"/v1/sessions/{bare}/cancel", {}, 202)
    status, _, text = server.call("POST", f"/v1/sessions/{bare}/signals/paid", None, ADMIN)
    assert status == 409, text
    api("POST", "/v1/sessions/ses_nobody/signals/paid", {}, 404)


def extensions():
    """a step's request for more waits for a person, who grants, grants less, or refuses"""
    first, second, third = (begin("need more") for _ in range(3))
    for ident in (first, second, third):
        waits(ident, "budget")
    listed = pending(first)
    assert listed[0]["for"] == "budget" and listed[0]["tokens"] == 4000, listed
    assert listed[0]["reason_code"] == "long_input", listed
    assert "forty pages" in command("approvals")
    request = listed[0]["request_id"]
    path = f"/v1/sessions/{first}/extensions/{request}"
    for bad in ({}, {"granted": "yes"}, {"granted": True, "tokens": 0},
                {"granted": True, "tokens": "many"}, {"granted": False, "tokens": 5},
                {"granted": True, "time_s": -1}):
        api("POST", path, bad, 400)
    assert "is granted" in command("session", "extend", first)
    says(first, "extension said Granted: 4000 tokens")
    api("POST", path, {"granted": True}, 409)
    command("session", "extend", second, "--tokens", "1000", "--why", "half is enough")
    says(second, "extension said Granted: 1000 tokens")
    assert "is refused" in command("session", "extend", third, "--refuse", "--why", "no money")
    says(third, "no money")
    wrong = begin("ask wrongly")
    says(wrong, "extension said Error")
    assert not kinds(wrong, "budget.extension_requested"), "a request that is none is not recorded"
    refused = begin("need more", "strict")
    says(refused, "extension said")
    api("POST", f"/v1/sessions/{first}/rewards", {"name": "useful", "value": 1}, 202)
    report = json.loads(command("budget", "report", "--agent", "clerk", "--json"))
    sums = report["summary"][0]
    assert (sums["requests"], sums["granted"], sums["refused"]) == (3, 2, 1), sums
    assert sums["by_person"] == 3 and sums["paid_off"] == 2, sums
    assert sums["tokens_asked"] == 12000 and sums["tokens_granted"] == 5000, sums
    assert sums["reward_mean"] == 1, sums
    text = command("budget", "report", "--requests")
    assert "long_input" in text and "forty pages" in text and "paid off" in text, text
    assert "strict" in text and "a whole answer" in text, text


def budgets():
    """a tree that has used its budget pauses with its state kept, and goes on when it is raised"""
    ident = begin("look at tea", "poor")
    waits(ident, "budget")
    api("POST", f"/v1/sessions/{ident}/budget", {}, 400)
    api("POST", f"/v1/sessions/{ident}/budget", {"tokens": -1}, 400)
    api("POST", f"/v1/sessions/{ident}/budget", {"cost_usd": "free"}, 400)
    assert "is raised" in command("session", "budget", ident, "--tokens", "100000", "--why", "go on")
    says(ident, "seen tea")
    runaway = begin("for ever and ever", "loop")
    waits(runaway, "budget")
    assert state(runaway)["steps"] <= 6, state(runaway)
    exceeded = kinds(runaway, "budget.exceeded")
    assert exceeded and exceeded[0]["budget"] == "steps" and exceeded[0]["scope"] == "tree", exceeded


def trees():
    """children are seen in their tree with what they used, and killed with it"""
    ident = begin("look at both")
    says(ident, "children said")
    tree = api("GET", f"/v1/sessions/{ident}/tree")
    assert tree["root"] == ident and len(tree["sessions"]) == 3, tree
    assert tree["totals"]["sessions"] == 3 and tree["totals"]["spent"]["tokens"] > 0 \
        if "spent" in tree["totals"] else tree["totals"]["tokens"] > 0, tree
    child = next(s for s in tree["sessions"] if s.get("parent") == ident)
    assert api("GET", f"/v1/sessions/{child['id']}/tree")["root"] == ident
    text = command("session", "tree", ident)
    assert "  " + child["id"] in text and "3 sessions" in text, text
    stuck = begin("both of you wait")
    until(lambda: len(api("GET", f"/v1/sessions/{stuck}/tree")["sessions"]) == 3, "children")
    for s in api("GET", f"/v1/sessions/{stuck}/tree")["sessions"]:
        if s["id"] != stuck:
            waits(s["id"], "signal")
    killed = json.loads(command("kill", "tree", stuck, "--why", "enough", "--json"))
    assert len(killed["stopped"]) == 3 and not killed["failed"], killed
    for s in api("GET", f"/v1/sessions/{stuck}/tree")["sessions"]:
        assert s["status"] == "ended", s
    assert "0 sessions stopped" in command("kill", "tree", stuck)


def kills():
    """kill stops a session, an agent, a tenant at once; for more than a tree it wants to be sure"""
    one, two = begin("wait for ever"), begin("wait for ever")
    for ident in (one, two):
        waits(ident, "signal")
    text = command("kill", "session", one, "--why", "test")
    assert one in text and "1 session stopped" in text, text
    ended = kinds(one, "session.ended")[0]
    assert ended["reason"] == "killed" and ended["explanation"] == "test", ended
    command("kill", "agent", "clerk", want=2)
    command("kill", "planet", "earth", "--yes", want=1)
    killed = json.loads(command("kill", "agent", "clerk", "--yes", "--json"))
    assert two in [s["id"] for s in killed["stopped"]], killed
    api("POST", "/v1/tenants", {"name": "acme"}, 201)
    theirs = api("POST", "/v1/keys", {"label": "t", "scopes": ["sessions"], "tenant": "acme"},
                 201)["key"]
    other = api("POST", "/v1/sessions", {"agent": "clerk", "message": "wait for ever"}, 201,
                theirs)["id"]
    api("POST", "/v1/kill", {"target": "tenant", "what": "acme"}, 403, theirs)
    api("POST", "/v1/kill", {"target": "agent", "what": "clerk"}, 403, theirs)
    api("POST", "/v1/kill", {"target": "tenant", "what": "default"}, 404, theirs)
    api("POST", "/v1/kill", {"target": "session", "what": two}, 404, theirs)
    killed = api("POST", "/v1/kill", {"target": "tenant", "what": "acme", "explanation": "unpaid"})
    assert [s["id"] for s in killed["stopped"]] == [other], killed
    for bad in ({}, {"target": "session"}, {"target": "all", "what": "x"}):
        api("POST", "/v1/kill", bad, 400)


def scopes():
    """whoever may talk to a session may not for that approve, extend or move it"""
    talker = api("POST", "/v1/keys", {"label": "t", "scopes": ["sessions"]}, 201)["key"]
    ident = begin("refund order 76")
    wait = waits(ident, "approval") and pending(ident)[0]["wait_id"]
    path = f"/v1/sessions/{ident}"
    api("POST", f"{path}/approvals/{wait}", {"decision": "approve"}, 403, talker)
    api("POST", f"{path}/budget", {"tokens": 5}, 403, talker)
    api("POST", f"{path}/extensions/x1", {"granted": True}, 403, talker)
    api("POST", f"{path}/move", {"version": "1"}, 403, talker)
    approver = api("POST", "/v1/keys", {"label": "t", "scopes": ["approve"]}, 201)["key"]
    api("POST", f"{path}/messages", {"content": "x"}, 403, approver)
    api("POST", f"{path}/approvals/{wait}", {"decision": "deny"}, 202, approver)


def moves():
    """a session goes on with another version when it is told to, alone or with all of its version"""
    one, two, three = (begin("wait for the money") for _ in range(3))
    for ident in (one, two, three):
        waits(ident, "signal")
    path = write("clerk2.yaml", "name: clerk\nversion: '2'\nmodels: [m]\n"
                                "builtins: [wait_for_signal]\ninstructions: newer\n")
    command("agent", "deploy", path)
    assert state(one)["agent_version"] == "1"
    text = command("agent", "move", "clerk", "--session", one, "--to", "2", "--why", "a fix")
    assert "1" in text and "2" in text, text
    assert state(one)["agent_version"] == "2"
    changed = kinds(one, "agent.changed")[0]
    assert (changed["from"], changed["to"], changed["explanation"]) == ("1", "2", "a fix"), changed
    moved = json.loads(command("agent", "move", "clerk", "--from", "1", "--json"))
    assert moved["moved"] >= 2 and not moved["failed"], moved
    for ident in (two, three):
        assert state(ident)["agent_version"] == "2"
        command("session", "signal", ident, "paid")
        says(ident, "signal said")
    command("agent", "move", "clerk", "--from", "9", "--to", "8", want=1)
    command("agent", "move", "clerk", want=2)


def journals():
    """every journal of this suite keeps to the contract and its chain, and imports elsewhere"""
    rows = api("GET", "/v1/sessions?limit=1000")["data"]
    assert len(rows) > 20, rows
    paths = []
    for row in rows:
        _, _, text = server.call("GET", f"/v1/sessions/{row['id']}/export", None, ADMIN)
        paths.append(write(f"export-{row['id']}.jsonl", text))
    for path in paths:
        code, text = run(["contract", "check", path])
        assert code == 0, text
    code, text = run(["session", "import", paths[0], "--data", os.path.join(WORK, "elsewhere")])
    assert code == 0, text


sys.exit(run_all([approvals, approvals_beside_others, denials_and_edits, over_a_crash, signals, extensions, budgets, trees,
                  kills, scopes, moves, journals]))
