"""The Python SDKs against the simulated clouds: boto3, openai.OpenAI, openai.AzureOpenAI."""

import json
import sys
import traceback

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


check("openai against coreweave", coreweave)
check("openai against azure", azure)
check("openai against bedrock's /openai/v1", bedrock_openai)
print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed, 0 skipped")
sys.exit(1 if COUNTS["failed"] else 0)
