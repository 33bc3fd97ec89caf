#include "app/config.h"

#include <cstdlib>

#include "app/config_test_util.h"

namespace drover::app {
namespace {

Result<std::string> no_files(const std::string& path) {
  return fail(Code::kNotFound, path + ": no such file");
}

constexpr std::string_view kWhole = R"(
data: /var/lib/drover
listen: 127.0.0.1:8080
log: {level: warn, format: json}
endpoints:
  - id: frankfurt
    provider: aws-bedrock
    model: sonnet
    upstream_model: eu.anthropic.claude-sonnet-4-20250514-v1:0
    region: eu-central-1
    credentials: aws:default
    price_per_million: {input: 3, output: 15, cache_read: 0.3}
tools:
  - name: orders
    command: [/usr/bin/orders, --stdio]
    environment: {KEY: env:ORDERS_KEY}
    timeout: 20s
agents:
  - name: support
    models: [sonnet]
    tools: [orders]
)";

TEST(Config, ReadsAWholeFile) {
  ConfigOutcome outcome = parse_drover_yaml(kWhole);
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const Config& c = outcome.config;
  EXPECT_EQ(c.data, "/var/lib/drover");
  EXPECT_EQ(c.url(), "http://127.0.0.1:8080");
  ASSERT_EQ(c.endpoints.size(), 1u);
  EXPECT_EQ(c.endpoints[0].price.input.usd(), "0.000003");
  EXPECT_EQ(c.endpoints[0].price.cache_read->usd(), "0.0000003");
  ASSERT_EQ(c.tools.size(), 1u);
  EXPECT_EQ(c.tools[0].arguments, std::vector<std::string>{"--stdio"});
  EXPECT_EQ(c.tools[0].call_timeout, Duration(20s));
  EXPECT_EQ(c.agents.at("support").tools, std::vector<std::string>{"orders"});
}

// Others write LiteLLM's table: one row that cannot be read must not keep the server from starting.
TEST(Config, ARowOfAPriceTableThatCannotBeReadIsANote) {
  ReadFile table = [](const std::string& path) -> Result<std::string> {
    EXPECT_EQ(path, "litellm.json");
    return std::string(R"({
      "good": {"litellm_provider": "openai", "input_cost_per_token": 1e-06,
               "output_cost_per_token": 2e-06, "provider_specific_entry": {"fast": 2}},
      "bad": {"litellm_provider": "openai", "input_cost_per_token": 1.0000001e-06,
              "output_cost_per_token": 2e-06},
      "unused": {"litellm_provider": "openai", "input_cost_per_token": -1}})");
  };
  ConfigOutcome outcome = parse_config("drover.yaml", R"(
prices: litellm.json
endpoints:
  - {id: a, provider: openai, model: good, credentials: "env:A"}
  - {id: b, provider: openai, model: good, credentials: "env:B"}
  - {id: c, provider: openai, model: bad, credentials: "env:A"}
)",
                                       table);
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  ASSERT_EQ(outcome.config.endpoints.size(), 3u);
  EXPECT_TRUE(outcome.config.endpoints[0].price.known);
  EXPECT_FALSE(outcome.config.endpoints[2].price.known);
  ASSERT_EQ(outcome.config.notes.size(), 2u) << "of what is used, once";
  EXPECT_NE(outcome.config.notes[0].find("provider_specific_entry"), std::string::npos);
  EXPECT_NE(outcome.config.notes[1].find("'bad': no price"), std::string::npos);
}

TEST(Config, DeadlinesRetriesAndAccounts) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
deadlines: {connect: 1s, first_token: 9s, total: 2m, drain: 3s}
retries: {attempts: 3, ratio: 0.1, burst: 4}
hedging: {after: 1500ms}
endpoints:
  - id: a
    provider: openai
    model: m
    credentials: [env:ONE, env:TWO]
    deadlines: {first_token: 30s, total: 50s}
  - {id: b, provider: openai, model: m, credentials: env:ONE}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const Config& c = outcome.config;
  EXPECT_EQ(c.road.call_timeout, Duration(2min));
  EXPECT_EQ(c.road.drain_timeout, Duration(3s));
  EXPECT_EQ(c.road.attempts_max, 3);
  EXPECT_EQ(c.road.retries.ratio, 0.1);
  EXPECT_EQ(c.road.retries.per_second, 1);
  EXPECT_EQ(c.road.hedge_after, Duration(1500ms));
  ASSERT_EQ(c.endpoints.size(), 3u);
  EXPECT_EQ(c.endpoints[0].id, "a");
  EXPECT_EQ(c.endpoints[1].id, "a#2");
  EXPECT_EQ(c.endpoints[1].site, "a");
  EXPECT_EQ(c.endpoints[1].credentials.source, "env:TWO");
  EXPECT_EQ(c.endpoints[0].deadlines.first_token, Duration(30s));
  EXPECT_EQ(c.endpoints[0].deadlines.connect, Duration(1s));
  EXPECT_EQ(c.endpoints[0].deadlines.total, Duration(50s));
  EXPECT_EQ(c.endpoints[2].deadlines.first_token, Duration(9s));
  EXPECT_FALSE(c.endpoints[2].deadlines.total) << "the call's is no attempt's";
  EXPECT_TRUE(c.endpoints[2].site.empty());
}

