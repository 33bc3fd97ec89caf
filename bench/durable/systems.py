"""The systems that bench/durable measures, each behind the same few words.

A system starts in a folder of its own, runs a round (so many sessions at once for so long; its client
looks for an answer for `look_us` before it sleeps) and says what it saw: {"sessions", "wall_s", "p50_ms", "p99_ms", "cpu_s"}, CPU being its server's alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]
from free_port import free_port  # noqa: E402
from gateway.servers import Process, admin_key, binary  # noqa: E402

PEERS = os.path.join(ROOT, "build", "peers")
CLIENT = os.path.join(ROOT, "build", "bench_durable_client")
BARE = os.path.join(ROOT, "build", "bench_durable_bare")
SYNC = os.path.join(ROOT, "build", "bench_durable_sync")
STEPS = 3
RESULT_BYTES = 240


def figures_of(program, *arguments, timeout=120):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def client(*arguments):
    """One run of the load client; it ends with an error at the first wrong answer."""
    return figures_of(CLIENT, *arguments)


def sync(folder, size, count):
    """What a write of so many bytes and its sync take on this disk."""
    return figures_of(SYNC, folder, size, count)


def http(port, path, body=None, key="", timeout=10):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.loads(answer.read() or "null")


class Drover:
    """`drover serve`; the client is the worker that leases, answers and is handed what is next."""

    name = "drover"

    def __init__(self, folder, more=""):
        """`more`: further lines of its configuration."""
        home = tempfile.mkdtemp(prefix=self.name, dir=folder)
        config = os.path.join(home, "drover.yaml")
        port = free_port()
        with open(config, "w", encoding="ascii") as file:
            file.write(f"data: {home}/data\nlisten: 127.0.0.1:{port}\nlog: {{level: warn}}\n"
                       "agents:\n  - {name: bench, planner: {queue: bench}}\n" + more)
        self.server = Process(self.name, [binary(), "serve", "--config", config], port, folder)
        self.server.wait_until_up()
        self.key = admin_key(self.server)

    def round(self, sessions, seconds, look_us=0):
        before = self.server.cpu_s()
        done = client("drover", self.server.port, sessions, seconds, look_us, self.key)
        done["cpu_s"] = self.server.cpu_s() - before
        for session in done["sample"]:
            self.check(session)
        return done

    def check(self, session):
        """What the journal says of a session that the client saw end."""
        path = f"/v1/sessions/{session}"
        end = time.monotonic() + 5
        while (row := http(self.server.port, path, key=self.key))["status"] != "ended":
            if time.monotonic() > end:
                raise SystemExit(f"{session} is not ended: {row}")
            time.sleep(0.01)
        events = http(self.server.port, f"{path}/events?limit=1000", key=self.key)["data"]
        sizes = [len(e["payload"]["content"]) for e in events if e["kind"] == "tool.result"]
        if sizes != [RESULT_BYTES] * STEPS or row["end_reason"] != "completed":
            raise SystemExit(f"the journal of {session} holds results of {sizes} bytes: {row}")

    def pid(self):
        return self.server.process.pid

    def stop(self):
        self.server.stop()


class Bare:
    """A server that syncs each request and answers, and does nothing else: what one session at a
    time costs at least on this machine (bare.cc)."""

    name = "bare"

    def __init__(self, folder):
        home = os.path.join(folder, self.name)
        os.makedirs(home)
        port = free_port()
        self.server = Process(self.name, [BARE, str(port), os.path.join(home, "log")], port, folder)
        self.server.wait_until_up()

    def round(self, sessions, seconds, look_us=0):
        before = self.server.cpu_s()
        done = client("bare", self.server.port, sessions, seconds, look_us)
        done["cpu_s"] = self.server.cpu_s() - before
        return done

    def stop(self):
        self.server.stop()


class Restate:
    """Restate's server on 4 partitions with a service in Node; the client calls its ingress.

    CPU is the server's; the service's process, the counterpart of our worker, is not counted.
    """

    name = "restate"

    def __init__(self, folder):
        modules = os.path.join(PEERS, "restate", "node_modules")
        program = os.path.join(modules, "@restatedev", "restate-server-linux-x64", "bin",
                               "restate-server")
        # Node finds the SDK beside the script.
        home = os.path.join(folder, self.name)
        os.makedirs(home)
        os.symlink(modules, os.path.join(home, "node_modules"))
        script = os.path.join(home, "service.mjs")
        with open(os.path.join(HERE, "peers", "restate.mjs"), encoding="utf-8") as source:
            with open(script, "w", encoding="utf-8") as out:
                out.write(source.read())
        ports = {name: free_port() for name in ("node", "ingress", "admin", "service")}
        self.service = Process("restate-service", [os.environ["NODE"], script,
                                                   str(ports["service"])], ports["service"], folder)
        settings = {
            "RESTATE_BASE_DIR": os.path.join(home, "data"), "RESTATE_NODE_NAME": "bench",
            "RESTATE_LISTEN_MODE": "tcp", "RESTATE_DEFAULT_NUM_PARTITIONS": "4",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{ports['node']}",
            "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{ports['node']}/",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ports['ingress']}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{ports['admin']}",
            "RESTATE_DISABLE_TELEMETRY": "true", "RESTATE_LOG_FILTER": "warn",
        }
        # env, not the environment of this process: what is set stands in the list of processes.
        command = ["env", *(f"{name}={value}" for name, value in settings.items()), program]
        self.server = Process(self.name, command, ports["admin"], folder)
        self.port = ports["ingress"]
        self.service.wait_until_up()
        self.server.wait_until_up(60)
        self.register(ports["admin"], ports["service"])

    def register(self, admin, service):
        end = time.monotonic() + 60
        while True:
            try:
                http(admin, "/deployments", {"uri": f"http://127.0.0.1:{service}"}, timeout=30)
                http(self.port, "/bench/three", {}, timeout=30)
                return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > end:
                    raise SystemExit("Restate takes no service:\n" + self.server.output())
                time.sleep(0.2)

    def round(self, sessions, seconds, look_us=0):
        before = self.server.cpu_s()
        done = client("restate", self.port, sessions, seconds, look_us)
        done["cpu_s"] = self.server.cpu_s() - before
        return done

    def pid(self):
        return self.server.process.pid

    def stop(self):
        self.server.stop()
        self.service.stop()


class LangGraph:
    """A library: client and server are one process, so its CPU holds both."""

    name = "langgraph"

    def __init__(self, folder):
        home = os.path.join(folder, self.name)
        os.makedirs(home)
        self.log = os.path.join(folder, "langgraph.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(PEERS, "langgraph", "bin", "python"),
                 os.path.join(HERE, "peers", "langgraph_sqlite.py"),
                 os.path.join(home, "checkpoints.sqlite")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise SystemExit("LangGraph failed:\n" + log.read())
        return json.loads(line)

    def round(self, sessions, seconds, look_us=0):
        """It is called in its own process: there is no answer to look for."""
        self.process.stdin.write(json.dumps({"sessions": sessions, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def available():
    """The systems that can be measured here; of the others it is said why not."""
    found = [Drover]
    for peer in (Restate, LangGraph):
        if os.path.exists(os.path.join(PEERS, peer.name, ".stamp")):
            found.append(peer)
        else:
            print(f"skip: {peer.name} is not in build/peers (bench/durable/peers.sh says why)",
                  file=sys.stderr)
    return found
