"""The Python SDKs against the simulated clouds: boto3, openai.OpenAI, openai.AzureOpenAI."""

import json
import sys
import time
import traceback
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import openai

CLOUDS = {c["kind"]: c for c in json.load(open(sys.argv[1]))["clouds"]}
COUNTS = {"passed": 0, "failed": 0}
HELLO = "Hello, ünïcödé 👋 — this is a simulated model."
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENAI_TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather", "parameters": PARAMETERS}}
AWS_TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "description": "The weather",
                                     "inputSchema": {"json": PARAMETERS}}}]}


def check(name, body):
    try:
        body()
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


# --- boto3 over HTTP/1.1

AWS = CLOUDS["aws"]
KEY = AWS["credentials"]["access_keys"][0]


def bedrock(**more):
    settings = dict(region_name=AWS["regions"][0]["region"], endpoint_url=AWS["regions"][0]["url"],
                    aws_access_key_id=KEY["access_key_id"],
                    aws_secret_access_key=KEY["secret_access_key"],
                    config=botocore.config.Config(retries={"total_max_attempts": 1}))
    settings.update(more)
    return boto3.client("bedrock-runtime", **settings)


def user(text):
    return [{"role": "user", "content": [{"text": text}]}]


def converse():
    for model in AWS["models"]:
        answer = bedrock().converse(modelId=model, messages=user("hi"))
        assert answer["output"]["message"]["content"][0]["text"] == HELLO
        assert answer["stopReason"] == "end_turn" and answer["usage"]["totalTokens"] > 0


def converse_stream():
    answer = bedrock().converse_stream(modelId=AWS["models"][0], messages=user("a long story"))
    events = list(answer["stream"])
    text = "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e)
    assert text.startswith("Once upon a time") and text.endswith("had come.")
    assert "messageStart" in events[0] and "metadata" in events[-1]


def converse_tools():
    messages = user("weather in both")
    answer = bedrock().converse(modelId=AWS["models"][0], messages=messages, toolConfig=AWS_TOOLS)
    uses = [b["toolUse"] for b in answer["output"]["message"]["content"] if "toolUse" in b]
    assert [u["input"]["city"] for u in uses] == ["Paris", "Oslo, Norway"]
    assert uses[0]["input"]["days"] == 2
    results = [{"toolResult": {"toolUseId": u["toolUseId"], "content": [{"text": "mild"}]}}
               for u in uses]
    messages += [answer["output"]["message"], {"role": "user", "content": results}]
    answer = bedrock().converse(modelId=AWS["models"][0], messages=messages, toolConfig=AWS_TOOLS)
    assert answer["output"]["message"]["content"][0]["text"] == "It is mild there."


def wrong_secret():
    error = failure(botocore.exceptions.ClientError, lambda: bedrock(
        aws_secret_access_key="x" * 40).converse(modelId=AWS["models"][0], messages=user("hi")))
    assert error.response["Error"]["Code"] == "InvalidSignatureException", error
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403


check("boto3 converse", converse)
check("boto3 converse_stream", converse_stream)
check("boto3 tools", converse_tools)
check("boto3 wrong secret", wrong_secret)


# --- openai

def openai_like(client, model):
    messages = [{"role": "user", "content": "hi"}]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert answer.choices[0].message.content == HELLO
    messages = [{"role": "user", "content": "weather in both"}]
    answer = client.chat.completions.create(model=model, messages=messages, tools=[OPENAI_TOOL])
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "Oslo, Norway"]
    messages.append(answer.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": "mild"} for c in calls]
    answer = client.chat.completions.create(model=model, messages=messages, tools=[OPENAI_TOOL])
    assert answer.choices[0].message.content == "It is mild there."
    text, usage = "", None
    with client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "a long story"}], stream=True,
            stream_options={"include_usage": True}) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
    assert text.endswith("had come.") and usage.completion_tokens > 20


def coreweave():
    cloud = CLOUDS["coreweave"]
    client = openai.OpenAI(base_url=cloud["regions"][0]["url"] + "/v1",
                           api_key=cloud["credentials"]["bearer"])
    openai_like(client, cloud["models"][0])
    assert [m.id for m in client.models.list().data] == cloud["models"]
    failure(openai.AuthenticationError,
            lambda: client.with_options(api_key="no").models.list())


def azure():
    cloud = CLOUDS["azure"]
    client = openai.AzureOpenAI(azure_endpoint=cloud["regions"][0]["url"],
                                api_version="2024-10-21", api_key=cloud["credentials"]["api_key"])
    openai_like(client, cloud["models"][0])
    error = failure(openai.BadRequestError, lambda: client.chat.completions.create(
        model=cloud["models"][0], messages=[{"role": "user", "content": "FORBIDDEN-WORD"}]))
    assert error.code == "content_filter"


def bedrock_openai():
    client = openai.OpenAI(base_url=AWS["regions"][0]["url"] + "/openai/v1",
                           api_key=AWS["credentials"]["bearer"])
    openai_like(client, AWS["models"][2])


# --- service tiers: the one that was served is told, and stands in the cloud's books

def control(cloud, path, body=None):
    request = urllib.request.Request(cloud["control_url"] + path, method="POST" if body else "GET",
                                     data=json.dumps(body).encode() if body else None)
    return json.load(urllib.request.urlopen(request, timeout=20))


