"""Asks the simulated clouds every recorded turn, by openai and boto3, whole and streamed."""

import json
import sys

import boto3
import botocore.config
import openai

CLOUDS = {c["kind"]: c for c in json.load(open(sys.argv[1]))["clouds"]}
SESSIONS = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]


def turns():
    """(number of the session, session, messages before, recorded answer)."""
    for number, session in enumerate(SESSIONS):
        for i, message in enumerate(session["messages"]):
            if message["role"] == "assistant":
                yield number, session, session["messages"][:i], message


def same(text, calls, recorded, exact):
    """Whether an answer is the recorded one; calls are (name, arguments as text or object)."""
    if text != (recorded["content"] or ""):
        return False
    wanted = [c["function"] for c in recorded.get("tool_calls") or []]
    if [name for name, _ in calls] != [w["name"] for w in wanted]:
        return False
    if exact:
        return [a for _, a in calls] == [w["arguments"] for w in wanted]
    return [a for _, a in calls] == [json.loads(w["arguments"]) for w in wanted]


def ask_openai(client, model, messages, stream):
    if not stream:
        message = client.chat.completions.create(model=model, messages=messages).choices[0].message
        calls = [(c.function.name, c.function.arguments) for c in message.tool_calls or []]
        return message.content or "", calls
    text, calls = "", {}
    with client.chat.completions.create(model=model, messages=messages, stream=True) as chunks:
        for chunk in chunks:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for part in choice.delta.tool_calls or []:
                    name, arguments = calls.get(part.index, ("", ""))
                    calls[part.index] = (name + (part.function.name or ""),
                                         arguments + (part.function.arguments or ""))
    return text, [calls[i] for i in sorted(calls)]


def to_converse(messages):
    """OpenAI messages as Converse has them. Ids are made unique: recorded ones repeat."""
    system, out, turn = [], [], 0
    for message in messages:
        role = message["role"]
        if role == "system":
            system.append({"text": message["content"]})
            continue
        blocks = []
        if role == "tool":
            result = {"toolUseId": f"t{turn}-{answered}", "content": [{"text": message["content"]}]}
            answered += 1
            blocks.append({"toolResult": result})
            role = "user"
        else:
            if message["content"]:
                blocks.append({"text": message["content"]})
            if message.get("tool_calls"):
                turn, answered = turn + 1, 0
            for i, call in enumerate(message.get("tool_calls") or []):
                use = {"toolUseId": f"t{turn}-{i}", "name": call["function"]["name"],
                       "input": json.loads(call["function"]["arguments"])}
                blocks.append({"toolUse": use})
        if out and out[-1]["role"] == role:
            out[-1]["content"] += blocks
        else:
            out.append({"role": role, "content": blocks})
    return system, out


def ask_converse(client, model, messages, stream):
    system, converted = to_converse(messages)
    request = {"modelId": model, "messages": converted, "system": system}
    if not stream:
        content = client.converse(**request)["output"]["message"]["content"]
        return ("".join(b.get("text", "") for b in content),
                [(b["toolUse"]["name"], b["toolUse"]["input"]) for b in content if "toolUse" in b])
    text, calls = "", {}
    for event in client.converse_stream(**request)["stream"]:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            calls[start["contentBlockIndex"]] = [start["start"]["toolUse"]["name"], ""]
        if "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]
            text += delta["delta"].get("text", "")
            if "toolUse" in delta["delta"]:
                calls[delta["contentBlockIndex"]][1] += delta["delta"]["toolUse"]["input"]
    return text, [(name, json.loads(arguments)) for name, arguments in
                  (calls[i] for i in sorted(calls))]


def clients():
    cloud = CLOUDS["coreweave"]
    client = openai.OpenAI(base_url=cloud["regions"][0]["url"] + "/v1",
                           api_key=cloud["credentials"]["bearer"])
    yield "coreweave", client, cloud["models"][0], ask_openai, True
    cloud = CLOUDS["azure"]
    client = openai.AzureOpenAI(azure_endpoint=cloud["regions"][0]["url"], api_version="2024-10-21",
                                api_key=cloud["credentials"]["api_key"])
    yield "azure", client, cloud["models"][0], ask_openai, True
    cloud = CLOUDS["aws"]
    key = cloud["credentials"]["access_keys"][0]
    client = boto3.client(
        "bedrock-runtime", region_name=cloud["regions"][0]["region"],
        endpoint_url=cloud["regions"][0]["url"], aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=botocore.config.Config(retries={"total_max_attempts": 1},
                                      parameter_validation=True))
    yield "aws", client, cloud["models"][0], ask_converse, False


failed = 0
for name, client, model, ask, exact in clients():
    for stream in (False, True):
        count = 0
        for number, session, before, recorded in turns():
            # A large file is asked half whole and half streamed, by session.
            if len(SESSIONS) > 50 and (number % 2 == 0) == stream:
                continue
            count += 1
            where = f"{name} {session['task_id']}/{session['trial']} message {len(before)}"
            try:
                text, calls = ask(client, model, before, stream)
            except Exception as error:  # each SDK has its own family
                failed += 1
                print(f"FAILED {where}: {str(error)[:400]}")
            else:
                if not same(text, calls, recorded, exact):
                    failed += 1
                    print(f"FAILED {where}: {text[:100]!r} {calls} is not as recorded")
            if failed > 20:
                sys.exit(1)
        print(f"{name}, {'streamed' if stream else 'whole'}: {count} turns")
sys.exit(1 if failed else 0)
