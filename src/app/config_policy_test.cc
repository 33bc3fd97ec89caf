#include "app/config_policy.h"

#include "app/config_test_util.h"
#include "policy/cedar.h"

namespace drover::app {
namespace {

constexpr const char* kOwnPlaces = R"(source: our audit
date: 2026-10-01
places:
  - id: cellar
    providers: [vllm]
    region: cellar
    facts: {zone: de-by, prompt_cache: de-by}
)";

constexpr std::string_view kWholePolicy = R"(
here: {region: eu-central-1, zone: de, cleared_for: restricted}
catalog: [own.yaml]
placement: {prefer: cheapest, low_risk: fastest}
policy:
  zones:
    - {name: de-by, within: [de], title: Bavaria}
  classes:
    patient: {residency: de, sensitivity: confidential, retention: session}
  floor: sensitivity=internal
  tenants: {ten_clinic: patient}
  requirements:
    - {name: c5, when: {sensitivity: confidential}, for: model, needs: {certifications: c5}}
endpoints:
  - {id: a, provider: aws-bedrock, model: m, region: eu-central-1, facts: {retention: none}}
  - {id: b, provider: aws-bedrock, model: m, region: eu-central-1, upstream_model: eu.anthropic.x}
  - {id: c, provider: vllm, model: m, region: cellar, base_url: "http://127.0.0.1:1/v1"}
  - {id: d, provider: openai, model: m}
  - {id: e, provider: openai, model: m, place: cellar, zone: de}
tools:
  - {name: files, command: [files], facts: {zone: de}, data: patient}
planners:
  - {origin: "http://127.0.0.1:9000", facts: {zone: de}}
agents:
  - {name: ward, models: [m], tools: [files], data: patient}
)";

TEST(ConfigStores, StandInTheirFaultDomainsBesideTheOwn) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
data: here
here: {zone: de}
stores:
  - {name: fra, data: scratch/fra, place: aws/eu-central-1, facts: {fault_domain: fra-a}}
  - {name: cellar, data: /mnt/cellar, facts: {fault_domain: cellar, zone: de}}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const Config& c = outcome.config;
  ASSERT_EQ(c.road.stores.size(), 3u);
  EXPECT_EQ(c.road.stores[0].name, "fra");
  EXPECT_EQ(c.road.stores[0].facts.text("country"), "de") << "of its place";
  EXPECT_EQ(c.road.stores[0].facts.text("fault_domain"), "fra-a");
  EXPECT_EQ(c.road.stores[2].name, road::kOwnStore);
  EXPECT_EQ(c.road.stores[2].facts.text("zone"), "de");
  EXPECT_EQ(c.store_folders.at("fra"), "scratch/fra");
  EXPECT_EQ(c.store_folders.at("cellar"), "/mnt/cellar");
  EXPECT_EQ(c.things.at("cellar").kind, policy::ThingKind::kStore);
  EXPECT_TRUE(parse_drover_yaml("data: here\n").config.road.stores.empty());
}

TEST(ConfigStores, EachFaultIsToldWithItsLine) {
  ConfigOutcome outcome = parse_drover_yaml(R"(data: here
stores:
  - {data: a, facts: {fault_domain: x}}
  - {name: nowhere, facts: {fault_domain: x}}
  - {name: own, data: here, facts: {fault_domain: x}}
  - {name: bare, data: b}
  - {name: twice, data: c, facts: {fault_domain: x}}
  - {name: twice, data: d, facts: {fault_domain: x}}
  - {name: same, data: c, facts: {fault_domain: x}}
  - {name: wrong, data: e, facts: {fault_domain: x, egress_usd_per_gb: free}}
  - {name: lost, data: f, place: mars/1, facts: {fault_domain: x}}
  - {name: zoned, data: h, facts: {fault_domain: x}, zone: de}
  - {name: this server, data: g, facts: {fault_domain: x}}
)");
  std::string all;
  for (const ConfigFault& f : outcome.faults) all += f.to_string() + "\n";
  for (const char* said : {":3: a store needs a name", ":4: the store 'nowhere' needs a folder",
                           ":5: 'here' is this server's own data folder",
                           ":6: the fault domain of the store 'bare' is not stated",
                           ":8: two stores are named 'twice'", ":9: 'twice' has the same folder",
                           ":10: fact 'egress_usd_per_gb' must be",
                           ":11: there is no place 'mars/1'", ":12: unknown setting 'zone'",
                           ":13: 'this server' is what this server's own store is called"}) {
    EXPECT_NE(all.find(said), std::string::npos) << said << "\n" << all;
  }
}

