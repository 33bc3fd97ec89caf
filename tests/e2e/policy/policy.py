"""What an operator's rules do: at the start, at a reload, to a call, to a verb, to a memory."""
import os
import signal
import sys
import threading

import opa
from border import border, scratch
from places import placed, places, profiles
from proof import proof
from server import WORK, Serve, run, run_all, until, write
from world import ENV, ask, config_of, place

CEDAR = "cedar-policy" in run(["--version"])[1]

RULES = """permit(principal, action, resource);
@id("no-foreign-parent")
forbid(principal, action == Action::"call_model", resource)
when { context.sensitivity >= 2 }
unless { resource has jurisdiction && resource.jurisdiction == "fr" };
@id("two-pairs-of-eyes")
forbid(principal, action == Action::"export", resource)
when { context.sensitivity >= 2 } unless { principal.name == "privacy officer" };
"""


def without_the_engine():
    """a program without the Cedar engine does not start with a file of rules, and says why"""
    write("rules.cedar", RULES)
    code, said = run(["serve", "--config", config_of("without.yaml", "  cedar: rules.cedar\n"),
                      "--data", os.path.join(WORK, "without")], ENV)
    assert code != 0 and "built without the Cedar engine" in said and "make cedar" in said, said


def refused_at_the_start():
    """rules that do not parse, or ask for what there is not, are refused with line and column"""
    for rules, says in (
            ("permit(principal, action, resource);\nforbid(principal, action resource);\n",
             "rules.cedar:2:26: "),
            ("permit(principal, action, resource);\n"
             "forbid(principal, action == Action::\"call_model\", resource)\n"
             "when { resource.colour == \"red\" };\n", "rules.cedar:3:"),
            ("permit(principal, action, resource);\n"
             "forbid(principal, action == Action::\"call_model\", resource)\n"
             "unless { resource has juris && resource.juris == \"fr\" };\n", "rules.cedar:3:10: ")):
        write("rules.cedar", rules)
        path = config_of("start.yaml", "  cedar: rules.cedar\n")
        for arguments in (["config", "check", path],
                          ["serve", "--config", path, "--data", os.path.join(WORK, "start")]):
            code, said = run(arguments, ENV)
            assert code != 0 and says in said, (says, said)


def rules_on_calls():
    """Cedar's rules decide where a call goes; a bad file at a reload changes nothing"""
    write("rules.cedar", RULES)
    path = config_of("calls.yaml", "  cedar: rules.cedar\n")
    server = Serve("calls", path, os.path.join(WORK, "calls"), ENV)
    assert place(server)[0] == ["berlin", "paris"]
    status, _, said = server.call("POST", "/v1/placement", {"models": ["m"], "dataclass": "patient"},
                                  server.key)
    assert status == 400 and "did you mean 'data_class'" in said, said
    ranked, rejected = place(server, "patient")
    assert ranked == ["paris"], ranked
    assert rejected["berlin"] == ("cedar:no-foreign-parent",
                                  "the rule no-foreign-parent forbids it"), rejected
    assert ask(server, "patient")[0] == 200
    write("rules.cedar", RULES + "forbid(principal, action, resource) when { resource.zone };\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("old configuration stays in force")
    assert "rules.cedar:9:" in server.text(), server.text()
    assert place(server, "patient")[0] == ["paris"], "the last good ones are in force"
    write("rules.cedar", RULES.replace('== "fr"', '== "de"'))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: place(server, "patient")[0] == [], "the new rules")
    status, said = ask(server, "patient")
    assert status == 403 and "no-foreign-parent" in said, (status, said)
    assert server.stop() == 0


def rules_on_verbs():
    """who may export is for the rules to say; what they and the scopes refuse is audited"""
    write("rules.cedar", RULES)
    folder = os.path.join(WORK, "verbs")
    path = config_of("verbs.yaml", "  cedar: rules.cedar\n")
    server = Serve("verbs", path, folder, ENV)
    admin = server.key

    def key(label, scopes):
        return server.json("POST", "/v1/keys", {"label": label, "scopes": scopes}, admin, 201)["key"]
    nurse = key("nurse", ["sessions"])
    officer = key("privacy officer", ["sessions"])
    made = server.json("POST", "/v1/sessions", {"agent": "clerk", "data_class": "patient"},
                       nurse, 201)
    export = f"/v1/sessions/{made['id']}/export"
    status, _, said = server.call("GET", export, key=nurse)
    assert status == 403 and "two-pairs-of-eyes" in said, (status, said)
    assert server.call("GET", export, key=officer)[0] == 200
    assert server.call("GET", "/v1/keys", key=nurse)[0] == 403
    entries = server.json("GET", "/v1/audit", key=admin)["data"]
    assert [(e["verb"], e["name"], e["reason"]) for e in entries] == [
        ("keys", "nurse", "missing_scope"), ("export", "nurse", "policy")], entries
    assert entries[1]["session"] == made["id"], entries[1]
    environment = {"DROVER_URL": f"http://127.0.0.1:{server.port}", "DROVER_KEY": admin}
    code, said = run(["audit", "ls"], environment)
    assert code == 0 and "two-pairs-of-eyes" in said and "nurse" in said, said
    assert server.stop() == 0
    again = Serve("verbs-again", path, folder, ENV)
    assert len(again.json("GET", "/v1/audit", key=admin)["data"]) == 2, "it is kept"
    assert again.stop() == 0


