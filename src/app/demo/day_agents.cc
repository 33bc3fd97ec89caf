#include "app/demo/day_agents.h"

#include "app/config.h"

namespace drover::app {
namespace {

constexpr std::string_view kSupport =
    R"yaml(# Answers customers of a shop: where an order is, and refunds.
name: support
instructions: |
  You help the customers of an outdoor shop. Look an order up before you say anything about it.
  Refund an order when its customer asks for it, and say how much goes back and under which receipt.
  Be brief and friendly; when you do not know, say so.
models: [claude-sonnet, gpt-4o, llama-3.3-70b]   # first choice first; the others take over
tools: [shop]
limits: {steps: 30, output_tokens: 600}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kOrders =
    R"yaml(# Tells customers where their order is: a small task for a cheap model.
name: orders
instructions: |
  You tell the customers of an outdoor shop where their order is and what it comes to. Look it up
  first. Be brief.
models: [llama-3.3-70b, gpt-4o-mini]
tools: [shop]
limits: {steps: 20, output_tokens: 300}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kTravel =
    R"yaml(# Finds flights, and the weather at both ends, for customers in a hurry: quick models first.
name: travel
instructions: |
  You find flights for customers. Look at the flights and at the weather in both cities at once,
  name the first flight with its price, and offer to hold a seat.
models: [nova-pro, gpt-4o-mini, llama-3.3-70b]
tools: [shop]
limits: {steps: 20, output_tokens: 400}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kResearch =
    R"yaml(# Compares topics, writes down what it learnt, and remembers it in later sessions.
name: research
instructions: |
  You compare topics for a library. Search all topics side by side. Write down what you learnt
  under research/<topic>, so that a later session finds it. When you are asked what you remember,
  search your notes first and name the note that you cite.
models: [gpt-4o, claude-sonnet]
tools: [shop]
memory: {namespace: research}
limits: {steps: 20, output_tokens: 1200}
parameters: {temperature: 0, stream: true}
end_after_answer: true
)yaml";

constexpr std::string_view kReturns =
    R"yaml(# Answers customers of a shop like `support`, but a refund waits for a person who allows it.
name: returns
instructions: |
  You help the customers of an outdoor shop who send something back. Look an order up before you
  say anything about it. Ask for a refund when its customer wants one: a colleague allows it or not.
models: [claude-sonnet, gpt-4o, llama-3.3-70b]
tools: [shop]
approvals: ["refund_*"]
limits: {steps: 30, output_tokens: 600}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kDigger =
    R"yaml(# Looks into a topic by giving parts of it to children; one budget holds for all of them together.
name: digger
instructions: |
  You get to the bottom of things. Give parts of the question to helpers, and search on until
  nothing is left open.
models: [llama-3.3-70b, gpt-4o-mini]
tools: [shop]
builtins: [spawn]
tree: {depth: 2, width: 3, spawns: 6, cost_usd: "0.01"}
limits: {steps: 200, output_tokens: 300}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kAnalyst =
    R"yaml(# Writes reports within a step's budget; for longer ones it asks first, and a rule may grant it.
name: analyst
instructions: You write reports. Ask for more room before you write one that is long.
models: [gpt-4o, claude-sonnet]
builtins: [request_extension]
step_budget: {tokens: 900, time_s: 120}
extensions: {auto: {tokens: 6000, time_s: 120, requests: 1}, otherwise: ask}
parameters: {temperature: 0}
)yaml";

constexpr std::string_view kIntern =
    R"yaml(# The same without the rule: what goes beyond a step's budget is refused, and then a person's call.
name: intern
instructions: You write reports. Ask for more room before you write one that is long.
models: [gpt-4o, claude-sonnet]
builtins: [request_extension]
step_budget: {tokens: 900, time_s: 120}
extensions: {otherwise: refuse}
parameters: {temperature: 0}
)yaml";

constexpr std::string_view kClinic =
    R"yaml(# Makes appointments for a clinic. Its tenant's data stays in the EU, by the operator's policy.
name: clinic
instructions: You make appointments for the patients of a clinic. Be brief.
models: [claude-sonnet, gpt-4o, llama-3.3-70b]
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kWard =
    R"yaml(# Answers a ward's questions. What is restricted goes to a model on hardware that proves what it runs.
