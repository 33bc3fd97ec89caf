#include "sim/clouds.h"

#include <fmt/format.h>

#include "sim/echo_model.h"

namespace drover::sim {

namespace {

struct ModelName {
  const char* id;
  const char* version;
};

void add_models(const SimCloudsOptions& options, std::initializer_list<ModelName> names,
                SimCloudOptions& out) {
  std::shared_ptr<Model> source = options.source;
  if (source == nullptr) source = std::make_shared<EchoModel>();
  for (const ModelName& name : names) {
    SimModel model;
    model.id = name.id;
    model.version = name.version;
    model.source = source;
    model.latency = options.latency;
    out.models.push_back(std::move(model));
  }
  for (const std::string& id : options.extra_models) {
    SimModel model;
    model.id = id;
    model.source = source;
    model.latency = options.latency;
    out.models.push_back(std::move(model));
  }
}

void set_up_aws(SeededRandom& random, SimCloudOptions& out) {
  out.regions = {"us-east-1", "eu-central-1"};
  SimAccessKey key;
  key.id = "AKIA" + std::string("SIMULATED") + std::to_string(100 + random.below(900));
  key.secret = make_token(random, 40);
  out.credentials.access_keys.push_back(std::move(key));
  SimAccessKey session;
  session.id = "ASIA" + std::string("SIMULATED") + std::to_string(100 + random.below(900));
  session.secret = make_token(random, 40);
  session.session_token = make_token(random, 120);
  out.credentials.access_keys.push_back(std::move(session));
  out.credentials.bearer_tokens.push_back("ABSK" + make_token(random, 44));
}

void set_up_azure(SeededRandom& random, SimCloudOptions& out) {
  out.regions = {"eastus2", "swedencentral"};
  out.credentials.api_keys.push_back(make_token(random, 32));
  SimEntra entra;
  entra.tenant = make_uuid(random);
  entra.client_id = make_uuid(random);
  entra.client_secret = make_token(random, 40);
  out.credentials.entra.push_back(std::move(entra));
}

}  // namespace

SimCloudOptions preset(CloudKind kind, const SimCloudsOptions& options) {
  SimCloudOptions out;
  out.kind = kind;
  out.name = cloud_kind_name(kind);
  out.seed = options.seed;
  out.quota = options.quota;
  out.bind_ip = options.bind_ip;
  SeededRandom random(options.seed * 1'000 + static_cast<uint64_t>(kind));
  switch (kind) {
    case CloudKind::kAws:
      set_up_aws(random, out);
      add_models(options,
                 {{"anthropic.claude-sonnet-4-6", ""},
                  {"us.amazon.nova-pro-v1:0", ""},
                  {"openai.gpt-oss-120b-1:0", ""}},
                 out);
      break;
    case CloudKind::kAzure:
      set_up_azure(random, out);
      add_models(options,
                 {{"gpt-4o", "gpt-4o-2024-11-20"}, {"gpt-4o-mini", "gpt-4o-mini-2024-07-18"}}, out);
      break;
    case CloudKind::kCoreWeave:
      out.regions = {"us-east-04a"};
      out.credentials.bearer_tokens.push_back("cw-" + make_token(random, 40));
      out.prompt_cache.block_tokens = 16;
      out.prompt_cache.tokens_min = 16;
      add_models(options, {{"meta-llama/Llama-3.3-70B-Instruct", ""}, {"openai/gpt-oss-120b", ""}},
                 out);
      break;
    case CloudKind::kOpenAi:
      out.regions = {"global"};
      out.credentials.bearer_tokens.push_back("sk-" + make_token(random, 48));
      add_models(options, {{"gpt-4o", "gpt-4o-2024-11-20"}}, out);
      break;
  }
  if (auto more = options.extra_regions.find(kind); more != options.extra_regions.end()) {
    out.regions.insert(out.regions.end(), more->second.begin(), more->second.end());
  }
  return out;
}

SimClouds::SimClouds(async::Loop& loop, net::Network& network, const SimCloudsOptions& options) {
  for (CloudKind kind : options.kinds) {
    SimCloudOptions cloud = preset(kind, options);
    if (options.port != 0) {
      cloud.port = static_cast<uint16_t>(options.port + 100 * clouds_.size());
    }
    clouds_.push_back(std::make_unique<SimCloud>(loop, network, std::move(cloud)));
  }
}

Result<void> SimClouds::start() {
  for (std::unique_ptr<SimCloud>& cloud : clouds_) {
    Result<void> started = cloud->start();
    if (!started) {
      Error error = std::move(started).error();
      return fail(std::move(error).note("while starting the simulated cloud " + cloud->name()));
    }
  }
  return {};
}

async::Task<void> SimClouds::stop(async::Context ctx) {
  for (std::unique_ptr<SimCloud>& cloud : clouds_) co_await cloud->stop(ctx);
}

SimCloud* SimClouds::find(CloudKind kind) {
  for (std::unique_ptr<SimCloud>& cloud : clouds_) {
    if (cloud->options().kind == kind) return cloud.get();
  }
  return nullptr;
}

Json SimClouds::describe() const {
  Json clouds = Json::array();
  for (const std::unique_ptr<SimCloud>& cloud : clouds_) {
    const SimCloudOptions& options = cloud->options();
    Json one = Json::object();
    one.set("name", cloud->name()).set("kind", cloud_kind_name(options.kind));
    Json regions = Json::array();
    for (const SimCloud::Place& place : cloud->places()) {
      regions.push(Json::object().set("region", place.region).set("url", place.url));
    }
    one.set("regions", std::move(regions)).set("control_url", cloud->control_url());
    Json models = Json::array();
    for (const SimModel& model : options.models) models.push(model.id);
    one.set("models", std::move(models));
    Json keys = Json::object();
    for (const SimAccessKey& key : options.credentials.access_keys) {
      Json entry = Json::object();
      entry.set("access_key_id", key.id).set("secret_access_key", key.secret);
      if (!key.session_token.empty()) entry.set("session_token", key.session_token);
      if (keys.find("access_keys") == nullptr) keys.set("access_keys", Json::array());
      keys.find("access_keys")->push(std::move(entry));
    }
    if (!options.credentials.bearer_tokens.empty()) {
      keys.set("bearer", options.credentials.bearer_tokens.front());
    }
    if (!options.credentials.api_keys.empty()) {
      keys.set("api_key", options.credentials.api_keys.front());
    }
    if (!options.credentials.entra.empty()) {
      const SimEntra& entra = options.credentials.entra.front();
      Json entry = Json::object();
      entry.set("tenant", entra.tenant).set("client_id", entra.client_id);
      entry.set("client_secret", entra.client_secret);
      keys.set("entra", std::move(entry));
    }
    one.set("credentials", std::move(keys));
    clouds.push(std::move(one));
  }
  return Json::object().set("clouds", std::move(clouds));
}

std::string SimClouds::describe_text() const {
  std::string out;
  for (const std::unique_ptr<SimCloud>& cloud : clouds_) {
    const SimCloudOptions& options = cloud->options();
    out += fmt::format("{}\n", cloud->name());
    for (const SimCloud::Place& place : cloud->places()) {
      out += fmt::format("  {:<16} {}\n", place.region, place.url);
    }
    out += fmt::format("  {:<16} {}/_sim/state\n", "control", cloud->control_url());
    for (const SimAccessKey& key : options.credentials.access_keys) {
      out += fmt::format("  {:<16} {} / {}{}\n", "access key", key.id, key.secret,
                         key.session_token.empty() ? "" : " / " + key.session_token);
    }
    for (const std::string& token : options.credentials.bearer_tokens) {
      out += fmt::format("  {:<16} {}\n", "bearer", token);
    }
    for (const std::string& key : options.credentials.api_keys) {
      out += fmt::format("  {:<16} {}\n", "api-key", key);
    }
    for (const SimModel& model : options.models) {
      out += fmt::format("  {:<16} {}\n", "model", model.id);
    }
  }
  return out;
}

Result<std::unique_ptr<SimClouds>> run_clouds(async::Loop& loop, net::Network& network,
                                              const SimCloudsOptions& options) {
  auto clouds = std::make_unique<SimClouds>(loop, network, options);
  TRY_VOID(clouds->start());
  return clouds;
}

}  // namespace drover::sim