def openai_client():
    cloud = CLOUDS["openai"]
    return openai.OpenAI(base_url=cloud["regions"][0]["url"] + "/v1", max_retries=0,
                         api_key=cloud["credentials"]["bearer"])


def azure_client():
    cloud = CLOUDS["azure"]
    return openai.AzureOpenAI(azure_endpoint=cloud["regions"][0]["url"], max_retries=0,
                              api_version="2024-10-21", api_key=cloud["credentials"]["api_key"])


def tiers():
    for kind, client in (("openai", openai_client()), ("azure", azure_client())):
        def ask(**more):
            return client.chat.completions.create(
                model=CLOUDS[kind]["models"][0], messages=[{"role": "user", "content": "hi"}], **more)
        assert ask().service_tier == "default"
        assert ask(service_tier="flex").service_tier == "flex"
        assert ask(service_tier="priority").service_tier == "priority"
        chunks = list(ask(service_tier="flex", stream=True))
        assert [c.service_tier for c in chunks if c.service_tier][-1] == "flex", chunks
        control(CLOUDS[kind], "/_sim/tier", {"asked": "flex", "served": "default"})
        assert ask(service_tier="flex").service_tier == "default"
        control(CLOUDS[kind], "/_sim/tier", {"asked": "flex"})
        failure(openai.BadRequestError, lambda: ask(service_tier="hurried"))
        books = control(CLOUDS[kind], "/_sim/state?log=0")["billed_by_tier"]
        assert books["flex"]["input_tokens"] > 0 and books["priority"]["input_tokens"] > 0, books


def converse_tiers():
    def ask(method, **more):
        return getattr(bedrock(), method)(modelId=AWS["models"][0], messages=user("hi"), **more)
    assert "serviceTier" not in ask("converse")
    assert ask("converse", serviceTier={"type": "flex"})["serviceTier"]["type"] == "flex"
    events = list(ask("converse_stream", serviceTier={"type": "priority"})["stream"])
    assert events[-1]["metadata"]["serviceTier"]["type"] == "priority", events[-1]


# --- files and batches

def batches():
    for kind, client in (("openai", openai_client()), ("azure", azure_client())):
        model, url = CLOUDS[kind]["models"][0], "/v1/chat/completions"
        lines = [{"custom_id": f"line-{n}", "method": "POST", "url": url, "body": {
            "model": model, "messages": [{"role": "user", "content": text}]}}
            for n, text in enumerate(("hi", "a long story"))]
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()

        def make(**rules):
            control(CLOUDS[kind], "/_sim/batch", dict({"takes_ms": 300}, **rules))
            file = client.files.create(file=("in.jsonl", data), purpose="batch")
            assert file.bytes == len(data) and client.files.retrieve(file.id).filename == "in.jsonl"
            return client.batches.create(input_file_id=file.id, endpoint=url,
                                         completion_window="24h", metadata={"mine": kind})

        def end_of(batch):
            for _ in range(100):
                batch = client.batches.retrieve(batch.id)
                if batch.status in ("completed", "failed", "expired", "cancelled"):
                    return batch
                time.sleep(0.05)
            raise AssertionError(batch)

        def lines_of(file):
            return [json.loads(line) for line in client.files.content(file).text.splitlines()]

        done = end_of(make())
        assert done.status == "completed" and done.request_counts.completed == 2, done
        answers = {line["custom_id"]: line["response"]["body"] for line in lines_of(done.output_file_id)}
        assert answers["line-0"]["choices"][0]["message"]["content"] == HELLO
        assert done.usage.output_tokens == sum(a["usage"]["completion_tokens"] for a in answers.values())
        expired = end_of(make(ends="expired", lines_done=1))
        assert expired.status == "expired" and len(lines_of(expired.output_file_id)) == 1
        assert lines_of(expired.error_file_id)[0]["error"]["code"] == "batch_expired"
        assert end_of(make(ends="failed")).errors.data[0].code == "token_limit_exceeded"
        some = end_of(make(error_lines=1))
        assert lines_of(some.error_file_id)[0]["response"]["status_code"] == 500
        slow = make(takes_ms=60_000)
        client.batches.cancel(slow.id)
        assert end_of(slow).status == "cancelled"
        listed = [b.id for b in client.batches.list(limit=2)]  # reads on from page to page
        assert listed[0] == slow.id and listed.index(done.id) == 4, listed
        assert client.files.delete(done.output_file_id).deleted
        failure(openai.NotFoundError, lambda: client.files.content(done.output_file_id))
        books = control(CLOUDS[kind], "/_sim/state?log=1000")
        mine = [e for e in books["log"] if e.get("service_tier") == "batch" and e["status"] == 200]
        assert sum(e["billed"]["output_tokens"] for e in mine) == (
            books["billed_by_tier"]["batch"]["output_tokens"]) > done.usage.output_tokens


check("openai's and azure's service tiers", tiers)
check("bedrock's service tiers", converse_tiers)
check("openai's and azure's batches", batches)
check("openai against coreweave", coreweave)
check("openai against azure", azure)
check("openai against bedrock's /openai/v1", bedrock_openai)
print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed, 0 skipped")
sys.exit(1 if COUNTS["failed"] else 0)
