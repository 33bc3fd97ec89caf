"""Where endpoints are and how far they route: what is read of it, and a file of places."""
import os
import re

from server import WORK, Serve, run, write


def profiles():
    """what may be routed beyond its region, or does not say how far, gets no bound data"""
    arn = "arn:aws:bedrock:eu-central-1:111122223333:"
    bedrock = {"regional": "amazon.nova-pro-v1:0", "american": "us.amazon.nova-pro-v1:0",
               "unknown": "xx.amazon.nova-pro-v1:0",
               "arn": arn + "inference-profile/us.amazon.nova-pro-v1:0",
               "application": arn + "application-inference-profile/a1b2c3d4e5f6"}
    ends = "".join(f"  - {{id: {name}, provider: aws-bedrock, model: '{model}', "
                   f"region: eu-central-1, credentials: env:GOOD_KEY}}\n"
                   for name, model in bedrock.items())
    azure = ("provider: azure-openai, model: az, deployment: az, region: germanywestcentral, "
             "base_url: 'https://az.invalid', credentials: env:GOOD_KEY")
    ends += (f"  - {{id: silent, {azure}}}\n"
             f"  - {{id: standard, {azure}, facts: {{processing_scope: de}}}}\n")
    path = write("profiles.yaml", f"listen: 127.0.0.1:0\nhere: {{zone: de}}\nendpoints:\n{ends}")
    server = Serve("profiles", path, os.path.join(WORK, "profiles"), {"GOOD_KEY": "never sent"})
    found = server.json("POST", "/v1/placement", {
        "models": [*bedrock.values(), "az"], "data_class": "residency=de"}, server.key)
    ranked = sorted(r["endpoint"] for r in found["ranked"])
    assert ranked == ["regional", "standard"], found
    reasons = {r["endpoint"]: (r.get("rule"), r["reason"]) for r in found["rejected"]}
    assert all(rule == "residency" for rule, _ in reasons.values()), reasons
    assert "processing_scope" in reasons["silent"][1], reasons
    assert server.stop() == 0


def places():
    """a file of places: all its faults with their lines, and what it changes of the starter's"""
    bad = write("bad-places.yaml", "date: 2026-13-45\nplaces:\n  - id: a\n    providers: [x]\n"
                "    facts: {zone: 7}\n")
    code, said = run(["catalog", "check", bad])
    assert code == 1 and "bad-places.yaml:1: " in said and "bad-places.yaml:5, a: " in said, said
    wrong = write("wrong-places.yaml", "source: our audit\ndate: 2026-10-01\nplaces:\n"
                  "  - {id: a, providers: [vlm], facts: {zone: atlantis}}\n")
    code, said = run(["config", "check", write("wrong-catalog.yaml",
                                               "catalog: [wrong-places.yaml]\n")])
    at = "wrong-catalog.yaml:1: wrong-places.yaml:4, a: "
    assert code == 1 and at + "there is no provider 'vlm': did you mean 'vllm'?" in said, said
    assert at + "its zone is 'atlantis', and there is no such zone" in said, said
    for command in (["check"], ["diff", "starter"]):
        code, said = run(["catalog", *command, wrong])
        assert code == 1 and "wrong-places.yaml:4, a: there is no provider 'vlm'" in said, said
        assert "wrong-places.yaml:4, a: its zone is 'atlantis', and there is no" in said, said
        assert "2 faults" in said, said
    own = write("own-places.yaml", "source: our audit\ndate: 2026-10-01\nplaces:\n"
                "  - id: aws/eu-central-1\n    providers: [aws-bedrock]\n"
                "    region: eu-central-1\n    facts: {retention: none}\n")
    code, said = run(["catalog", "diff", "starter", own])
    assert code == 1 and "retention: not stated -> none" in said and "gone" not in said, said


def placed():
    """the catalog shows what the configuration places too, with the facts of both, and what is missing"""
    path = write("placed.yaml", """here: {zone: de}
endpoints:
  - {id: fra, provider: aws-bedrock, model: m, region: eu-central-1, facts: {cleared_for: internal}}
tools:
  - {name: desk, http: 'http://127.0.0.1:9/tool', facts: {zone: de}, tools: [{name: look}]}
""")
    code, said = run(["catalog", "show", "--config", path])
    assert code == 0, said
    for row in (r"^fra +model +de +aws +us +shared", r"^desk +tool +de ", r"^this server +store +de "):
        assert re.search(row, said, re.M), (row, said)
    code, said = run(["catalog", "show", "fra", "--config", path])
    assert code == 0 and re.search(r"^cleared_for +internal +operator", said, re.M), said
    assert re.search(r"^country +de +20\d\d-\d\d-\d\d +https://", said, re.M), said
    for slip, meant in (("AWS/eu-cental-1", "aws/eu-central-1"), ("fraa", "fra")):
        code, said = run(["catalog", "show", slip, "--config", path])
        assert code == 2 and f"there is no place '{slip}': did you mean '{meant}'?" in said, said
    code, said = run(["catalog", "check", "--missing", "--config", path])
    assert code == 0 and "fra: 'retention' is not stated" in said, said
    assert "desk: 'cleared_for' is not stated" in said and "fra: 'zone'" not in said, said