name: ward
instructions: You answer the questions of a hospital ward. Be brief.
models: [claude-sonnet, gpt-4o, llama-sealed]
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kRequirements =
    R"([{"name":"attested","when":{"sensitivity":"restricted"},"for":["model"],
         "needs":{"attestation":"nvidia-cc","max_age":"10m"}}])";

constexpr std::string_view kDesk =
    R"yaml(# Answers people who stand at a counter: it is worth money that they do not wait.
name: desk
instructions: You help people at the counter of a parcel shop. Be brief.
models: [clerk, llama-3.3-70b]
service_class: fast
continue_cut: true
limits: {steps: 10, output_tokens: 200}
parameters: {temperature: 0, stream: true}
)yaml";

constexpr std::string_view kBackfill =
    R"yaml(# Works through a pile that nobody waits for: it may take its time, and should cost little.
name: backfill
instructions: You file the parcels of a shop. Be brief.
models: [clerk]
service_class: slow
limits: {steps: 10, output_tokens: 200}
parameters: {temperature: 0}
)yaml";

DemoEndpoint endpoint(sim::CloudKind cloud, std::string model, std::string upstream,
                      std::string input, std::string output, std::string cached) {
  DemoEndpoint e;
  e.cloud = cloud;
  e.model = std::move(model);
  e.upstream_model = std::move(upstream);
  e.price_input = std::move(input);
  e.price_output = std::move(output);
  e.price_cached = std::move(cached);
  return e;
}

}  // namespace

const std::vector<AgentText>& day_agent_texts() {
  static const std::vector<AgentText> texts = {
      {"support.yaml", kSupport},   {"orders.yaml", kOrders},   {"travel.yaml", kTravel},
      {"research.yaml", kResearch}, {"returns.yaml", kReturns}, {"digger.yaml", kDigger},
      {"analyst.yaml", kAnalyst},   {"intern.yaml", kIntern},   {"clinic.yaml", kClinic},
      {"ward.yaml", kWard},         {"desk.yaml", kDesk},       {"backfill.yaml", kBackfill}};
  return texts;
}

Result<std::map<std::string, session::AgentSpec>> day_agents() {
  std::map<std::string, session::AgentSpec> out;
  for (const AgentText& agent : day_agent_texts()) {
    ReadFile read = [&](const std::string&) -> Result<std::string> {
      return std::string(agent.text);
    };
    TRY(session::AgentSpec spec, read_agent_file(std::string(agent.file), read));
    std::string name = spec.name;
    out.emplace(std::move(name), std::move(spec));
  }
  return out;
}

Result<std::shared_ptr<const policy::Policy>> day_policy(const TenantId& clinic) {
  policy::PolicySpec spec;
  if (!clinic.empty()) {  // it is founded when the day begins
    TRY(spec.tenants[clinic.str()], contract::DataClass::parse("residency=eu"));
  }
  TRY(spec.requirements, Json::parse(kRequirements));
  return policy::Policy::make(std::move(spec));
}

std::vector<DemoEndpoint> day_endpoints() {
  using sim::CloudKind;
  std::vector<DemoEndpoint> out = {
      endpoint(CloudKind::kAws, "claude-sonnet", "anthropic.claude-sonnet-4-6", "3", "15", "0.3"),
      endpoint(CloudKind::kAws, "nova-pro", "us.amazon.nova-pro-v1:0", "0.8", "3.2", "0.2"),
      endpoint(CloudKind::kAzure, "gpt-4o", "gpt-4o", "2.5", "10", "1.25"),
      endpoint(CloudKind::kAzure, "gpt-4o-mini", "gpt-4o-mini", "0.15", "0.6", "0.075"),
      endpoint(CloudKind::kCoreWeave, "llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct", "0.6",
               "0.6", "0.3"),
      endpoint(CloudKind::kAzure, "clerk", "clerk", "0.1", "0.4", "0.05"),
      endpoint(CloudKind::kCoreWeave, "clerk", "clerk", "0.12", "0.5", "0.06"),
  };
  for (DemoEndpoint& e : out) {
    if (e.model == "clerk") e.calls_in_flight = 4;
  }
  return out;
}

}  // namespace drover::app
