"""What a configuration or a data folder may do to the program: it says why, and what helps."""
import json
import os
import signal
import sqlite3
import sys

from server import DROVER, WORK, Child, Serve, run, run_all, until, write

SMALL = os.environ.get("SMALL")

sim = Child("sim", ["sim", "--cloud", "openai", "--json"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
ENV = {"GOOD_KEY": cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")}
ENDPOINT = (f"provider: openai, upstream_model: '{cloud['models'][0]}', "
            f"base_url: '{cloud['regions'][0]['url']}/v1', credentials: env:GOOD_KEY")


def config_of(name, *models):
    lines = ["listen: 127.0.0.1:0", "endpoints:"]
    lines += [f"  - {{id: {m}, model: {m}, {ENDPOINT}}}" for m in models]
    return write(name, "\n".join(lines) + "\n")


def check_good():
    """config check passes a good file"""
    code, said = run(["config", "check", config_of("good.yaml", "one", "two")])
    assert code == 0 and "2 endpoints" in said, (code, said)


def check_bad():
    """config check names the line and the remedy of every fault"""
    path = write("bad.yaml", "listen: 0.0.0.0:7070\nendponts: []\nendpoints:\n"
                 "  - model: m\n    provider: openai\n    credentials: sk-literal-secret\n"
                 "agents:\n  - {name: a, models: [nowhere]}\n")
    code, said = run(["config", "check", path])
    assert code == 1, (code, said)
    for line, words in ((1, "tls"), (2, "endpoints"), (6, "env:NAME"), (8, "nowhere")):
        assert any(f"bad.yaml:{line}:" in row and words in row for row in said.splitlines()), \
            f"line {line} with '{words}': {said}"
    assert "sk-literal-secret" not in said, "the secret is repeated"
    for text, line in (("a: [1\n", None), ("listen: x\n\tb: 1\n", 2), ("\xff", None),
                       ("data: &here x\nlisten: *here\n", 2)):
        code, said = run(["config", "check", write("broken.yaml", text)])
        assert code == 1 and "broken.yaml:" in said, (text, said)
        assert line is None or f"broken.yaml:{line}:" in said, said
    code, said = run(["config", "check", write("broken.yaml", "data: &here x\nlisten: *here\n")])
    assert "write out here what &here stands for" in said, said
    # A fault in the policy is told alone, not once more by each who names a class of it.
    text = ("policy:\n  cedar: absent.cedar\n  classes: {patient: {sensitivity: confidential}}\n"
            f"endpoints:\n  - {{id: e, model: m, {ENDPOINT}}}\n"
            "agents:\n  - {name: a, models: [m], data: patient}\n"
            "  - {name: b, models: [m], data: patient}\n")
    code, said = run(["config", "check", write("one.yaml", text)])
    assert code == 1 and "absent.cedar" in said, said
    assert said.strip().endswith("1 fault"), said
    # What serve would refuse, once, and zones that nobody knows.
    path = write("azure.yaml", "listen: 127.0.0.1:0\nendpoints:\n  - {id: az, model: m, "
                 "provider: azure-openai, base_url: 'https://a.example'}\n")
    folder = os.path.join(WORK, "az")
    for arguments in (["config", "check", path], ["serve", "--data", folder, "--config", path]):
        code, said = run(arguments)
        assert code != 0 and "credentials are missing" in said, (arguments, said)
        assert said.count("endpoint 'az'") == 1, said
    text = ("here: {zone: nowhere}\nendpoints:\n"
            f"  - {{id: e, model: m, facts: {{zone: atlantis}}, {ENDPOINT}}}\n")
    code, said = run(["config", "check", write("zones.yaml", text)])
    assert code == 1 and "zones.yaml:1:" in said and "'nowhere'" in said, said
    assert "zones.yaml:3:" in said and "'atlantis'" in said, said
    code, said = run(["config", "check", os.path.join(WORK, "absent.yaml")])
    assert code == 1 and "absent.yaml" in said, said


def reload():
    """SIGHUP takes a good file, and keeps the old one in force with a bad one"""
    path = config_of("live.yaml", "one")
    server = Serve("live", path, os.path.join(WORK, "live"), ENV)

    def models():
        return sorted(m["id"] for m in server.json("GET", "/v1/models", key=server.key)["data"])
    assert models() == ["one"]
    config_of("live.yaml", "one", "two")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: models() == ["one", "two"], "the new endpoint")
    write("live.yaml", "listen: 127.0.0.1:0\nendponts: []\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("old configuration stays in force")
    assert "live.yaml:2:" in server.text(), server.text()
    write("live.yaml", "endpoints: [{provider: nobody, model: x}]\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("nobody")
    assert models() == ["one", "two"]
    answer = server.json("POST", "/v1/chat/completions", {
        "model": "two", "messages": [{"role": "user", "content": "hi"}]}, server.key)
    assert answer["choices"]
    assert server.stop() == 0


def no_file():
    """without any file it starts, on loopback, with a hint"""
    folder = os.path.join(WORK, "nofile")
    child = Child("nofile", ["serve", "--listen", "127.0.0.1:0", "--data", folder])
    child.wait_for(r"http://127\.0\.0\.1:\d+")
    child.wait_for("drover sim|--sim")
    assert child.stop() == 0


def newer_format():
    """a data folder of a newer version is refused, and left as it is"""
    folder = os.path.join(WORK, "newer")
    config = config_of("newer.yaml", "one")
    server = Serve("newer", config, folder, ENV)
    assert server.stop() == 0
    path = os.path.join(folder, "drover.db")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    before = open(path, "rb").read()
    code, said = run(["serve", "--config", config, "--data", folder], ENV)
    assert code == 1 and "newer" in said, (code, said)
    assert open(path, "rb").read() == before, "it was written to"


def locked():
    """a folder in use is refused with the process that holds it; a kill leaves no lock behind"""
    folder = os.path.join(WORK, "locked")
    config = config_of("locked.yaml", "one")
    server = Serve("locked", config, folder, ENV)
    code, said = run(["serve", "--config", config, "--data", folder], ENV)
    assert code == 1 and str(server.process.pid) in said, (code, said)
    server.stop(signal.SIGKILL)
    assert Serve("locked-again", config, folder, ENV).stop() == 0


def unusable():
    """a path that cannot be a data folder is named"""
    config = config_of("unusable.yaml", "one")
    for folder in (write("a-file", "x"), os.path.join(WORK, "a-file", "below"), "/proc/nothing"):
        code, said = run(["serve", "--config", config, "--data", folder], ENV)
        assert code == 1 and folder in said, (code, said)


def full():
    """a disk that fills while sessions run: errors are clear, what was acknowledged stays whole"""
    folder = os.path.join(SMALL, "data")
    config = config_of("full.yaml", "one")
    server = Serve("full", config, folder, ENV)
    agent = {"name": "a", "models": ["one"]}
    kept = []
    refused = None
    for i in range(400):
        status, _, text = server.call("POST", "/v1/sessions", {
            "agent": agent, "message": f"{i} " + "x" * 60000}, server.key)
        if status != 201:
            refused = (status, text)
            break
        kept.append(json.loads(text)["id"])
    assert refused, "the disk was never full"
    assert refused[0] == 507 and json.loads(refused[1])["error"]["message"], refused
    assert server.call("GET", "/healthz")[0] == 200, "the process is gone"
    assert kept, "nothing was kept: the test proves nothing"
    server.stop(signal.SIGKILL)
    # More room, and every acknowledged session is there with its journal in order.
    assert os.system(f"mount -o remount,size=64m '{SMALL}'") == 0
    again = Serve("full-again", config, folder, ENV)
    for ident in kept:
        events = again.json("GET", f"/v1/sessions/{ident}/events", key=server.key)["data"]
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1)) and events
    made = again.json("POST", "/v1/sessions", {"agent": agent, "message": "hi"}, server.key, 201)
    until(lambda: len(again.json("GET", "/v1/sessions/" + made["id"], key=server.key)["messages"])
          >= 2, "an answer after the disk has room")
    assert again.stop() == 0


TESTS = [check_good, check_bad, reload, no_file, newer_format, locked, unusable]
if SMALL:
    TESTS.append(full)
else:
    print("note: the full disk is not tried: no small file system can be mounted here")
sys.exit(run_all(TESTS))
