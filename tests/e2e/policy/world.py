"""What the tests of this suite stand on: a simulated cloud, and two places of one model in it."""
import json

from server import Child, write

sim = Child("sim", ["sim", "--cloud", "openai", "--json"])
cloud = json.loads(sim.wait_for(r"(?m)^(\{.*\})$").group(1))["clouds"][0]
ENV = {"GOOD_KEY": cloud["credentials"].get("bearer") or cloud["credentials"].get("api_key")}
WHERE = (f"provider: openai, model: m, upstream_model: '{cloud['models'][0]}', "
         f"base_url: '{cloud['regions'][0]['url']}/v1', credentials: env:GOOD_KEY")
FACTS = "prompt_cache: none, cleared_for: confidential, purposes: any"


def config_of(name, policy):
    """Two places of one model: one in Germany with a foreign parent, one in France without."""
    return write(name, f"""listen: 127.0.0.1:0
here: {{zone: de, cleared_for: restricted, purposes: any}}
endpoints:
  - {{id: berlin, {WHERE}, facts: {{zone: de, jurisdiction: us, {FACTS}}}}}
  - {{id: paris, {WHERE}, facts: {{zone: fr, jurisdiction: fr, {FACTS}}}}}
agents:
  - {{name: clerk, instructions: be kind, models: [m], memory: {{namespace: notes}}}}
policy:
  classes: {{patient: {{sensitivity: confidential}}}}
{policy}""")


def ask(server, data="", key=None):
    """Status and who answered, or what is said instead."""
    status, headers, text = server.call(
        "POST", "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": "hello"}]},
        key or server.key, {"x-drover-data-class": data} if data else None)
    return status, text


def place(server, data=""):
    body = {"models": ["m"], **({"data_class": data} if data else {})}
    found = server.json("POST", "/v1/placement", body, server.key)
    return ([r["endpoint"] for r in found["ranked"]],
            {r["endpoint"]: (r.get("rule", ""), r["reason"]) for r in found["rejected"]})