def memories():
    """a memory states its class; the store's own rules hold for it"""
    server = Serve("memories", config_of("memories.yaml", ""), os.path.join(WORK, "memories"), ENV)
    environment = {"DROVER_URL": f"http://127.0.0.1:{server.port}", "DROVER_KEY": server.key}
    code, said = run(["memory", "put", "notes", "k", "tea", "--data-class", "patient"], environment)
    assert code == 0, said
    got = server.json("GET", "/v1/memory/notes/k", key=server.key)
    assert got["data_class"] == "sensitivity=confidential", got
    status, _, said = server.call("PUT", "/v1/memory/notes/us", {
        "text": "x", "data_class": "residency=us"}, server.key)
    assert status == 403 and "this server" in said, (status, said)
    assert server.stop() == 0


def on_disk(folder, word):
    """Files of a data folder that hold the word."""
    found = []
    for base, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(base, name), "rb") as file:
                if word in file.read():
                    found.append(name)
    return found


def purges():
    """a purged session is gone from the disk and from every surface; killed in between, it goes on"""
    folder = os.path.join(WORK, "purges")
    server = Serve("purges", config_of("purges.yaml", ""), folder, ENV)
    environment = {"DROVER_URL": f"http://127.0.0.1:{server.port}", "DROVER_KEY": server.key}
    word = "CANARYWORD"
    made = server.json("POST", "/v1/sessions", {
        "agent": "clerk", "message": {"role": "user", "content": word + " " + "x" * 90000}},
        server.key, 201)
    path = f"/v1/sessions/{made['id']}"
    until(lambda: server.json("GET", path, key=server.key)["status"] == "waiting", "its answer")
    server.json("PUT", "/v1/memory/notes:" + made["id"] + "/k", {"text": word}, server.key)
    code, said = run(["session", "purge", made["id"], "--reason", "request 4711"], environment)
    assert code != 0 and "drover kill session " + made["id"] in said, said
    server.json("POST", "/v1/kill", {"target": "session", "what": made["id"]}, server.key)
    assert on_disk(folder, word.encode()), "the test looks in the right place"
    last = server.json("GET", path + "/events?limit=1000", key=server.key)["data"][-1]
    code, said = run(["session", "purge", made["id"], "--reason", "request 4711"], environment)
    assert code == 0 and last["hash"] in said, said
    code, said = run(["session", "purge", made["id"]], environment)
    assert code == 0 and "already" in said, said
    code, said = run(["session", "show", made["id"]], environment)
    assert code == 0 and "request 4711" in said and last["hash"] in said, said
    exported = server.call("GET", path + "/export", key=server.key)[2]
    assert word not in exported and '"kind":"purge"' in exported.replace(" ", ""), exported[:500]
    assert server.call("POST", path + "/messages", {"role": "user", "content": "hi"},
                       server.key)[0] == 409
    assert server.call("GET", "/v1/memory/notes:" + made["id"] + "/k", key=server.key)[0] == 404
    code, said = run(["audit", "ls"], environment)
    assert code == 0 and "request 4711" in said and "done" in said, said
    # Many at once, and the process is killed in the middle.
    ids = []
    for n in range(12):
        one = server.json("POST", "/v1/sessions", {
            "agent": "clerk", "message": {"role": "user", "content": f"{word} {n}"}},
            server.key, 201)
        ids.append(one["id"])
    for one in ids:
        until(lambda: server.json("GET", "/v1/sessions/" + one, key=server.key)["status"] ==
              "waiting", "its answer")
        server.json("POST", "/v1/kill", {"target": "session", "what": one}, server.key)

    def purge(one):
        try:
            server.call("DELETE", "/v1/sessions/" + one + "?reason=many", key=server.key)
        except OSError:
            pass  # it was killed
    threads = [threading.Thread(target=purge, args=(one,)) for one in ids]
    for one in threads:
        one.start()
    server.stop(signal.SIGKILL)
    for one in threads:
        one.join(20)
    again = Serve("purges-again", config_of("purges.yaml", ""), folder, ENV)
    key = server.key
    for one in ids:
        again.call("DELETE", "/v1/sessions/" + one + "?reason=again", key=key)
        until(lambda: again.json("GET", "/v1/sessions/" + one, key=key).get("end_reason") ==
              "purged", "it is finished")
    assert again.stop() == 0
    assert on_disk(folder, word.encode()) == [], on_disk(folder, word.encode())


TESTS = [memories, profiles, places, placed, opa.external, border, scratch, purges, proof, opa.reloads]
TESTS += [refused_at_the_start, rules_on_calls, rules_on_verbs] if CEDAR else [without_the_engine]
skipped = []
if opa.PROGRAM:
    TESTS += [opa.real_opa, opa.undefined]
else:
    skipped.append("opa: there is no OPA here (make test-opa): the real one was not asked")
if not CEDAR:
    skipped.append("cargo: this build has no Cedar engine (make cedar)")
for reason in skipped:
    print("skip:", reason)
sys.exit(run_all(TESTS, len(skipped)))
