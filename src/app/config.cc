#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "app/config_classes.h"
#include "app/config_deadlines.h"
#include "app/config_parts.h"
#include "app/config_policy.h"
#include "app/config_reader.h"
#include "app/config_slips.h"
#include "app/config_stores.h"
#include "app/config_unplaced.h"
#include "app/price_table.h"
#include "base/bytes.h"
#include "http/message.h"

namespace drover::app {

ConfigOutcome ConfigReader::read() {
  Config& c = out_.config;
  c.file = path_;
  const Json& root = doc_.root();
  if (root.is_null()) return std::move(out_);
  if (!known(root, "", {"data",       "listen",    "tls",     "behind_tls_proxy", "log",
                        "deadlines",  "retries",   "hedging", "endpoints",        "tools",
                        "agents",     "planners",  "budgets", "prices",           "here",
                        "catalog",    "placement", "policy",  "classes",          "stores",
                        "low_latency"})) {
    return std::move(out_);
  }
  c.data = relative_to(path_, text(root, "", "data", "drover-data"));
  read_listen(root);
  read_tls(root);
  c.low_latency = flag(root, "", "low_latency", false);
  read_log(root);
  read_road(root);
  const ConfigPath path = [this](const std::string& file) { return relative_to(path_, file); };
  read_policy_sections(root, path, read_file_, tell(), c);
  each(root, "endpoints", [&](const Json& item, const std::string& at) { endpoint(item, at); });
  each(root, "tools", [&](const Json& item, const std::string& at) { tool(item, at); });
  each(root, "planners", [&](const Json& item, const std::string& at) { planner(item, at); });
  read_stores(root, path, tell(), c);
  each(root, "agents", [&](const Json& item, const std::string& at) { agent(item, at); });
  check_agents();
  auto add_fault = [this](const std::string& at, std::string message, std::string remedy) {
    fault(at, std::move(message), std::move(remedy));
  };
  read_budgets(root, add_fault, c);
  read_prices(root, path, read_file_, add_fault, c);
  note_empty(root, "", 1);
  note_slips(c);
  note_unplaced(c);
  if (c.policy == nullptr) c.policy = std::make_shared<policy::Policy>();
  return std::move(out_);
}

void ConfigReader::read_listen(const Json& root) {
  std::string listen = text(root, "", "listen", "127.0.0.1:7070");
  size_t colon = listen.find_last_of(':');
  std::string port = colon == std::string::npos ? listen : listen.substr(colon + 1);
  std::string host = colon == std::string::npos ? "127.0.0.1" : listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  char* end = nullptr;
  long number = std::strtol(port.c_str(), &end, 10);
  if (port.empty() || *end != 0 || number < 0 || number > 65535 || host.empty()) {
    fault("listen", "'" + listen + "' is not an address to listen on", "write 127.0.0.1:7070");
    return;
  }
  out_.config.listen_host = host == "localhost" ? "127.0.0.1" : host;
  out_.config.listen_port = static_cast<uint16_t>(number);
}

void ConfigReader::read_tls(const Json& root) {
  Config& c = out_.config;
  c.behind_tls_proxy = flag(root, "", "behind_tls_proxy", false);
  if (const Json* tls = root.find("tls"); tls != nullptr && !tls->is_null()) {
    if (!known(*tls, "tls", {"cert", "key"})) return;
    c.tls_cert = relative_to(path_, required(*tls, "tls", "cert", "the PEM file of the chain"));
    c.tls_key = relative_to(path_, required(*tls, "tls", "key", "the PEM file of its key"));
  }
  bool loopback = c.listen_host == "::1" || c.listen_host.starts_with("127.");
  if (!loopback && !c.tls() && !c.behind_tls_proxy) {
    fault("listen", "serving beyond this machine needs TLS",
          "set tls: {cert: …, key: …}, or behind_tls_proxy: true if a proxy does it");
  }
}

void ConfigReader::read_log(const Json& root) {
  const Json* log = root.find("log");
  if (log == nullptr || log->is_null() || !known(*log, "log", {"level", "format"})) return;
  std::string level = text(*log, "log", "level", "info");
  static const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warn", LogLevel::kWarn},
                                                          {"error", LogLevel::kError},
                                                          {"off", LogLevel::kOff}};
  auto it = kLevels.find(level);
  if (it == kLevels.end()) {
    fault("log.level", "'" + level + "' is not a log level", "debug, info, warn, error or off");
  } else {
    out_.config.log_level = it->second;
  }
  std::string format = text(*log, "log", "format", "text");
  if (format != "text" && format != "json") {
    fault("log.format", "'" + format + "' is not a log format", "text or json");
  }
  out_.config.log_format = format == "json" ? LogFormat::kJson : LogFormat::kText;
}

void ConfigReader::read_road(const Json& root) {
  road::Settings& settings = out_.config.road;
  auto given = [&](const char* name) {
    const Json* value = root.find(name);
    return value != nullptr && !value->is_null() ? value : nullptr;
  };
  if (const Json* v = given("deadlines")) deadlines_ = read_deadlines(*v, tell(), settings);
  if (const Json* v = given("retries")) read_retries(*v, tell(), settings);
  if (const Json* v = given("hedging")) read_hedging(*v, tell(), settings);
  if (const Json* v = given("classes")) read_classes(*v, tell(), settings.classes);
}