TEST(ConfigPolicy, WhatIsProbablyASlipIsANote) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
here: {region: eu-cental-1}
policy:
  requirements:
    - {name: parent, when: {purpose: [caer, care, billing]}, needs: {jurisdiction: eu}}
endpoints:
  - {id: a, provider: aws-bedrock, model: m, region: eu-cental-1, credentials: ["env:A", "env:B"]}
  - {id: b, provider: aws-bedrock, model: m, region: mars-1, facts: {purposes: [care, any]}}
  - {id: c, provider: aws-bedrock, model: m, region: mars-2, facts: {zone: de}}
  - {id: d, provider: vllm, model: m, region: us-east-04, base_url: "http://127.0.0.1:1/v1"}
  - {id: e, provider: vllm, model: m, region: cellar, base_url: "http://127.0.0.1:1/v1", zone: de}
  - {id: f, provider: aws-bedrock, model: m, region: eu-central-1}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const std::string unknown = ", so nothing is known of its place";
  const std::string unnamed = ", which no class, endpoint, store or tool names";
  const std::vector<std::string> expected = {
      "endpoint 'a': no catalog has the region 'eu-cental-1' of aws-bedrock" + unknown +
          ": did you mean 'eu-central-1'?",
      "endpoint 'b': no catalog has the region 'mars-1' of aws-bedrock" + unknown,
      "endpoint 'd': no catalog has the region 'us-east-04' of vllm" + unknown +
          ": did you mean 'US-EAST-04'?",
      "here: no catalog has the region 'eu-cental-1': did you mean 'eu-central-1'?",
      "requirement 'parent' is for the purpose 'caer'" + unnamed + ": did you mean 'care'?",
      "requirement 'parent' is for the purpose 'billing'" + unnamed};
  EXPECT_EQ(outcome.config.notes, expected);
}

TEST(ConfigPolicy, APurposeThatIsServedAndLooksLikeAnotherThatDataIsForIsANote) {
  const ConfigOutcome outcome = parse_drover_yaml(R"(
here: {purposes: [care]}
policy:
  classes: {patient: {purpose: care}}
  requirements:
    - {name: parent, when: {purpose: billing}, needs: {jurisdiction: eu}}
endpoints:
  - {id: a, provider: openai, model: m, facts: {purposes: [caer, billing, any]}}
  - {id: b, provider: openai, model: m, facts: {purposes: [caer]}}
  - {id: c, provider: openai, model: m, facts: {purposes: research}}
tools:
  - {name: files, command: [files], facts: {purposes: [cares]}}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const std::string unnamed = ": no class, agent or requirement names the purpose ";
  const std::vector<std::string> expected = {
      "endpoint 'a'" + unnamed + "'caer': did you mean 'care'?",
      "'files'" + unnamed + "'cares': did you mean 'care'?"};
  EXPECT_EQ(outcome.config.notes, expected);
  EXPECT_TRUE(parse_drover_yaml(R"(
endpoints:
  - {id: a, provider: openai, model: m, facts: {purposes: [care]}}
)")
                  .config.notes.empty())
      << "callers may state it";
}

TEST(ConfigPolicy, ReadsPlacesPolicyAndFacts) {
  ConfigOutcome outcome = parse_drover_yaml(kWholePolicy, {{"own.yaml", kOwnPlaces}});
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const Config& c = outcome.config;
  EXPECT_EQ(c.road.here, "eu-central-1");
  EXPECT_EQ(c.road.preference, road::Preference::kCheapest);
  EXPECT_EQ(c.road.low_risk, road::Preference::kFastest);
  EXPECT_EQ(c.things.at(road::kOwnStore).facts.text("zone"), "de");
  EXPECT_EQ(c.things.at("files").data_class, "patient");
  EXPECT_EQ(c.things.at("http://127.0.0.1:9000").facts.text("zone"), "de");
  EXPECT_EQ(c.policy->requirements().size(), 1u);
  EXPECT_EQ(c.policy->effective("ten_clinic", {}).text(),
            "residency=de;sensitivity=confidential;retention=session");
  EXPECT_EQ(c.policy->effective("ten_x", {}).text(), "sensitivity=internal");
  ASSERT_EQ(c.endpoints.size(), 5u);
  const auto& e = c.endpoints;
  EXPECT_EQ(e[0].facts.text("zone"), "de");
  EXPECT_EQ(e[0].facts.text("retention"), "none");
  EXPECT_EQ(e[0].facts.find("retention")->source, "operator");
  EXPECT_EQ(e[0].partition, "aws");
  EXPECT_EQ(e[1].facts.text("processing_scope"), "eu") << "an inference profile leaves its region";
  EXPECT_EQ(e[0].facts.find("processing_scope"), nullptr);
  EXPECT_EQ(e[2].facts.text("zone"), "de-by");
  EXPECT_TRUE(e[3].facts.empty());
  EXPECT_EQ(e[4].facts.text("zone"), "de") << "what stands at the endpoint wins";
  EXPECT_EQ(e[4].facts.text("prompt_cache"), "de-by");
}

TEST(ConfigPolicy, AnEndpointThatMayLeaveItsRegionIsNoPlaceForBoundData) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
endpoints:
  - {id: a, provider: aws-bedrock, model: "us.amazon.nova-pro-v1:0", region: eu-central-1}
  - {id: b, provider: aws-bedrock, model: m, region: eu-central-1, upstream_model: xx.amazon.x}
  - {id: c, provider: azure-openai, model: m, deployment: m, region: germanywestcentral}
  - {id: d, provider: aws-bedrock, model: "eu.amazon.nova-pro-v1:0", region: eu-central-1}
  - {id: e, provider: aws-bedrock, model: amazon.nova-pro-v1:0, region: eu-central-1}
  - id: f
    provider: azure-openai
    model: m
    deployment: m
    region: germanywestcentral
    facts: {processing_scope: de}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  ASSERT_EQ(outcome.config.endpoints.size(), 6u);
  std::vector<std::string> scopes;
  for (const catalog::Endpoint& e : outcome.config.endpoints) {
    EXPECT_EQ(e.facts.text("zone"), "de") << e.id;
    scopes.emplace_back(e.facts.text("processing_scope"));
  }
  EXPECT_EQ(scopes, (std::vector<std::string>{"us", "not stated", "not stated", "eu", "", "de"}));
}

