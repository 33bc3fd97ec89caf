#include "app/demo/clouds.h"

#include "catalog/processing_scope.h"

namespace drover::app {
namespace {

Money per_million(const std::string& dollars) {
  auto money = Money::parse_usd(dollars + "e-6");
  DROVER_ASSERT(money.has_value());
  return *money;
}

}  // namespace

std::string provider_of(sim::CloudKind kind) {
  switch (kind) {
    case sim::CloudKind::kAws:
      return "aws-bedrock";
    case sim::CloudKind::kAzure:
      return "azure-openai";
    case sim::CloudKind::kCoreWeave:
      return "coreweave";
    case sim::CloudKind::kOpenAi:
      return "openai";
  }
  return "openai";
}

std::string cloud_title(sim::CloudKind kind) {
  switch (kind) {
    case sim::CloudKind::kAws:
      return "AWS";
    case sim::CloudKind::kAzure:
      return "Azure";
    case sim::CloudKind::kCoreWeave:
      return "CoreWeave";
    case sim::CloudKind::kOpenAi:
      return "OpenAI";
  }
  return "";
}

std::vector<catalog::Endpoint> DemoClouds::endpoints(const DemoEndpoint& wanted) {
  std::vector<catalog::Endpoint> out;
  sim::SimCloud& where = cloud(wanted.cloud);
  for (const sim::SimCloud::Place& place : where.places()) {
    catalog::Endpoint e;
    e.provider = provider_of(wanted.cloud);
    e.id = where.name() + "/" + place.region + "/" + wanted.model;
    if (!wanted.dialect.empty()) e.id += "/" + wanted.dialect;
    e.model = wanted.model;
    e.upstream_model = wanted.upstream_model;
    e.region = place.region;
    e.base_url = place.url;
    e.dialect = wanted.dialect;
    if (wanted.cloud == sim::CloudKind::kAws) {
      e.credentials.source = "aws:default";
    } else if (wanted.cloud == sim::CloudKind::kAzure) {
      e.credentials.source = "env:DEMO_AZURE_KEY";
      e.deployment = wanted.upstream_model;
      e.api_version = "2024-10-21";
    } else {
      e.credentials.source = "env:DEMO_BEARER_" + where.name();
      e.base_url += "/v1";
    }
    // What the starter catalog knows of the region.
    const catalog::Places& places = catalog::Places::starter();
    const catalog::Place* known = places.find(e.provider, e.region);
    if (wanted.cloud == sim::CloudKind::kCoreWeave) known = places.find("coreweave/US-EAST-04");
    if (known != nullptr) {
      e.facts = known->facts;
      e.zone = std::string(e.facts.text("zone"));
    }
    // Azure's deployments are of the kind Standard here: they stay in their region.
    bool standard = wanted.cloud == sim::CloudKind::kAzure;
    std::string scope = standard ? e.zone : catalog::processing_scope(e);
    if (!scope.empty()) {
      Result<void> set = e.facts.set(catalog::Fact{"processing_scope", scope, "", ""});
      DROVER_ASSERT(set.has_value());
    }
    if (!wanted.price_input.empty()) {
      e.price.input = per_million(wanted.price_input);
      e.price.output = per_million(wanted.price_output);
      if (!wanted.price_cached.empty()) e.price.cache_read = per_million(wanted.price_cached);
      e.price.known = true;
    }
    out.push_back(std::move(e));
  }
  return out;
}

std::map<std::string, std::string> DemoClouds::secrets() {
  std::map<std::string, std::string> out;
  for (sim::CloudKind kind : {sim::CloudKind::kAws, sim::CloudKind::kAzure,
                              sim::CloudKind::kCoreWeave, sim::CloudKind::kOpenAi}) {
    sim::SimCloud* found = clouds_.find(kind);
    if (found == nullptr) continue;
    const sim::SimCredentials& c = found->options().credentials;
    if (!c.access_keys.empty()) {
      out["AWS_ACCESS_KEY_ID"] = c.access_keys.front().id;
      out["AWS_SECRET_ACCESS_KEY"] = c.access_keys.front().secret;
      if (!c.access_keys.front().session_token.empty()) {
        out["AWS_SESSION_TOKEN"] = c.access_keys.front().session_token;
      }
    }
    if (!c.api_keys.empty()) out["DEMO_AZURE_KEY"] = c.api_keys.front();
    if (!c.bearer_tokens.empty()) {
      out["DEMO_BEARER_" + found->name()] = c.bearer_tokens.front();
    }
  }
  return out;
}

tools::ToolServer own_tool_server(std::string name, std::vector<std::string> arguments) {
  tools::ToolServer server;
  server.name = std::move(name);
  server.command = "/proc/self/exe";
  server.arguments.push_back("sim");
  for (std::string& a : arguments) server.arguments.push_back(std::move(a));
  return server;
}

}  // namespace drover::app