void ConfigReader::planner(const Json& item, const std::string& at) {
  if (!known(item, at, {"origin", "queue", "headers", "facts", "data"})) return;
  // Workers are known by their queue alone: where they are is for the operator to say.
  if (std::string queue = text(item, at, "queue"); !queue.empty()) {
    if (item.find("origin") != nullptr || item.find("headers") != nullptr) {
      fault(at, "a planner is a queue or an origin, not both");
    }
    read_thing(item, at, "queue:" + queue, tell(), out_.config);
    out_.config.queues.push_back(std::move(queue));
    return;
  }
  session::PlannerOrigin p;
  p.origin = required(item, at, "origin", "such as http://127.0.0.1:9000");
  auto url = http::Url::parse(p.origin);
  if (!p.origin.empty() && (!url || url->target != "/")) {
    fault(join(at, "origin"), "'" + p.origin + "' is not an origin",
          "scheme, host and port alone: http://127.0.0.1:9000");
  }
  p.headers = references(item, at, "headers");
  read_thing(item, at, url ? url->origin() : p.origin, tell(), out_.config);
  out_.config.planners.push_back(std::move(p));
}

void ConfigReader::agent(const Json& item, const std::string& at) {
  Result<session::AgentSpec> spec =
      item.string() != nullptr ? read_agent_file(relative_to(path_, *item.string()), read_file_)
                               : session::AgentSpec::from_json(item);
  if (!spec) {
    fault(at, spec.error().message);
    return;
  }
  if (out_.config.agents.count(spec->name) != 0) {
    fault(at, "two agents are named '" + spec->name + "'");
  }
  agent_at_[spec->name] = at;
  out_.config.agents[spec->name] = std::move(*spec);
}

void ConfigReader::check_agents() {
  std::set<std::string> models;
  for (const catalog::Endpoint& e : out_.config.endpoints) models.insert(e.model);
  for (const auto& [name, spec] : out_.config.agents) {
    for (const std::string& model : spec.models) {
      if (models.count(model) != 0) continue;
      fault(agent_at_[name],
            "agent '" + name + "' uses model '" + model + "', which no endpoint offers",
            "add an endpoint with model: " + model);
    }
    if (auto known_class = check_data_class(out_.config, spec.data_class); !known_class) {
      fault(agent_at_[name], "agent '" + name + "': " + known_class.error().message);
    }
    for (const std::string& tool : spec.tools) {
      bool there = std::any_of(out_.config.tools.begin(), out_.config.tools.end(),
                               [&](const tools::ToolServer& t) { return t.name == tool; });
      if (!there) {
        fault(agent_at_[name],
              "agent '" + name + "' uses tool server '" + tool + "', which is not configured",
              "add it under 'tools'");
      }
    }
  }
}

std::string ConfigFault::to_string() const {
  std::string out = line > 0 ? file + ":" + std::to_string(line) + ": " : "";
  out += message;
  if (!remedy.empty()) out += " (" + remedy + ")";
  return out;
}

std::string Config::url() const {
  std::string host =
      listen_host.find(':') == std::string::npos ? listen_host : "[" + listen_host + "]";
  return std::string(tls() ? "https://" : "http://") + host + ":" + std::to_string(listen_port);
}

ConfigOutcome parse_config(const std::string& path, std::string_view text,
                           const ReadFile& read_file) {
  auto doc = YamlDocument::parse(text);
  if (doc) return ConfigReader(path, *doc, read_file).read();
  ConfigOutcome out;
  ConfigFault f;
  f.file = path;
  f.message = doc.error().message;
  if (f.message.starts_with("line ")) {
    f.line = std::atoi(f.message.c_str() + 5);
    size_t colon = f.message.find(": ");
    if (colon != std::string::npos) f.message = f.message.substr(colon + 2);
  }
  out.faults.push_back(std::move(f));
  return out;
}

ConfigOutcome read_config(const std::string& path, const ReadFile& read_file) {
  auto text = read_file(path);
  if (text) return parse_config(path, *text, read_file);
  ConfigOutcome out;
  ConfigFault f;
  f.file = path;
  f.message = text.error().message;  // names the file
  out.faults.push_back(std::move(f));
  return out;
}

Result<session::AgentSpec> read_agent_file(const std::string& path, const ReadFile& read_file) {
  TRY(std::string text, read_file(path));
  auto doc = YamlDocument::parse(text);
  if (!doc) {
    Error error = std::move(doc).error();
    error.message = path + ": " + error.message;
    return fail(std::move(error));
  }
  auto spec = session::AgentSpec::from_json(doc->root());
  if (!spec) {
    Error error = std::move(spec).error();
    error.message = path + ": " + error.message;
    return fail(std::move(error));
  }
  return spec;
}

namespace {

constexpr std::string_view kVariableReference = "env:";
constexpr std::string_view kFileReference = "file:";

/// What a reference of this kind names.
std::optional<std::string> behind(std::string_view kind, std::string_view reference) {
  if (!reference.starts_with(kind)) return std::nullopt;
  return std::string(reference.substr(kind.size()));
}

}  // namespace

Result<std::string> resolve_reference(const std::string& reference, const ReadFile& read_file) {
  if (auto name = behind(kVariableReference, reference)) {
    const char* value = std::getenv(name->c_str());
    if (value != nullptr) return std::string(value);
    return fail(Code::kFailedPrecondition, "the environment variable " + *name + " is not set");
  }
  if (auto path = behind(kFileReference, reference)) {
    TRY(std::string text, read_file(*path));
    return std::string(trim(text));
  }
  return reference;
}

Result<std::string> resolve_secret(const std::string& reference, const ReadFile& read_file) {
  TRY(std::string secret, resolve_reference(reference, read_file));
  if (!trim(secret).empty()) return secret;
  if (auto name = behind(kVariableReference, reference)) {
    return fail(Code::kFailedPrecondition, "the environment variable " + *name + " is empty");
  }
  if (auto path = behind(kFileReference, reference)) {
    return fail(Code::kFailedPrecondition, "the file " + *path + " is empty");
  }
  return secret;
}

}  // namespace drover::app
