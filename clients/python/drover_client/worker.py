"""A worker: leases items of a queue, decides or acts, and posts what came of it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import threading
import time
from typing import Any, Callable, Mapping, Sequence

from .client import Drover, DroverError, backoff, given, passes
from .planner import Call, Planner, call_of, plan_of
from .types import DataClass, Item

POLL_S = 20


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
        self.plan = None if plan is None else plan_of(plan)


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
                    self._stopping.wait(backoff(failures))
            except (OSError, http.client.HTTPException, ValueError, DroverError) as error:
                if self._stopping.is_set():
                    return
                if not passes(error):
                    self._refused = error
                    self._stopping.set()
                    return self._problem(f"the worker ends: {error}")
                self._problem(f"Drover does not answer: {error}")
                self._stopping.wait(backoff(failures))
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
        call, over = call_of(item), threading.Event()
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
                if not passes(error):
                    call.lost.set()  # 410: it is another's by now

    def _do(self, item: Item, call: Call) -> dict[str, Any]:
        try:
            if item["kind"] == "plan":
                if not self._planner:
                    raise GiveBack("this worker has no planner")
                result = {"plan": plan_of(self._planner(item, call))}
            else:
                reply = self._use(item, call)
                result = given({"content": reply.content, "is_error": reply.is_error,
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
                elif not passes(error) or time.monotonic() > until:
                    self._problem(f"{item['idempotency_key']}: the result of attempt {item['attempt']} "
                                  f"did not count: {error}")
                    return None
            time.sleep(backoff(failures))
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