TEST(ConfigPolicy, AnEndpointIsNotAtAPlaceOfAnotherRegion) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
endpoints:
  - {id: a, provider: aws-bedrock, model: m, region: us-east-1, place: aws/eu-central-1}
  - {id: b, provider: aws-bedrock, model: m, region: eu-central-1, place: aws/eu-central-1}
)");
  ASSERT_EQ(outcome.faults.size(), 1u);
  EXPECT_NE(outcome.faults[0].to_string().find(
                ":3: 'aws/eu-central-1' is in the region 'eu-central-1', and the endpoint's is "
                "'us-east-1'"),
            std::string::npos)
      << outcome.faults[0].to_string();
}

TEST(ConfigPolicy, ReadsAnExternalAuthoriserAndWhereWorkersAre) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
policy:
  opa: {url: "http://127.0.0.1:8181/v1/data/drover/allow", timeout: 500ms, token: env:OPA_TOKEN}
planners:
  - {queue: wards, facts: {zone: de}, data: sensitivity=internal}
  - {origin: "HTTP://Plans.test:80/", data: sensitivity=internal}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  ASSERT_TRUE(outcome.config.opa);
  EXPECT_EQ(outcome.config.opa->timeout, 500ms);
  EXPECT_EQ(outcome.config.opa->keep, 60s);
  EXPECT_EQ(outcome.config.opa->token, "env:OPA_TOKEN") << "resolved when it is used";
  EXPECT_EQ(outcome.config.things.at("queue:wards").facts.text("zone"), "de");
  EXPECT_EQ(outcome.config.things.at("queue:wards").data_class, "sensitivity=internal");
  EXPECT_EQ(outcome.config.things.at("http://plans.test").data_class, "sensitivity=internal")
      << "however its origin is spelt";
  EXPECT_EQ(outcome.config.planners.size(), 1u) << "nobody is asked at a queue";
}

TEST(ConfigPolicy, AFaultInItAddsNoneForThoseWhoNameItsClassesAndZones) {
  ConfigOutcome outcome = parse_drover_yaml(R"(
here: {zone: clinic}
policy:
  zones: [{name: clinic, within: [de]}]
  classes: {patient: {sensitivity: confidential}}
  cedar: missing.cedar
endpoints:
  - {provider: openai, model: m, facts: {zone: clinic}}
tools:
  - {name: t, command: [t], data: patient}
agents:
  - {name: a, models: [m], data: patient}
  - {name: b, models: [m], data: patient}
)");
  ASSERT_EQ(outcome.faults.size(), 1u) << outcome.faults.back().to_string();
  EXPECT_NE(outcome.faults[0].to_string().find("missing.cedar"), std::string::npos);
  ASSERT_NE(outcome.config.policy, nullptr);
}

