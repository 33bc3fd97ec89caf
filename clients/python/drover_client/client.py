"""Sessions over Drover's HTTP API, and what to do about an answer that did not come."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
import urllib.parse
from typing import Any, Callable, Iterator, Mapping

from .types import DataClass, Event, Plan, Session

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
ANSWER_TIMEOUT_S = 60


class DroverError(Exception):
    """An answer other than a good one. `code` is Drover's word for it, such as "superseded"."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


def passes(error: Exception) -> bool:
    """What asking again may help against: no answer at all, too much, or not now; not damage."""
    if not isinstance(error, DroverError):
        return True
    return error.code != "data_loss" and (error.status == 429 or error.status >= 500)


def backoff(failures: int) -> float:
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
        return self.call("POST", "/v1/sessions", given(session))

    def get(self, session: str) -> Session:
        return self.call("GET", _path(session))

    def message(self, session: str, content: Any,
                data_class: str | DataClass | None = None) -> dict[str, Any]:
        """Says something to the agent; data that is stricter than the session's states its class."""
        message = {"content": content, "data_class": data_class}
        return self.call("POST", _path(session, "messages"), given(message))

    def approve(self, session: str, wait_id: str, decision: str = "approve", *,
                arguments: Mapping[str, Any] | None = None, explanation: str | None = None) -> dict[str, Any]:
        """Answers an approval: approve, deny, or edit with other arguments."""
        answer = {"decision": decision, "arguments": arguments, "explanation": explanation}
        return self.call("POST", _path(session, f"approvals/{_quoted(wait_id)}"), given(answer))

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
                if not passes(error):
                    raise
            time.sleep(backoff(failures))
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


def given(members: Mapping[str, Any]) -> dict[str, Any]:
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
