"""An HTTP planner: decides what is next when Drover asks."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Mapping, Sequence, Union

from .client import ANSWER_TIMEOUT_S
from .types import Effect, Plan, PlanRequest


@dataclass
class Call:
    """What is the same for each try at an effect, and what is not."""

    session: str
    idempotency_key: str  # hand it to whatever must not happen twice: the same over all attempts
    attempt: int
    # Set when the result would not count any more because the lease is lost.
    lost: threading.Event = field(default_factory=threading.Event)


# Decides what is next: effects, or a plan with an explanation. It must not act by itself.
Planner = Callable[[PlanRequest, Call], Union[Effect, Sequence[Effect], Plan]]


def plan_of(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Mapping):
        return dict(answer) if "effects" in answer else {"effects": [answer]}
    return {"effects": list(answer)}


def call_of(of: Mapping[str, Any]) -> Call:
    return Call(of["session"], of.get("idempotency_key", ""), of.get("attempt", 1))


class PlannerServer:
    """What serve() returns: `url` to name as the agent's planner, close() to end it."""

    def __init__(self, server: ThreadingHTTPServer):
        self._server = server
        self.url = f"http://{server.server_address[0]}:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.1,), name="planner").start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve(planner: Planner, port: int = 0, host: str = "127.0.0.1", secret: str = "") -> PlannerServer:
    """An HTTP endpoint that answers the planner protocol, in threads of its own.

    A planner that raises is answered with 500, and Drover asks again. With a secret, callers must
    bring it as `authorization: Bearer …` (the agent's planner.headers).
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = ANSWER_TIMEOUT_S

        def do_POST(self):
            try:
                asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
                call = call_of(asked)
            except (ValueError, LookupError, TypeError) as error:
                return self.say(400, {"error": {"message": f"not a planner's request: {error}"}})
            if secret and self.headers.get("authorization") != f"Bearer {secret}":
                return self.say(401, {"error": {"message": "not the planner's secret"}})
            try:
                self.say(200, plan_of(planner(asked, call)))
            except Exception as error:  # pylint: disable=broad-except  # the planner is the user's
                self.say(500, {"error": {"message": str(error)}})

        def say(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the caller went away: it asks again
    return PlannerServer(server)