class ConfigFaults : public testing::TestWithParam<Wrong> {};

TEST_P(ConfigFaults, AreToldWithTheirLine) { expect_told(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    All, ConfigFaults,
    testing::Values(
        Wrong{"listen: 127.0.0.1:1\nendpoint: []\n", 2, "unknown setting 'endpoint'"},
        Wrong{"listen: 127.0.0.1:1\npolcy:\n  floor: {sensitivity: internal}\n", 2,
              "unknown setting 'polcy'"},
        Wrong{"listen: 0.0.0.0:7070\n", 1, "needs TLS"},
        Wrong{"listen: here\n", 1, "not an address"},
        Wrong{"low_latency: sometimes\n", 1, "low_latency"},
        Wrong{"endpoints:\n  - model: m\n", 2, "'provider' is missing"},
        Wrong{"endpoints:\n  - {model: m, provider: openai,\n     credentials: sk-123}\n", 3,
              "must not stand in the file"},
        Wrong{
            "endpoints:\n  - {model: m, provider: p, id: x}\n  - {model: n, provider: p, id: x}\n",
            3, "two endpoints have the id 'x'"},
        Wrong{"endpoints:\n  - model: m\n    provider: p\n    price: {input: cheap, output: 1}\n",
              4, "not an amount"},
        Wrong{"tools:\n  - name: t\n", 2, "either 'command' or 'url'"},
        Wrong{"tools:\n  - name: t\n    url: https://t.example\n    read_only: lookup\n", 4,
              "'read_only' must be a list of tools"},
        Wrong{"tools:\n  - name: t\n    url: https://t.example\n    batch:\n      a: {tool: b}\n",
              5, "a batch needs 'items'"},
        Wrong{"tools:\n  - name: t\n    http: https://t.example\n    tools: [{name: a}]\n"
              "    batch:\n      a: {tool: b, items: c}\n",
              6, "has no tool named 'b'"},
        Wrong{"agents:\n  - name: a\n    models: [none]\n", 2, "which no endpoint offers"},
        Wrong{"agents: [missing.yaml]\n", 1, "missing.yaml"},
        Wrong{"agents:\n  - name: a\n    model: m\n    instructons: typo\n", 2, "'instructons'"},
        Wrong{"deadlines:\n  connect: soon\n", 2, "must be a time"},
        Wrong{"deadlines: {drains: 3s}\n", 1, "unknown setting 'drains'"},
        Wrong{"retries: {attempts: 0}\n", 1, "from 1 to 6"},
        Wrong{"endpoints:\n  - model: m\n    provider: p\n    deadlines: {drain: 1s}\n", 4,
              "unknown setting 'drain'"},
        Wrong{"log: {level: loud}\n", 1, "not a log level"}, Wrong{"a: [1\n", 2, ""},
        Wrong{"- a\n- b\n", 1, "must be a mapping"}));

TEST(Config, WhatIsEmptyIsToldForItCountsAsNotGiven) {
  ConfigOutcome outcome = parse_drover_yaml(
      "data:\nlog: {level: }\nendpoints:\n  - {id: a, provider: openai, model: m}\n"
      "  - id: b\n    provider: openai\n    model: m\n    region:\n    zone: \"\"\n");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const std::vector<std::string> expected = {"line 1: 'data' is empty, and counts as not given",
                                             "line 2: 'level' is empty, and counts as not given",
                                             "line 8: 'region' is empty, and counts as not given"};
  EXPECT_EQ(outcome.config.notes, expected);
  EXPECT_EQ(outcome.config.data, "drover-data");
}

TEST(Config, ReportsEveryFaultNotJustTheFirst) {
  ConfigOutcome outcome = parse_drover_yaml("listen: x\nlog: {level: y}\nzzz: 1\n");
  EXPECT_EQ(outcome.faults.size(), 3u);
}

TEST(Config, SecretsAreReferencesAndTheirValuesStayOutOfErrors) {
  setenv("DROVER_TEST_SECRET", "canary-value", 1);
  EXPECT_EQ(*resolve_secret("env:DROVER_TEST_SECRET", no_files), "canary-value");
  setenv("DROVER_TEST_SECRET", " ", 1);
  EXPECT_EQ(*resolve_reference("env:DROVER_TEST_SECRET", no_files), " ");
  EXPECT_EQ(resolve_secret("env:DROVER_TEST_SECRET", no_files).error().message,
            "the environment variable DROVER_TEST_SECRET is empty");
  auto blank_file = [](const std::string&) { return Result<std::string>("\n"); };
  EXPECT_EQ(resolve_secret("file:key", blank_file).error().message, "the file key is empty");
  EXPECT_EQ(*resolve_secret("", no_files), "") << "one that is not named is none";
  unsetenv("DROVER_TEST_SECRET");
  auto missing = resolve_secret("env:DROVER_TEST_SECRET", no_files);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "the environment variable DROVER_TEST_SECRET is not set");
}

}  // namespace
}  // namespace drover::app