TEST(ConfigPolicy, EveryFaultyClassIsToldAndNoneForThoseWhoNameIt) {
  ConfigOutcome outcome = parse_drover_yaml(R"(policy:
  classes:
    patient:
      residency: dee
      sensitivity: secret
    guest:
      retention: 10 days
  floor: patient
  tenants: {clinic: guest}
)");
  ASSERT_EQ(outcome.faults.size(), 3u);
  std::vector<int> lines;
  for (const ConfigFault& f : outcome.faults) lines.push_back(f.line);
  EXPECT_EQ(lines, (std::vector<int>{5, 7, 4}));
}

TEST(ConfigPolicy, EachFaultOfAFileOfRulesIsOneOfItsOwn) {
  if (!policy::cedar_built_in()) GTEST_SKIP() << "cargo: this build has no Cedar engine";
  const ConfigOutcome outcome =
      parse_drover_yaml("policy:\n  cedar: rules.cedar\n",
                        {{"rules.cedar",
                          "permit(principal, action, resource);\n"
                          "forbid(principal == Tenant::\"clinic\", action, resource);\n"
                          "forbid(principal, action == Action::\"use\", resource);\n"}});
  ASSERT_EQ(outcome.faults.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    const std::string told = outcome.faults[static_cast<size_t>(i)].to_string();
    EXPECT_TRUE(told.starts_with("drover.yaml:2: rules.cedar:" + std::to_string(2 + i) + ":"))
        << told;
  }
}

class PolicyFaults : public testing::TestWithParam<Wrong> {};

