"""What a configuration or a data folder may do to the program: it says why, and what helps."""
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

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
    # A file may be checked where its secrets are not, but it is not called fine above the note.
    code, said = run(["config", "check", write("unset.yaml", "tools:\n  - {name: t, url: "
                                               "'https://t.example', headers: {a: env:NO_SUCH}}\n")])
    assert code == 0 and "is fine" not in said, (code, said)
    assert "unset.yaml has no fault, but `drover serve` does not start" in said, said


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


def control(path, body):
    host, port = cloud["control_url"].split("//")[1].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    assert answer.status < 300, answer.read()


def grow(size):
    """More room for the folder of the server that runs on it."""
    subprocess.run(["mount", "-o", f"remount,size={size}", SMALL], check=True)


def fill(server, agent):
    """Begins sessions until the disk is full: those that were acknowledged, and the refusal."""
    kept = []
    for i in range(800):
        status, _, text = server.call("POST", "/v1/sessions", {
            "agent": agent, "message": f"{i} " + "x" * 60000}, server.key)
        if status != 201:
            assert kept, f"nothing was kept, the test proves nothing: {text}"
            return kept, (status, text)
        kept.append(json.loads(text)["id"])
    raise AssertionError("the disk was never full")


def journal(server, ident):
    events = server.json("GET", f"/v1/sessions/{ident}/events?limit=1000", key=server.key)["data"]
    assert events and [e["sequence"] for e in events] == list(range(1, len(events) + 1)), events
    return events


def answered(server, ident):
    state = server.json("GET", "/v1/sessions/" + ident, key=server.key)
    assert state["status"] != "ended", state
    return any(m["role"] == "assistant" for m in state["messages"])


def full():
    """a disk that fills while sessions run: clear errors, they wait, and go on once there is room"""
    config = config_of("full.yaml", "one")
    server = Serve("full", config, os.path.join(SMALL, "data"), ENV)
    agent = {"name": "a", "models": ["one"]}
    # Their answers come when nothing can be written any more.
    control("/_sim/faults", {"kind": "stall_before_headers", "duration_ms": 2000, "count": -1})
    kept, refused = fill(server, agent)
    assert refused[0] == 507 and json.loads(refused[1])["error"]["message"], refused
    time.sleep(4)
    assert server.call("GET", "/healthz")[0] == 200, "the process is gone"
    waiting = [ident for ident in kept if not answered(server, ident)]
    assert waiting, "every session had its answer before the disk was full: the test proves nothing"
    before = {ident: journal(server, ident) for ident in kept}
    # Room, while it runs: the same process takes up all of them.
    grow("96m")
    pid = server.process.pid
    made = until(lambda: begun(server, agent), "a new session is taken")
    for ident in [*waiting, made]:
        until(lambda: answered(server, ident), f"an answer in {ident}", 90)
    assert server.process.poll() is None and server.process.pid == pid
    for ident, events in before.items():
        now = journal(server, ident)
        assert now[:len(events)] == events, f"{ident} lost something of what could be read before"
        results = [e for e in now if e["kind"] == "model.result" and "error" not in e["payload"]]
        assert len(results) >= 1 and len({e["causation"] for e in results}) == len(results), results
    whole = {ident: journal(server, ident) for ident in kept}
    server.stop(signal.SIGKILL)
    again = Serve("full-again", config, os.path.join(SMALL, "data"), ENV)
    again.key = server.key
    for ident, events in whole.items():
        assert journal(again, ident)[:len(events)] == events, f"{ident} is another one after a kill"
    assert again.stop() == 0


def begun(server, agent):
    status, _, text = server.call("POST", "/v1/sessions", {"agent": agent, "message": "hi"}, server.key)
    return json.loads(text)["id"] if status == 201 else None


TESTS = [check_good, check_bad, reload, no_file, newer_format, locked, unusable]
if SMALL:
    TESTS.append(full)
else:
    print("skip: mount: a full disk cannot be tried, nobody lets this process mount a tmpfs")
sys.exit(run_all(TESTS, 0 if SMALL else 1))
