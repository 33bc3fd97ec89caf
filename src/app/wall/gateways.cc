#include "app/wall/gateways.h"

#include "base/bytes.h"
#include "base/json.h"
#include "sim/wall/upstreams.h"

namespace drover::app::wall {
namespace {

using sim::wall::base_url;
using sim::wall::Scenario;
using sim::wall::scenarios;
using sim::wall::Upstream;

std::string secret_name(std::string_view key) {
  std::string out;
  for (char c : key) out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return out;
}

std::string drover_yaml(uint16_t port) {
  std::string out = "# Drover before the wall's upstreams. Served with their keys:\n#  ";
  for (const auto& [name, key] : wall_secrets()) out += " " + name + "=" + key;
  out +=
      " drover serve --config THIS --listen 127.0.0.1:7070\n"
      "listen: 127.0.0.1:0\n"
      "log: {level: error}\n"
      "deadlines: {connect: 1s, headers: 800ms, first_token: 1200ms, between_tokens: 1500ms,\n"
      "            answer: 15s, total: 7s, drain: 2s}\n"
      "endpoints:\n";
  for (const Scenario& s : scenarios()) {
    for (const Upstream& u : s.upstreams) {
      std::string keys;
      for (std::string_view key : u.keys) {
        keys += (keys.empty() ? "env:" : ", env:") + secret_name(key);
      }
      out += "  - {id: " + std::string(s.name) + "/" + std::string(u.name) +
             ", provider: openai-compatible, model: " + s.model() + ",\n     base_url: \"" +
             base_url(port, s, u) + "\", credentials: [" + keys + "]}\n";
    }
  }
  return out;
}

std::string litellm_yaml(uint16_t port) {
  std::string out =
      "# The LiteLLM proxy before the wall's upstreams.\n"
      "model_list:\n";
  std::string fallbacks;
  for (const Scenario& s : scenarios()) {
    std::string following;
    for (size_t i = 0; i < s.upstreams.size(); ++i) {
      const Upstream& u = s.upstreams[i];
      std::string name = s.model() + (i == 0 ? "" : "-" + std::string(u.name));
      if (i > 0) following += (following.empty() ? "" : ", ") + name;
      for (std::string_view key : u.keys) {
        out += "  - model_name: " + name + "\n    litellm_params: {model: openai/" + s.model() +
               ", api_base: \"" + base_url(port, s, u) + "\", api_key: " + std::string(key) +
               ", timeout: 2, stream_timeout: 2}\n";
      }
    }
    if (!following.empty()) fallbacks += "    - " + s.model() + ": [" + following + "]\n";
  }
  out +=
      "router_settings:\n"
      "  num_retries: 2\n"
      "  timeout: 7\n"
      "  fallbacks:\n" +
      fallbacks +
      "general_settings:\n"
      "  master_key: sk-wall\n";
  return out;
}

/// Portkey's own form of "these targets, in this order, each with a retry".
std::string portkey_json(uint16_t port, const Scenario& s) {
  Json targets = Json::array();
  for (const Upstream& u : s.upstreams) {
    for (std::string_view key : u.keys) {
      Json retry = Json::object().set("attempts", 1).set("use_retry_after_headers", true);
      Json target = Json::object();
      target.set("provider", "openai").set("custom_host", base_url(port, s, u));
      target.set("api_key", key).set("request_timeout", 2000).set("retry", std::move(retry));
      targets.push(std::move(target));
    }
  }
  Json config = Json::object();
  config.set("strategy", Json::object().set("mode", "fallback"));
  return config.set("targets", std::move(targets)).dump();
}

}  // namespace

const std::vector<std::string>& gateway_kinds() {
  static const std::vector<std::string> kinds = {"drover", "litellm", "portkey"};
  return kinds;
}

std::map<std::string, std::string> wall_secrets() {
  std::map<std::string, std::string> out;
  for (const Scenario& s : scenarios()) {
    for (const Upstream& u : s.upstreams) {
      for (std::string_view key : u.keys) out[secret_name(key)] = key;
    }
  }
  return out;
}

Result<std::string> gateway_config(const std::string& kind, uint16_t port) {
  if (kind == "drover") return drover_yaml(port);
  if (kind == "litellm") return litellm_yaml(port);
  if (kind == "portkey") {
    std::string out;
    for (const Scenario& s : scenarios()) {
      out += s.model() + "\n  x-portkey-config: " + portkey_json(port, s) + "\n";
    }
    return out;
  }
  std::string known;
  for (const std::string& name : gateway_kinds()) known += (known.empty() ? "" : ", ") + name;
  return fail(Code::kInvalidArgument,
              "no gateway of the kind '" + kind + "' is known (there are: " + known + ")");
}

std::vector<std::pair<std::string, std::string>> gateway_headers(const std::string& kind,
                                                                 uint16_t port,
                                                                 const Scenario& scenario) {
  if (kind != "portkey") return {};
  return {{"x-portkey-config", portkey_json(port, scenario)}};
}

}  // namespace drover::app::wall
