"""A journal is signed with its commits: what that proves, over a kill -9 and a purge."""
import os
import re
import signal

from server import WORK, Serve, run, until
from world import ENV, config_of


def talked(server):
    """A session that has said something."""
    made = server.json("POST", "/v1/sessions", {
        "agent": "clerk", "message": {"role": "user", "content": "tea at four"}}, server.key, 201)
    path = f"/v1/sessions/{made['id']}"
    until(lambda: server.json("GET", path, key=server.key)["status"] == "waiting", "its answer")
    return made["id"], path


def proof():
    """who changes a journal is found out, and an export proves itself after a kill -9 and a purge"""
    folder = os.path.join(WORK, "proof")
    config = config_of("proof.yaml", "")
    server = Serve("proof", config, folder, ENV)
    key = server.key
    signer = re.search(r"journals are signed with the key ([0-9a-f]{64})", server.text()).group(1)
    session, path = talked(server)
    quiet, _ = talked(server)

    def verify(server, *more):
        return run(["session", "verify", session, *more],
                   {"DROVER_URL": f"http://127.0.0.1:{server.port}", "DROVER_KEY": key})

    code, said = verify(server, "--fingerprint", signer)
    events = server.json("GET", path, key=key)["events"]
    assert code == 0 and f"events 1 to {events} are whole and were signed at" in said, said
    assert verify(server, "--fingerprint", "0" * 64)[0] == 1
    assert quiet not in server.call("GET", path + "/signature", key=key)[2], "of nobody else"

    exported = os.path.join(WORK, "proof.jsonl")
    lines = server.call("GET", path + "/export", key=key)[2]
    changed = os.path.join(WORK, "changed.jsonl")
    for name, text in ((exported, lines), (changed, lines.replace("tea at four", "tea at five"))):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    assert verify(server, "--export", exported)[0] == 0
    code, said = verify(server, "--export", changed)
    assert code == 1 and "its payload was changed" in said, said

    server.stop(signal.SIGKILL)
    again = Serve("proof-again", config, folder, ENV)
    assert f"journals are signed with the key {signer}" in again.text(), "each start names it"
    assert verify(again, "--fingerprint", signer)[0] == 0
    again.json("POST", "/v1/kill", {"target": "session", "what": session}, key)
    code, said = run(["session", "purge", session],
                     {"DROVER_URL": f"http://127.0.0.1:{again.port}", "DROVER_KEY": key})
    assert code == 0, said
    code, said = verify(again)
    assert code == 0 and "its purge, event" in said, said
    code, said = verify(again, "--export", exported, "--fingerprint", signer)
    assert code == 0 and f"events 1 to {events} are whole" in said, said
    assert again.stop() == 0
