"""How many instructions of its own `drover serve` runs for a call, counted by valgrind's callgrind.

Unlike times, this is the same on a busy machine and on an idle one. What the kernel does is not in
it. All threads count: the loop and the store's writer. Sixteen connections ask at once, so that
calls share what they share under load (a batch of spans, a round of the loop).
"""

import os
import re
import subprocess
import time

import load
import servers

CONNECTIONS = 16
WARM_UP_ROUNDS = 10
ROUNDS = 40


def count(folder, upstream_port, start, keep=None):
    """Instructions per request; `keep` names a file that gets the profile (callgrind_annotate)."""
    home = servers.home_of(folder, "callgrind")
    out = os.path.join(home, "out")
    # This valgrind cannot read clang's DWARF 5; names of functions are all it needs.
    binary = os.path.join(home, "drover")
    subprocess.run(["strip", "-g", "-o", binary, servers.binary()], check=True)
    prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
              f"--vgdb-prefix={home}/vgdb"]
    server = start(servers.drover(folder, upstream_port, "drover-callgrind", prefix, binary))
    server.key = servers.admin_key(server)
    body = load.request_body(1024)
    load.rounds_of_calls(server, body, CONNECTIONS, WARM_UP_ROUNDS)
    dump(server, home)
    load.rounds_of_calls(server, body, CONNECTIONS, ROUNDS)
    time.sleep(1)  # the last batch of spans is written
    dump(server, home)
    server.stop()
    path = f"{out}.2"
    if keep:
        os.replace(path, keep)
        path = keep
    return total(path) / (CONNECTIONS * ROUNDS)


def dump(server, home):
    subprocess.run(["callgrind_control", f"--vgdb-prefix={home}/vgdb", "--dump",
                    str(server.process.pid)], check=True, capture_output=True, timeout=60)


def total(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"^(?:totals|summary): (\d+)", file.read(), re.M)
    return int(found[-1])
