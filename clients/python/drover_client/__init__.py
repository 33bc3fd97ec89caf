"""Drover's client: sessions (Drover), an HTTP planner (serve), a worker (work).

No dependencies; Python 3.11 or newer. README.md shows each in ten lines; types.py names what the
contract says.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator, Mapping, Sequence, Union

from .types import DataClass, Effect, Event, Item, Plan, PlanRequest, Session

__all__ = ["Call", "Drover", "DroverError", "GiveBack", "PlannerServer", "Reply", "Worker", "serve", "work"]

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
ANSWER_TIMEOUT_S = 60
POLL_S = 20


class DroverError(Exception):
    """An answer other than a good one. `code` is Drover's word for it, such as "superseded"."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


def _passes(error: Exception) -> bool:
    """What asking again may help against: no answer at all, too much, or not now; not damage."""
    if not isinstance(error, DroverError):
        return True
    return error.code != "data_loss" and (error.status == 429 or error.status >= 500)


def _backoff(failures: int) -> float:
    """Longer each time it fails in a row, up to a bound, and never all at once."""
    return min(FIRST_PAUSE_S * 2 ** min(failures, 16), LONGEST_PAUSE_S) * random.uniform(0.5, 1)


class Drover:
    """Sessions over Drover's HTTP API. Any thread may use it."""

    def __init__(self, url: str | None = None, key: str | None = None):
        self.url = (url or os.environ.get("DROVER_URL") or "http://127.0.0.1:7070").rstrip("/")
        self._key = key if key is not None else os.environ.get("DROVER_KEY", "")

    def create(self, agent: str | Mapping[str, Any], message: Any = None, *,
               labels: Mapping[str, str] | None = None, data_class: str | DataClass | None = None,
               plan: Plan | None = None) -> Session:
        """Durable when it returns. `plan`: the first one, as if the planner had been asked.

        `data_class` is joined with what the agent states: it may say more, never less.
        """
        session = {"agent": agent, "message": message, "labels": labels, "data_class": data_class,
                   "plan": plan}
        return self.call("POST", "/v1/sessions", _given(session))

    def get(self, session: str) -> Session:
        return self.call("GET", _path(session))

    def message(self, session: str, content: Any,
                data_class: str | DataClass | None = None) -> dict[str, Any]:
        """Says something to the agent; data that is stricter than the session's states its class."""
        message = {"content": content, "data_class": data_class}
        return self.call("POST", _path(session, "messages"), _given(message))

    def approve(self, session: str, wait_id: str, decision: str = "approve", *,
                arguments: Mapping[str, Any] | None = None, explanation: str | None = None) -> dict[str, Any]:
        """Answers an approval: approve, deny, or edit with other arguments."""
        answer = {"decision": decision, "arguments": arguments, "explanation": explanation}
        return self.call("POST", _path(session, f"approvals/{_quoted(wait_id)}"), _given(answer))

    def signal(self, session: str, name: str, payload: Any = None) -> dict[str, Any]:
        """Kept until the session waits for a signal of that name."""
        return self.call("POST", _path(session, f"signals/{_quoted(name)}"), payload)

    def cancel(self, session: str, reason: str = "") -> dict[str, Any]:
        return self.call("POST", _path(session, "cancel"), {"reason": reason})

    def events(self, session: str, after: int = 0) -> Iterator[Event]:
        """The journal from behind `after` on, then live until the session has ended.

        A broken connection is taken up again behind the last event, so none is missed and none
        comes twice.
        """
        failures = 0
        while True:
            try:
                headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
                with self._ask("GET", _path(session, "events"), headers=headers) as answer:
                    for data in _server_sent_data(answer):
                        event = json.loads(data)
                        if "error" in event:  # the journal cannot be read on
                            raise DroverError(500, event["error"].get("code") or "", event["error"]["message"])
                        after, failures = event["sequence"], 0
                        yield event
                now = self.get(session)
                if now["status"] == "ended" and after >= now["events"]:
                    return
            except (OSError, http.client.HTTPException, DroverError) as error:
                if not _passes(error):
                    raise
            time.sleep(_backoff(failures))
            failures += 1

    def call(self, method: str, path: str, body: Any = None, opened: Callable[..., None] | None = None) -> Any:
        """One call; raises DroverError unless it was answered with success."""
        with self._ask(method, path, body, opened=opened) as answer:
            return json.loads(answer.read())

    def _ask(self, method, path, body=None, headers=None, opened=None):
        url = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=ANSWER_TIMEOUT_S)
        connection.connect()
        if opened:
            opened(connection.sock)
        headers = {"Connection": "close", "Content-Type": "application/json", **(headers or {})}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection.request(method, url.path + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()  # owns the connection from here on: it closes with it
        if answer.status < 300:
            return answer
        with answer:
            said = answer.read().decode(errors="replace")
        try:
            error = json.loads(said)["error"]
            raise DroverError(answer.status, error.get("code") or "", error["message"])
        except (ValueError, LookupError, TypeError, AttributeError):
            raise DroverError(answer.status, "", said or answer.reason) from None


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _path(session: str, what: str = "") -> str:
    return f"/v1/sessions/{_quoted(session)}" + (f"/{what}" if what else "")


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _server_sent_data(answer) -> Iterator[str]:
    """The data of each event of a server-sent stream."""
    data: list[str] = []
    for line in answer:
        text = line.decode().rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif not text and data:
            yield "\n".join(data)
            data = []


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


def _plan_of(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Mapping):
        return dict(answer) if "effects" in answer else {"effects": [answer]}
    return {"effects": list(answer)}


def _call_of(of: Mapping[str, Any]) -> Call:
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
                call = _call_of(asked)
            except (ValueError, LookupError, TypeError) as error:
                return self.say(400, {"error": {"message": f"not a planner's request: {error}"}})
            if secret and self.headers.get("authorization") != f"Bearer {secret}":
                return self.say(401, {"error": {"message": "not the planner's secret"}})
            try:
                self.say(200, _plan_of(planner(asked, call)))
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


class GiveBack(Exception):
    """Raised by a tool or a planner: not now and not here; another attempt follows after a pause."""


class Reply:
    """What a tool returns to say more than its content.

    `plan`: what is next, recorded in the same commit: the planner is not asked. `data_class`: of
    what the content says; from then on the session has it too.
    """

    def __init__(self, content: str, is_error: bool = False, plan: Any = None,
                 data_class: str | DataClass | None = None):
        self.content, self.is_error, self.data_class = content, is_error, data_class
        self.plan = None if plan is None else _plan_of(plan)


# Does something in the world: called as tool(call, **arguments). Text is the content as it is,
# anything else becomes JSON text. What it raises becomes an error result that the agent is told (a
# GiveBack: another attempt instead).
Tool = Callable[..., Any]


class Worker:
    """Leases items of a queue and does them, in threads of its own, until stop()."""

    def __init__(self, queues: Sequence[str], planner: Planner | None, tools: Mapping[str, Tool],
                 drover: Drover, concurrency: int, name: str, lease_s: float,
                 on_problem: Callable[[str], None]):
        self._queues, self._planner, self._tools = list(queues), planner, tools
        self._drover, self._name, self._lease_ms = drover, name, int(lease_s * 1000)
        self._problem = on_problem
        self._stopping = threading.Event()
        self._polls: set[socket.socket] = set()
        self._refused: Exception | None = None
        self._threads = [threading.Thread(target=self._loop, name=f"{name}-{i}") for i in range(concurrency)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Takes nothing new, finishes what is in hand, then returns."""
        self._stopping.set()
        for poll in list(self._polls):
            try:
                poll.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is over already
        for thread in self._threads:
            thread.join()

    def join(self) -> None:
        """Returns after stop(); raises when Drover refuses this worker (its key, its queue)."""
        for thread in self._threads:
            thread.join()
        if self._refused:
            raise self._refused

    def _loop(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                item = self._lease()
                while item:
                    item = self._run(item)
                # What was given back (False) would come straight back: not at once.
                failures = failures + 1 if item is False else 0
                if failures:
                    self._stopping.wait(_backoff(failures))
            except (OSError, http.client.HTTPException, ValueError, DroverError) as error:
                if self._stopping.is_set():
                    return
                if not _passes(error):
                    self._refused = error
                    self._stopping.set()
                    return self._problem(f"the worker ends: {error}")
                self._problem(f"Drover does not answer: {error}")
                self._stopping.wait(_backoff(failures))
                failures += 1

    def _lease(self) -> Item | None:
        mine: list[socket.socket] = []

        def opened(poll: socket.socket) -> None:
            mine.append(poll)
            self._polls.add(poll)
            if self._stopping.is_set():
                poll.shutdown(socket.SHUT_RDWR)

        try:
            items = self._drover.call("POST", "/v1/work/lease", {
                "queues": self._queues, "worker": self._name, "wait_ms": POLL_S * 1000, "max": 1,
                "lease_ms": self._lease_ms}, opened)["items"]
            return items[0] if items else None
        finally:
            self._polls.difference_update(mine)

    def _run(self, item: Item) -> Item | None | bool:
        """Does an item with heartbeats beside it; returns the session's next one, False if given back."""
        call, over = _call_of(item), threading.Event()
        beats = threading.Thread(target=self._beat, args=(item, call, over), daemon=True)
        beats.start()
        try:
            return self._post(item, self._do(item, call), call.lost.is_set())
        finally:
            over.set()

    def _beat(self, item: Item, call: Call, over: threading.Event) -> None:
        while not over.wait(self._lease_ms / 3000) and not call.lost.is_set():
            try:
                self._drover.call("POST", f"/v1/work/{item['lease']}/heartbeat", {"lease_ms": self._lease_ms})
            except (OSError, http.client.HTTPException, ValueError, DroverError) as error:
                if not _passes(error):
                    call.lost.set()  # 410: it is another's by now

    def _do(self, item: Item, call: Call) -> dict[str, Any]:
        try:
            if item["kind"] == "plan":
                if not self._planner:
                    raise GiveBack("this worker has no planner")
                result = {"plan": _plan_of(self._planner(item, call))}
            else:
                reply = self._use(item, call)
                result = _given({"content": reply.content, "is_error": reply.is_error,
                                 "data_class": reply.data_class, "plan": reply.plan})
            json.dumps(result)  # what cannot be posted is the user's mistake too
            return result
        except Exception as error:  # pylint: disable=broad-except  # the code is the user's
            return {"error": {"message": str(error) or type(error).__name__}}

    def _use(self, item: Item, call: Call) -> Reply:
        tool = self._tools.get(item["name"])
        if tool is None:
            raise GiveBack(f"this worker has no tool '{item['name']}'")
        try:
            arguments = item["arguments"]
            if isinstance(arguments, str):
                arguments = json.loads(arguments or "{}")
            value = tool(call, **arguments)
            if isinstance(value, Reply):
                return value
            return Reply(value if isinstance(value, str) else json.dumps(value))
        except GiveBack:
            raise
        except Exception as error:  # pylint: disable=broad-except  # the tool is the user's
            return Reply(str(error) or type(error).__name__, is_error=True)

    def _post(self, item: Item, result: dict[str, Any], lost: bool) -> Item | None | bool:
        """Durable when it returns. A result that does not count any more is told once: it is recorded."""
        if lost and "error" in result:
            self._problem(f"{item['idempotency_key']}: the lease of attempt {item['attempt']} was lost")
            return None  # there is nothing to give back
        wants_next = not lost and not self._stopping.is_set()
        until, failures = time.monotonic() + (0 if lost else self._lease_ms / 1000), 0
        while True:
            try:
                body = {**result, "next": wants_next, "worker": self._name, "lease_ms": self._lease_ms}
                answer = self._drover.call("POST", f"/v1/work/{item['lease']}/result", body)
                return False if "error" in result else answer.get("next")
            except (OSError, http.client.HTTPException, ValueError, DroverError) as error:
                # 409 superseded, 410 lost: another attempt is the current one. A result that Drover
                # calls wrong (400) is given back with its words, so that somebody reads them.
                if getattr(error, "status", 0) == 400 and "error" not in result and not lost:
                    result = {"error": {"message": str(error)}}
                elif not _passes(error) or time.monotonic() > until:
                    self._problem(f"{item['idempotency_key']}: the result of attempt {item['attempt']} "
                                  f"did not count: {error}")
                    return None
            time.sleep(_backoff(failures))
            failures += 1


def work(queue: str | Sequence[str], plan: Planner | None = None, tools: Mapping[str, Tool] | None = None, *,
         drover: Drover | None = None, concurrency: int = 1, worker: str = "", lease_s: float = 30,
         on_problem: Callable[[str], None] = lambda problem: print(problem, file=sys.stderr)) -> Worker:
    """Starts a worker of a queue: `plan` decides, `tools` act; each is told key and attempt.

    `concurrency`: how many items at once, each in a thread. A lease holds `lease_s` without a
    heartbeat; heartbeats come three times as often. `on_problem` is told of each item whose result
    did not count, and of what goes wrong on the way.
    """
    queues = [queue] if isinstance(queue, str) else queue
    return Worker(queues, plan, tools or {}, drover or Drover(), concurrency,
                  worker or f"python-{os.getpid()}", lease_s, on_problem)
