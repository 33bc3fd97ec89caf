"""OpenAI's own package for Python as a client of the gateway."""
import json
import os
import sys
import traceback
import urllib.request

import openai

CLOUDS = {c["kind"]: c for c in json.load(open(sys.argv[1], encoding="utf-8"))["clouds"]}
COUNTS = {"passed": 0, "failed": 0}
HELLO = "Hello, ünïcödé 👋 — this is a simulated model."
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
CLIENT = openai.OpenAI(base_url=os.environ["GATEWAY_URL"] + "/v1",
                       api_key=os.environ["GATEWAY_KEY"], max_retries=0, timeout=20)


def check(name, body, *arguments):
    try:
        body(*arguments)
        COUNTS["passed"] += 1
    except Exception:
        COUNTS["failed"] += 1
        print(f"FAILED {name}: {traceback.format_exc()}")


def failure(kinds, body):
    try:
        body()
    except kinds as error:
        return error
    raise AssertionError("no error")


def control(cloud, path, body):
    request = urllib.request.Request(CLOUDS[cloud]["control_url"] + path, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def create(model, text, **more):
    return CLIENT.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], **more)


def answer(model):
    raw = CLIENT.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hi"}])
    assert raw.headers["x-drover-endpoint"] == model
    got = raw.parse()
    assert got.choices[0].message.content == HELLO and got.usage.total_tokens > 0
    assert got.id and got.model and got.created > 0, got


def tools(model):
    messages = [{"role": "user", "content": "weather in both"}]
    got = CLIENT.chat.completions.create(model=model, messages=messages, tools=[TOOL])
    calls = got.choices[0].message.tool_calls
    assert got.choices[0].finish_reason == "tool_calls"
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "Oslo, Norway"]
    messages.append(got.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": "mild"} for c in calls]
    got = CLIENT.chat.completions.create(model=model, messages=messages, tools=[TOOL])
    assert got.choices[0].message.content == "It is mild there."


def stream(model):
    text, usage, ids = "", None, set()
    with create(model, "a long story", stream=True,
                stream_options={"include_usage": True}) as chunks:
        for chunk in chunks:
            usage = chunk.usage or usage
            if chunk.choices:
                ids.add((chunk.id, chunk.model))
                assert chunk.id and chunk.model and chunk.created > 0, chunk
            for choice in chunk.choices:
                text += choice.delta.content or ""
    assert text.startswith("Once upon") and text.endswith("had come."), text
    assert usage.completion_tokens > 20
    assert len(ids) == 1, ids


def stream_tools(model):
    with CLIENT.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": "weather in both"}],
            tools=[TOOL]) as events:
        message = events.get_final_completion().choices[0].message
    assert message.content == "I will look at both." and len(message.tool_calls) == 2


def cut(model):
    for kind in ("cut", "early_end"):
        control(model, "/_sim/faults", {"kind": kind, "after_events": 6})
        seen = []

        def read():
            for chunk in create(model, "a long story", stream=True):
                seen.extend(choice for choice in chunk.choices)
        failure(openai.OpenAIError, read)
        assert "".join(c.delta.content or "" for c in seen), "nothing was seen before the cut"
        assert not [c for c in seen if c.finish_reason], "a clean end was seen"


def models():
    assert {m.id for m in CLIENT.models.list()} >= {"aws", "azure", "coreweave", "ladder"}
    assert CLIENT.models.retrieve("aws").id == "aws"


def errors():
    wrong = CLIENT.with_options(api_key="drv_wrong")
    failure(openai.AuthenticationError, wrong.models.list)
    error = failure(openai.NotFoundError, lambda: create("gpt-99", "hi"))
    assert error.code == "model_not_found", error
    failure(openai.BadRequestError, lambda: CLIENT.chat.completions.create(
        model="azure", messages="hi"))
    # A client that sends all before it listens may find a closed connection instead of the answer:
    # the gateway reads only a few MiB on. That the answer is 413 is tested in sockets.py.
    error = failure(openai.APIError, lambda: create("azure", "x" * (33 << 20)))
    assert isinstance(error, openai.APIConnectionError) or error.status_code == 413, error


def failover():
    control("azure", "/_sim/outage", {"on": True})
    try:
        for _ in range(3):
            raw = CLIENT.chat.completions.with_raw_response.create(
                model="ladder", messages=[{"role": "user", "content": "hi"}])
            assert raw.headers["x-drover-endpoint"] == "ladder/coreweave"
            assert raw.parse().choices[0].message.content == HELLO
    finally:
        control("azure", "/_sim/outage", {"on": False})


for name in CLOUDS:
    for test in (answer, tools, stream, stream_tools, cut):
        check(f"{name}: {test.__name__}", test, name)
for test in (models, errors, failover):
    check(test.__name__, test)
print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed, 0 skipped")
sys.exit(1 if COUNTS["failed"] else 0)
