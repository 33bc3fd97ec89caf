"""Writes drover.yaml with endpoints at all three clouds; prints the exports that its keys need."""
import json
import os
import shlex

WORK = os.environ["WORK"]


def read(name):
    with open(os.path.join(WORK, name), encoding="utf-8") as file:
        return file.read().strip()


clouds = {c["kind"]: c for c in json.loads(read("clouds.json"))["clouds"]}
recorder = read("recorder.url")
aws, azure, coreweave = clouds["aws"], clouds["azure"], clouds["coreweave"]
key = aws["credentials"]["access_keys"][0]

PLACES = {
    "aws": {"provider": "aws-bedrock", "upstream_model": aws["models"][0],
            "region": aws["regions"][0]["region"], "base_url": aws["regions"][0]["url"],
            "credentials": "aws:default"},
    "azure": {"provider": "azure-openai", "deployment": azure["models"][0],
              "api_version": "2024-10-21", "base_url": azure["regions"][0]["url"],
              "credentials": "env:SIM_AZURE_KEY"},
    "coreweave": {"provider": "coreweave", "upstream_model": coreweave["models"][0],
                  "base_url": coreweave["regions"][0]["url"] + "/v1",
                  "credentials": "env:SIM_COREWEAVE_KEY"},
}
# Each cloud by its own name; ladders of two under one name, one for each test that makes clouds
# fail, since an endpoint that failed is left alone for some seconds; peers that write down what came.
LADDERS = ["ladder", "ladder-retry", "ladder-first", "ladder-second"]
endpoints = [{"id": name, "model": name, **place} for name, place in PLACES.items()]
endpoints += [{"id": f"{ladder}/{name}", "model": ladder, **PLACES[name]}
              for ladder in LADDERS for name in ("azure", "coreweave")]
endpoints += [
    {"id": "recorder", "model": "recorder", "provider": "openai", "base_url": recorder + "/v1",
     "credentials": "env:SIM_COREWEAVE_KEY"},
    {"id": "recorder-aws", "model": "recorder-aws", "provider": "aws-bedrock",
     "region": "us-east-1", "base_url": recorder, "credentials": "aws:default"},
]
with open(os.path.join(WORK, "drover.yaml"), "w", encoding="utf-8") as out:
    out.write("endpoints:\n")
    for endpoint in endpoints:
        out.write(f"  - {json.dumps(endpoint)}\n")

for name, value in {"AWS_ACCESS_KEY_ID": key["access_key_id"],
                    "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
                    "SIM_AZURE_KEY": azure["credentials"]["api_key"],
                    "SIM_COREWEAVE_KEY": coreweave["credentials"]["bearer"],
                    "RECORDER": recorder}.items():
    print(f"export {name}={shlex.quote(value)}")
