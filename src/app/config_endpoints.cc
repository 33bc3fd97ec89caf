// What drover.yaml says of model endpoints: where each is, its accounts and its price.

#include "app/config_attestation.h"
#include "app/config_policy.h"
#include "app/config_reader.h"

namespace drover::app {
namespace {

bool looks_like_reference(std::string_view text) {
  return text.starts_with("env:") || text.starts_with("file:") || text.starts_with("aws:");
}

}  // namespace

void ConfigReader::price(const Json& item, const std::string& at, catalog::Endpoint& e) {
  const Json* per_token = item.find("price");
  const Json* per_million = item.find("price_per_million");
  const Json* prices = per_million != nullptr ? per_million : per_token;
  if (prices == nullptr || prices->is_null()) return;
  std::string where = join(at, per_million != nullptr ? "price_per_million" : "price");
  if (!known(*prices, where,
             {"input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning"})) {
    return;
  }
  bool m = per_million != nullptr;
  auto input = dollars(*prices, where, "input", m);
  auto output = dollars(*prices, where, "output", m);
  if (!input || !output) {
    fault(where, "a price needs at least 'input' and 'output'");
    return;
  }
  e.price.input = *input;
  e.price.output = *output;
  e.price.cache_read = dollars(*prices, where, "cache_read", m);
  e.price.cache_write = dollars(*prices, where, "cache_write", m);
  e.price.cache_write_1h = dollars(*prices, where, "cache_write_1h", m);
  e.price.reasoning = dollars(*prices, where, "reasoning", m);
  e.price.known = true;
}

void ConfigReader::endpoint(const Json& item, const std::string& at) {
  if (!known(item, at,
             {"id",        "provider",       "model",         "upstream_model", "region",
              "partition", "zone",           "base_url",      "deployment",     "api_version",
              "dialect",   "credentials",    "ca_file",       "price",          "price_per_million",
              "pool",      "context_window", "output_tokens", "images",         "tools",
              "options",   "deadlines",      "attestation",   "facts",          "place"})) {
    return;
  }
  catalog::Endpoint e;
  e.model = required(item, at, "model", "the name that callers use");
  e.provider = required(item, at, "provider", "such as aws-bedrock, azure-openai or openai");
  e.id = text(item, at, "id", e.provider + "/" + e.model);
  for (const catalog::Endpoint& other : out_.config.endpoints) {
    if (other.id == e.id) {
      fault(at, "two endpoints have the id '" + e.id + "'", "give each an 'id' of its own");
    }
  }
  e.upstream_model = text(item, at, "upstream_model");
  e.region = text(item, at, "region");
  e.partition = text(item, at, "partition");
  e.zone = text(item, at, "zone");
  e.base_url = text(item, at, "base_url");
  e.deployment = text(item, at, "deployment");
  e.api_version = text(item, at, "api_version");
  e.dialect = text(item, at, "dialect");
  e.ca_file = relative_to(path_, text(item, at, "ca_file"));
  e.pool = text(item, at, "pool", "serverless");
  e.context_window = count(item, at, "context_window");
  e.output_tokens_max = count(item, at, "output_tokens");
  e.images = flag(item, at, "images", true);
  e.tools = flag(item, at, "tools", true);
  if (const Json* own = item.find("deadlines"); own != nullptr && !own->is_null()) {
    e.deadlines = read_endpoint_deadlines(*own, join(at, "deadlines"), tell());
  }
  inherit(deadlines_, e.deadlines);
  price(item, at, e);
  read_endpoint_facts(item, at, tell(), out_.config, e);
  e.options = references(item, at, "options");
  add_accounts(item, at, std::move(e));
}

void ConfigReader::add_accounts(const Json& item, const std::string& at, catalog::Endpoint e) {
  std::vector<std::string> sources = texts(item, at, "credentials");
  for (std::string& source : sources) {
    if (looks_like_reference(source) || source.empty()) continue;
    fault(join(at, "credentials"), "a secret must not stand in the file",
          "name where it is: env:NAME, file:PATH, aws:default or aws:profile=NAME");
    source.clear();
  }
  if (sources.empty()) sources.emplace_back();
  if (sources.size() > 1) e.site = e.id;
  for (size_t i = 0; i < sources.size(); ++i) {
    catalog::Endpoint account = e;
    if (i > 0) account.id += "#" + std::to_string(i + 1);
    account.credentials.source = sources[i];
    attestation(item, at, account);
    out_.config.endpoints.push_back(std::move(account));
  }
}

void ConfigReader::attestation(const Json& item, const std::string& at,
                               const catalog::Endpoint& e) {
  const Json* section = item.find("attestation");
  if (section == nullptr || section->is_null()) return;
  AttestationReader reader;
  reader.fault = [this](const std::string& where, std::string message, std::string remedy) {
    fault(where, std::move(message), std::move(remedy));
  };
  reader.path = [this](const std::string& path) { return relative_to(path_, path); };
  reader.read_file = read_file_;
  auto attested = reader.read(*section, join(at, "attestation"), e);
  if (attested) out_.config.attested.push_back(std::move(*attested));
}

}  // namespace drover::app
