"""How many instructions of its own `drover serve` runs for a call, counted by valgrind's callgrind.

Unlike times, this is the same on a busy machine and on an idle one. What the kernel does is not in
it. All threads count: the loop and the store's writer.
"""

import http.client
import os
import re
import subprocess
import time

import parts

WARM_UP = 100
REQUESTS = 400


def count(folder, upstream_port, start, keep=None):
    """Instructions per request; `keep` names a file that gets the profile (callgrind_annotate)."""
    home = os.path.join(folder, "callgrind")
    os.makedirs(home)
    out = os.path.join(home, "out")
    # This valgrind cannot read clang's DWARF 5; names of functions are all it needs.
    binary = os.path.join(home, "drover")
    subprocess.run(["strip", "-g", "-o", binary, parts.binary()], check=True)
    prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
              f"--vgdb-prefix={home}/vgdb"]
    server = start(parts.drover(folder, upstream_port, "drover-callgrind", prefix, binary))
    key = parts.admin_key(server)
    ask(server.port, key, WARM_UP)
    dump(server, home)
    ask(server.port, key, REQUESTS)
    time.sleep(1)  # the last batch of spans is written
    dump(server, home)
    server.stop()
    if keep:
        os.replace(f"{out}.2", keep)
        return total(keep) / REQUESTS
    return total(f"{out}.2") / REQUESTS


def ask(port, key, requests):
    body = parts.request_body(1024)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    for _ in range(requests):
        client.request("POST", "/v1/chat/completions", body, headers)
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"under valgrind an answer was {answer.status}")
    client.close()


def dump(server, home):
    subprocess.run(["callgrind_control", f"--vgdb-prefix={home}/vgdb", "--dump",
                    str(server.process.pid)], check=True, capture_output=True, timeout=60)


def total(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"^(?:totals|summary): (\d+)", file.read(), re.M)
    return int(found[-1])
