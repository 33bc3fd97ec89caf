#include "app/unset_variables.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

TEST(UnsetVariables, EachIsToldOnceWithThoseThatNeedIt) {
  ConfigOutcome outcome = parse_config(
      "drover.yaml", R"(
policy:
  opa: {url: "http://127.0.0.1:8181/v1/data/drover/decision", token: "env:OPA"}
endpoints:
  - {id: a, provider: openai, model: m, credentials: ["env:NOPE", "env:SET"]}
  - {id: b, provider: openai, model: m, credentials: "env:NOPE"}
  - {id: c, provider: openai, model: m, credentials: "env:BLANK"}
  - {id: d, provider: openai, model: m, credentials: "file:key"}
  - {id: e, provider: aws-bedrock, model: m, region: eu-central-1, credentials: "aws:default"}
  - {id: f, provider: openai, model: m, credentials: "env:SET"}
tools:
  - {name: orders, url: "https://t.example", headers: {authorization: "env:TOKEN", x: plain}}
  - {name: files, command: [files], environment: {KEY: "env:TOKEN", BLANK: "env:BLANK"}}
  - {name: bills, url: "https://t.example", headers: {authorization: "env:EMPTY"}}
planners:
  - {origin: "http://127.0.0.1:9000", headers: {authorization: "env:PLAN"}}
)",
      [](const std::string& path) { return Result<std::string>(fail(Code::kNotFound, path)); });
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const std::vector<std::string> told =
      unset_variables(outcome.config, [](const std::string& name) -> std::optional<std::string> {
        if (name == "BLANK") return " ";
        if (name == "SET") return "secret";
        if (name == "EMPTY") return "";
        return std::nullopt;
      });
  const std::string unset = " is not set";
  const std::string stops = ": `drover serve` does not start";
  const std::vector<std::string> expected = {
      "the environment variable BLANK is empty: there is no key for the endpoint 'c'",
      "the environment variable NOPE" + unset + ": there is no key for the endpoints 'a', 'b'",
      "the environment variable EMPTY is empty, which the tool server bills needs" + stops,
      "the environment variable OPA" + unset + ", which policy.opa needs" + stops,
      "the environment variable PLAN" + unset + ", which the planner http://127.0.0.1:9000 needs" +
          stops,
      "the environment variable TOKEN" + unset +
          ", which the tool server orders, the tool server files need" + stops};
  EXPECT_EQ(told, expected);
}

TEST(UnsetVariables, AServerStartsWithoutAKeyAndNotWithoutAHeader) {
  const auto lacks = [](std::string_view text) {
    ConfigOutcome outcome = parse_config("drover.yaml", text, [](const std::string& path) {
      return Result<std::string>(fail(Code::kNotFound, path));
    });
    EXPECT_TRUE(outcome.faults.empty());
    return lacks_to_start(outcome.config, [](const std::string& name) {
      if (name == "EMPTY") return std::optional<std::string>("");
      return name == "SET" ? std::optional<std::string>("secret") : std::nullopt;
    });
  };
  EXPECT_FALSE(
      lacks("endpoints:\n  - {id: a, provider: openai, model: m, credentials: \"env:NOPE\"}\n"
            "tools:\n  - {name: t, url: \"https://t.example\", headers: {a: \"env:SET\"}}\n"));
  for (const char* name : {"NOPE", "EMPTY"}) {
    EXPECT_TRUE(lacks("tools:\n  - {name: t, url: \"https://t.example\", headers: {a: \"env:" +
                      std::string(name) + "\"}}\n"))
        << name;
  }
  EXPECT_FALSE(lacks("tools:\n  - {name: t, command: [t], environment: {A: \"env:EMPTY\"}}\n"))
      << "a program may be told by a variable that holds nothing";
}

}  // namespace
}  // namespace drover::app
