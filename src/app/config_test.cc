#include "app/config.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace drover::app {
namespace {

Result<std::string> no_files(const std::string& path) {
  return fail(Code::kNotFound, path + ": no such file");
}

ConfigOutcome parse(std::string_view text) { return parse_config("drover.yaml", text, no_files); }

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
  ConfigOutcome outcome = parse(kWhole);
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
  ConfigOutcome outcome = parse(R"(
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

struct Bad {
  std::string_view text;
  int line;
  std::string_view says;
};

class ConfigFaults : public testing::TestWithParam<Bad> {};

TEST_P(ConfigFaults, NamesLineAndRemedy) {
  ConfigOutcome outcome = parse(GetParam().text);
  ASSERT_FALSE(outcome.faults.empty());
  const ConfigFault& f = outcome.faults.front();
  EXPECT_EQ(f.line, GetParam().line) << f.to_string();
  EXPECT_NE(f.to_string().find(GetParam().says), std::string::npos) << f.to_string();
}

INSTANTIATE_TEST_SUITE_P(
    All, ConfigFaults,
    testing::Values(
        Bad{"listen: 127.0.0.1:1\nendpoint: []\n", 2, "unknown setting 'endpoint'"},
        Bad{"listen: 127.0.0.1:1\npolcy:\n  floor: {sensitivity: internal}\n", 2,
            "unknown setting 'polcy'"},
        Bad{"listen: 0.0.0.0:7070\n", 1, "needs TLS"}, Bad{"listen: here\n", 1, "not an address"},
        Bad{"endpoints:\n  - model: m\n", 2, "'provider' is missing"},
        Bad{"endpoints:\n  - {model: m, provider: openai,\n     credentials: sk-123}\n", 3,
            "must not stand in the file"},
        Bad{"endpoints:\n  - {model: m, provider: p, id: x}\n  - {model: n, provider: p, id: x}\n",
            3, "two endpoints have the id 'x'"},
        Bad{"endpoints:\n  - model: m\n    provider: p\n    price: {input: cheap, output: 1}\n", 4,
            "not an amount"},
        Bad{"tools:\n  - name: t\n", 2, "either 'command' or 'url'"},
        Bad{"tools:\n  - name: t\n    url: https://t.example\n    read_only: lookup\n", 4,
            "'read_only' must be a list of tools"},
        Bad{"tools:\n  - name: t\n    url: https://t.example\n    batch:\n      a: {tool: b}\n", 5,
            "a batch needs 'items'"},
        Bad{"tools:\n  - name: t\n    http: https://t.example\n    tools: [{name: a}]\n"
            "    batch:\n      a: {tool: b, items: c}\n",
            6, "has no tool named 'b'"},
        Bad{"agents:\n  - name: a\n    models: [none]\n", 2, "which no endpoint offers"},
        Bad{"agents: [missing.yaml]\n", 1, "missing.yaml"},
        Bad{"agents:\n  - name: a\n    model: m\n    instructons: typo\n", 2, "'instructons'"},
        Bad{"deadlines:\n  connect: soon\n", 2, "must be a time"},
        Bad{"deadlines: {drains: 3s}\n", 1, "unknown setting 'drains'"},
        Bad{"retries: {attempts: 0}\n", 1, "from 1 to 6"},
        Bad{"endpoints:\n  - model: m\n    provider: p\n    deadlines: {drain: 1s}\n", 4,
            "unknown setting 'drain'"},
        Bad{"log: {level: loud}\n", 1, "not a log level"}, Bad{"a: [1\n", 2, ""},
        Bad{"- a\n- b\n", 1, "must be a mapping"}));

TEST(Config, ReportsEveryFaultNotJustTheFirst) {
  ConfigOutcome outcome = parse("listen: x\nlog: {level: y}\nzzz: 1\n");
  EXPECT_EQ(outcome.faults.size(), 3u);
}

TEST(Config, SecretsAreReferencesAndTheirValuesStayOutOfErrors) {
  setenv("DROVER_TEST_SECRET", "canary-value", 1);
  EXPECT_EQ(*resolve_secret("env:DROVER_TEST_SECRET", no_files), "canary-value");
  unsetenv("DROVER_TEST_SECRET");
  auto missing = resolve_secret("env:DROVER_TEST_SECRET", no_files);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "the environment variable DROVER_TEST_SECRET is not set");
}

}  // namespace
}  // namespace drover::app