TEST_P(PolicyFaults, AreToldWithTheirLine) { expect_told(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    All, PolicyFaults,
    testing::Values(
        Wrong{"here: {zone: 7}", 1, "fact 'zone' must be a word"},
        Wrong{"here: {zone: nowhere}", 1, "zone is 'nowhere', and there is no such zone"},
        Wrong{"endpoints:\n  - {provider: openai, model: m, facts: {prompt_cache: atlantis}}", 2,
              "prompt_cache is 'atlantis'"},
        Wrong{"tools:\n  - {name: t, command: [t], facts: {zone: atlantis}}", 2,
              "zone is 'atlantis'"},
        Wrong{"policy:\n  requirements:\n    - {name: a, needs: {attestation: sgx, max_age: 1h}}",
              3, "no such kind of evidence: sgx"},
        Wrong{"catalog: [missing.yaml]", 1, "missing.yaml"},
        Wrong{"placement:\n  prefer: prettiest", 2, "no preference"},
        Wrong{"policy:\n  colour: red", 2, "unknown setting 'colour'"},
        Wrong{"policy:\n  zones:\n    - {name: a, within: [nowhere]}", 3, "does not exist"},
        Wrong{"policy:\n  zones:\n    - {name: a, within: [b]}\n    - {name: b, within: [a]}", 4,
              "lies within itself"},
        Wrong{"policy:\n  zones:\n    - {name: a, within: [b]}\n    - {name: de, within: [eu]}\n"
              "    - {name: b, within: [eu]}",
              4, "two zones are called 'de'"},
        Wrong{"policy:\n  classes:\n    patient: {sensitivity: secret}", 3, "'secret' is unknown"},
        Wrong{"policy:\n  classes:\n    patient:\n      purpose: care\n      sensitivity: secret",
              5, "class 'patient': data class: sensitivity 'secret' is unknown"},
        Wrong{"policy:\n  classes:\n    patient:\n      purpose: care\n      retention: 10 days", 5,
              "class 'patient': data class: retention '10 days'"},
        Wrong{"policy:\n  classes:\n    patient:\n      purpose: care\n      usage: [no-trainning]",
              5, "class 'patient': data class: usage 'no-trainning' is unknown"},
        Wrong{"policy:\n  zones:\n    - {name: x, within: [de]}\n  classes:\n    patient:\n"
              "      purpose: care\n      residency: dee",
              7, "class 'patient': there is no zone 'dee'"},
        Wrong{"policy:\n  classes:\n    patient: {residency: atlantis}", 3, "no zone 'atlantis'"},
        Wrong{
            "policy:\n  zones:\n    - {name: x, within: [de]}\n  floor: internal", 4,
            "floor: there is no data class 'internal' (none is defined) (a level is {sensitivity: "
            "internal})"},
        Wrong{"policy:\n  zones:\n    - {name: x, within: [de]}\n  tenants:\n    clinic: guest", 5,
              "tenant 'clinic': there is no data class 'guest'"},
        Wrong{"here:\n  region: muc-1\n  zone: atlantis", 3, "zone is 'atlantis'"},
        Wrong{"endpoints:\n  - provider: openai\n    model: m\n    facts:\n      retention: none\n"
              "      cleared_for: secret",
              6, "fact 'cleared_for' must be"},
        Wrong{"endpoints:\n  - provider: openai\n    model: m\n    facts:\n      retention: none\n"
              "      zone: atlantis",
              6, "zone is 'atlantis'"},
        Wrong{"policy:\n  requirements:\n    - {name: a, needs: {sovereignty: 2}}\n"
              "    - {name: b, needs: {colour: red}}",
              4, "unknown setting 'colour' in needs"},
        Wrong{"policy:\n  floor: patient", 2, "no data class 'patient'"},
        // What has the wrong type is never passed over: a rule would be gone without a word.
        Wrong{"policy:\n  cedar: [rules.cedar]", 2, "cedar must be a text"},
        Wrong{"policy:\n  cedar: {file: rules.cedar}", 2, "cedar must be a text"},
        Wrong{"policy:\n  zones: {name: a}", 2, "zones must be a list"},
        Wrong{"policy:\n  zones:\n    - {name: [a]}", 3, "name must be a text"},
        Wrong{"policy:\n  zones:\n    - {name: a, within: {de: eu}}", 3, "a list of zones"},
        Wrong{"policy:\n  zones:\n    - {name: a, within: [de, [eu]]}", 3, "a list of zones"},
        Wrong{"policy:\n  opa: {url: [\"http://h/v1/data/a\"]}", 2, "url must be a text"},
        Wrong{"policy:\n  opa:\n    url: http://h/v1/data/a\n    keep: [60s]", 4,
              "keep must be a text"},
        Wrong{"policy:\n  opa:\n    url: http://h/v1/data/a\n    token: {env: T}", 4,
              "token must be a text"},
        Wrong{"policy:\n  opa:\n    url: http://h/v1/data/a\n    ca_file: [a.pem]", 4,
              "ca_file must be a text"},
        Wrong{"stores:\n  - {name: [a], data: a}", 2, "name must be a text"},
        Wrong{"stores:\n  - {name: a, data: [a], facts: {fault_domain: x}}", 2,
              "data must be a text"},
        Wrong{"stores:\n  - {name: a, data: a, place: [mars], facts: {fault_domain: x}}", 2,
              "place must be a text"},
        Wrong{"endpoints:\n  - {provider: openai, model: m, place: [mars]}", 2,
              "place must be a text"},
        Wrong{"endpoints:\n  - {provider: openai, model: m, options: [a]}", 2,
              "options must be a mapping"},
        Wrong{"planners:\n  - {queue: [q], origin: \"http://h\"}", 2, "queue must be text"},
        Wrong{"tools:\n  - {name: t, command: [t], data: [patient]}", 2, "must be a text or an"},
        Wrong{"placement: {low_risk: [fastest]}", 1, "no preference"},
        Wrong{"endpoints:\n  - {provider: openai, model: m, facts: {colour: red}}", 2,
              "no fact 'colour'"},
        Wrong{"endpoints:\n  - {provider: openai, model: m, place: mars}", 2, "no place 'mars'"},
        Wrong{"tools:\n  - {name: t, command: [t], data: guest}", 2, "no data class 'guest'"},
        Wrong{"policy:\n  opa: {url: \"http://127.0.0.1:8181/allow\"}", 2, "OPA's data API"},
        Wrong{"policy:\n  opa:\n    url: http://h/v1/data/a\n    token: secret", 4,
              "does not stand in this file"},
        Wrong{"policy:\n  opa:\n    url: http://h/v1/data/a\n    keep: 1ms", 4, "no time"},
        Wrong{"planners:\n  - {queue: q, origin: \"http://h\"}", 2, "a queue or an origin"},
        Wrong{"endpoints:\n  - {provider: openai, model: m}\nagents:\n"
              "  - {name: a, models: [m], data: guest}",
              4, "no data class 'guest'"}));

}  // namespace
}  // namespace drover::app
