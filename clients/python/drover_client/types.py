"""What Drover's contract says, as types (contract/README.md and contract/openapi.yaml have the meaning).

Everything may carry members that are not named here: new ones are only ever added.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, Union


class Message(TypedDict, total=False):
    """OpenAI's form of a chat message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Any  # text, parts or None
    tool_calls: list[dict[str, Any]]
    tool_call_id: str


class Event(TypedDict):
    """An entry of a session's journal."""

    id: str
    session: str
    sequence: int  # from 1, without a gap
    time: str
    kind: str  # "session.started", "tool.result", … as in contract/README.md
    causation: NotRequired[int]  # sequence of the event that caused it; a result names its intent
    attempt: NotRequired[int]  # which try at an effect, from 1
    actor: dict[str, str]
    payload: NotRequired[dict[str, Any]]


class Needs(TypedDict):
    """Of the endpoint that serves a step; one of which it is not known is not used."""

    vision: NotRequired[bool]
    context_tokens: NotRequired[int]
    hardware: NotRequired[str | list[str]]
    attested: NotRequired[str | dict[str, str]]


class ModelCall(TypedDict):
    kind: Literal["model_call"]
    models: NotRequired[list[str]]
    output_tokens: NotRequired[int]
    needs: NotRequired[Needs]


class ToolCall(TypedDict):
    kind: Literal["tool_call"]
    name: str
    arguments: dict[str, Any] | str
    id: NotRequired[str]


class Say(TypedDict):
    kind: Literal["say"]
    text: str


Wait = TypedDict("Wait", {
    "kind": Literal["wait"],
    "for": Literal["message", "timer", "signal", "approval"],
    "seconds": NotRequired[float],
    "until": NotRequired[str],
    "name": NotRequired[str],  # of the signal
    "question": NotRequired[str],  # of the approval
})


class TaskBudget(TypedDict):
    """What the child may use of its tree's budget; it pauses when it is exceeded."""

    tokens: NotRequired[int]
    time_s: NotRequired[float]


class Task(TypedDict):
    agent: NotRequired[str]
    message: str
    budget: NotRequired[TaskBudget]


class Spawn(TypedDict):
    kind: Literal["spawn"]
    tasks: list[Task]
    wait: Literal["all", "any"] | int


class RequestExtension(TypedDict):
    kind: Literal["request_extension"]
    reason_code: str
    explanation: str
    expected_gain: str
    # One of both at least.
    tokens: NotRequired[int]
    time_s: NotRequired[float]


class End(TypedDict):
    kind: Literal["end"]
    reason: NotRequired[str]
    result: NotRequired[str]


# What a planner may ask for. Several effects of one plan run side by side where they can.
Effect = Union[ModelCall, ToolCall, Say, Wait, Spawn, RequestExtension, End]


class Plan(TypedDict):
    effects: list[Effect]
    explanation: NotRequired[str]


class PlanRequest(TypedDict):
    """What a planner is asked: the state of a session, and what happened since it was asked last."""

    session: str
    agent: dict[str, str]  # name, version
    step: int  # from 1
    attempt: int
    idempotency_key: str  # the same over all attempts at this question
    messages: list[Message]
    events: list[Event]
    waits: list[dict[str, Any]]
    children: list[dict[str, Any]]
    budget: dict[str, Any]  # "step", "subtask", "tree"


class Item(TypedDict):
    """Leased work. A "plan" carries the members of a PlanRequest too, a "tool_call" those named last."""

    lease: str
    session: str
    sequence: int  # (sequence, attempt) is the fence: only the current attempt's result counts
    attempt: int
    kind: Literal["plan", "tool_call"]
    idempotency_key: str
    expires: str  # until when the lease holds without a heartbeat
    name: NotRequired[str]
    arguments: NotRequired[Any]  # as the planner or the model gave them: an object, or JSON text


# What data is; what is not said is not restricted. As text: "residency=de;retention=none".
DataClass = TypedDict("DataClass", {
    "class": Union[str, list[str]],  # names of classes that the operator defines
    "residency": Union[str, list[str]],  # zones, any of which will do
    "sensitivity": Literal["public", "internal", "confidential", "restricted"],
    "purpose": Union[str, list[str]],
    "usage": Union[str, list[str]],  # no-training, no-review, no-cache
    "retention": str,  # "none", "session", a time such as "24h", or "unlimited"
}, total=False)


class Failure(TypedDict):
    of: Literal["model", "planner"]
    sequence: int  # of the event that says it
    error: dict[str, str]  # where its "retry" is "never", another attempt would fail alike


class Session(TypedDict):
    id: str
    agent: str
    agent_version: NotRequired[str]
    status: Literal["new", "running", "waiting", "ended"]
    end_reason: NotRequired[str]
    waiting_for: NotRequired[str]
    created: str
    updated: str
    events: int  # how many its journal has
    labels: NotRequired[dict[str, str]]
    data_class: NotRequired[str]  # when read one by one, as all that follows
    kept_until: NotRequired[str]  # until when the data's retention lets it stay
    failure: NotRequired[Failure]  # why the last attempt of what it waits for failed
    messages: NotRequired[list[Message]]
    steps: NotRequired[int]
    cost_usd: NotRequired[str]
