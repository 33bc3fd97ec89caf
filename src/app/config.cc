#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "app/config_attestation.h"
#include "app/config_classes.h"
#include "app/config_deadlines.h"
#include "app/config_parts.h"
#include "app/config_policy.h"
#include "app/price_table.h"
#include "base/bytes.h"
#include "http/message.h"
#include "tools/http_tool.h"

namespace drover::app {
namespace {

std::string folder_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::string relative_to(const std::string& base, const std::string& path) {
  return path.empty() || path.front() == '/' ? path : folder_of(base) + path;
}

bool looks_like_reference(std::string_view text) {
  return text.starts_with("env:") || text.starts_with("file:") || text.starts_with("aws:");
}

class Reader {
 public:
  Reader(std::string path, const YamlDocument& doc, const ReadFile& read_file)
      : path_(std::move(path)), doc_(doc), read_file_(read_file) {}

  ConfigOutcome read() {
    Config& c = out_.config;
    c.file = path_;
    const Json& root = doc_.root();
    if (root.is_null()) return std::move(out_);
    if (!known(root, "",
               {"data", "listen", "tls", "behind_tls_proxy", "log", "deadlines", "retries",
                "hedging", "endpoints", "tools", "agents", "planners", "budgets", "prices", "here",
                "catalog", "placement", "policy", "classes"})) {
      return std::move(out_);
    }
    c.data = relative_to(path_, text(root, "", "data", "drover-data"));
    read_listen(root);
    read_tls(root);
    read_log(root);
    read_road(root);
    read_policy_sections(
        root, [this](const std::string& file) { return relative_to(path_, file); }, read_file_,
        tell(), c);
    each(root, "endpoints", [&](const Json& item, const std::string& at) { endpoint(item, at); });
    each(root, "tools", [&](const Json& item, const std::string& at) { tool(item, at); });
    each(root, "planners", [&](const Json& item, const std::string& at) { planner(item, at); });
    each(root, "agents", [&](const Json& item, const std::string& at) { agent(item, at); });
    check_agents();
    auto add_fault = [this](const std::string& at, std::string message, std::string remedy) {
      fault(at, std::move(message), std::move(remedy));
    };
    read_budgets(root, add_fault, c);
    read_prices(root, path_, read_file_, add_fault, c);
    return std::move(out_);
  }

 private:
  void fault(const std::string& at, std::string message, std::string remedy = "") {
    ConfigFault f;
    f.file = path_;
    f.line = doc_.line(at);
    f.message = std::move(message);
    f.remedy = std::move(remedy);
    out_.faults.push_back(std::move(f));
  }

  static std::string join(const std::string& at, std::string_view key) {
    return at.empty() ? std::string(key) : at + "." + std::string(key);
  }

  bool known(const Json& object, const std::string& at,
             std::initializer_list<std::string_view> names) {
    if (!object.is_object()) {
      fault(at, (at.empty() ? "the file" : at) + " must be a mapping of names to values, not a " +
                    std::string(object.type_name()));
      return false;
    }
    for (const Json::Member& m : *object.members()) {
      if (std::find(names.begin(), names.end(), m.first) != names.end()) continue;
      std::string list;
      for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
      fault(join(at, m.first), "unknown setting '" + m.first + "'", "known here: " + list);
    }
    return true;
  }

  std::string text(const Json& object, const std::string& at, std::string_view key,
                   std::string fallback = "") {
    const Json* v = object.find(key);
    if (v == nullptr || v->is_null()) return fallback;
    if (const std::string* s = v->string()) return *s;
    if (v->is_number()) return v->raw_number()->text;
    fault(join(at, key), std::string(key) + " must be text");
    return fallback;
  }

  std::string required(const Json& object, const std::string& at, std::string_view key,
                       std::string remedy) {
    std::string value = text(object, at, key);
    if (value.empty()) fault(at, "'" + std::string(key) + "' is missing", std::move(remedy));
    return value;
  }

  bool flag(const Json& object, const std::string& at, std::string_view key, bool fallback) {
    const Json* v = object.find(key);
    if (v == nullptr || v->is_null()) return fallback;
    if (auto b = v->boolean()) return *b;
    fault(join(at, key), std::string(key) + " must be true or false");
    return fallback;
  }

  std::optional<int64_t> count(const Json& object, const std::string& at, std::string_view key) {
    const Json* v = object.find(key);
    if (v == nullptr || v->is_null()) return std::nullopt;
    auto n = v->integer();
    if (n && *n > 0) return n;
    fault(join(at, key), std::string(key) + " must be a whole number above 0");
    return std::nullopt;
  }

  template <typename F>
  void each(const Json& root, const std::string& key, F f) {
    const Json* list = root.find(key);
    if (list == nullptr || list->is_null()) return;
    const Json::Array* items = list->array_items();
    if (items == nullptr) {
      fault(key, key + " must be a list", "begin each entry with '- '");
      return;
    }
    for (size_t i = 0; i < items->size(); ++i) f((*items)[i], key + "[" + std::to_string(i) + "]");
  }

  void read_listen(const Json& root) {
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

  void read_tls(const Json& root) {
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

  void read_log(const Json& root) {
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

  void read_road(const Json& root) {
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

  TellFault tell() {
    return [this](const std::string& at, std::string message, std::string remedy) {
      fault(at, std::move(message), std::move(remedy));
    };
  }

  std::optional<Money> dollars(const Json& prices, const std::string& at, std::string_view key,
                               bool per_million) {
    const Json* v = prices.find(key);
    if (v == nullptr || v->is_null()) return std::nullopt;
    std::string spelled = v->is_number() ? v->raw_number()->text : v->string() ? *v->string() : "";
    if (per_million) spelled += "e-6";
    auto money = Money::parse_usd(spelled);
    if (!money || *money < Money()) {
      fault(join(at, key), "not an amount of US dollars", "a number such as 2.5");
      return std::nullopt;
    }
    return *money;
  }

  void price(const Json& item, const std::string& at, catalog::Endpoint& e) {
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

  void endpoint(const Json& item, const std::string& at) {
    if (!known(
            item, at,
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
    if (const Json* options = item.find("options"); options != nullptr && options->is_object()) {
      for (const Json::Member& m : *options->members()) {
        e.options[m.first] = text(*options, join(at, "options"), m.first);
      }
    }
    add_accounts(item, at, std::move(e));
  }

  /// One endpoint for each key; the first has the configured id.
  void add_accounts(const Json& item, const std::string& at, catalog::Endpoint e) {
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

  void attestation(const Json& item, const std::string& at, const catalog::Endpoint& e) {
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

  std::map<std::string, std::string> references(const Json& item, const std::string& at,
                                                std::string_view key) {
    std::map<std::string, std::string> out;
    const Json* v = item.find(key);
    if (v == nullptr || v->is_null()) return out;
    std::string where = join(at, key);
    if (!v->is_object()) {
      fault(where, std::string(key) + " must be a mapping of names to values");
      return out;
    }
    for (const Json::Member& m : *v->members()) out[m.first] = text(*v, where, m.first);
    return out;
  }

  std::vector<std::string> texts(const Json& item, const std::string& at, std::string_view key) {
    std::vector<std::string> out;
    const Json* v = item.find(key);
    if (v == nullptr || v->is_null()) return out;
    if (const std::string* one = v->string()) return {*one};
    const Json::Array* items = v->array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      if (const std::string* s = (*items)[i].string())
        out.push_back(*s);
      else if ((*items)[i].is_number())
        out.push_back((*items)[i].raw_number()->text);
    }
    if (items == nullptr || out.size() != items->size()) {
      fault(join(at, key), std::string(key) + " must be a list of texts");
    }
    return out;
  }

  /// An origin where agents' planners may be, private or not, and what it is told of secrets.
  void planner(const Json& item, const std::string& at) {
    if (!known(item, at, {"origin", "queue", "headers", "facts", "data"})) return;
    // Workers are known by their queue alone: where they are is for the operator to say.
    if (auto queue = item.get_string("queue")) {
      if (item.find("origin") != nullptr || item.find("headers") != nullptr) {
        fault(at, "a planner is a queue or an origin, not both");
      }
      read_thing(item, at, "queue:" + std::string(*queue), tell(), out_.config);
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
    read_thing(item, at, p.origin, tell(), out_.config);
    out_.config.planners.push_back(std::move(p));
  }

  /// The tools of a server of plain HTTP, which nobody can be asked for.
  void http_tools(const Json& item, const std::string& at, tools::ToolServer& t) {
    const Json* list = item.find("tools");
    if (t.http.empty()) {
      if (list != nullptr)
        fault(join(at, "tools"), "'tools' belongs to 'http': MCP servers list theirs");
      return;
    }
    if (auto url = http::Url::parse(t.http); !url) {
      fault(join(at, "http"), url.error().message);
    } else if (url->target.find('?') != std::string::npos) {
      fault(join(at, "http"), "the URL of a tool server has no query",
            "put it into the tools' paths");
    }
    const Json::Array* items = list == nullptr ? nullptr : list->array_items();
    if (items == nullptr || items->empty()) {
      fault(at, "a tool server with 'http' needs a list of 'tools'",
            "tools: [{name: …, description: …, parameters: …}]");
      return;
    }
    for (size_t i = 0; i < items->size(); ++i) {
      std::string where = join(at, "tools[" + std::to_string(i) + "]");
      auto one = tools::http_tool_from_json((*items)[i]);
      if (!one) {
        fault(where, one.error().message);
        continue;
      }
      for (const tools::HttpTool& other : t.http_tools) {
        if (other.definition.name == one->definition.name) {
          fault(where, "two tools are named '" + other.definition.name + "'");
        }
      }
      t.http_tools.push_back(std::move(*one));
    }
  }

  void tool(const Json& item, const std::string& at) {
    if (!known(item, at,
               {"name", "command", "environment", "url", "http", "tools", "headers", "ca_file",
                "allow_private", "protocol", "only", "timeout", "facts", "data", "read_only",
                "idempotent", "batch"})) {
      return;
    }
    tools::ToolServer t;
    t.name = required(item, at, "name", "the name that agents use");
    std::vector<std::string> command = texts(item, at, "command");
    if (!command.empty()) {
      t.command = command.front();
      t.arguments.assign(command.begin() + 1, command.end());
    }
    t.url = text(item, at, "url");
    t.http = text(item, at, "http");
    if (!t.command.empty() + !t.url.empty() + !t.http.empty() != 1) {
      fault(at, "a tool server has either 'command' or 'url' (MCP), or 'http'");
    }
    http_tools(item, at, t);
    t.environment = references(item, at, "environment");
    t.headers = references(item, at, "headers");
    t.ca_file = relative_to(path_, text(item, at, "ca_file"));
    t.allow_private = texts(item, at, "allow_private");
    t.only = texts(item, at, "only");
    t.protocol = text(item, at, "protocol", "auto");
    if (t.protocol != "auto" && t.protocol != "legacy" && t.protocol != "2026-07-28") {
      fault(join(at, "protocol"), "'" + t.protocol + "' is not an MCP era",
            "auto, legacy or 2026-07-28");
    }
    if (std::string timeout = text(item, at, "timeout"); !timeout.empty()) {
      auto d = parse_duration(timeout);
      if (!d)
        fault(join(at, "timeout"), d.error().message);
      else
        t.call_timeout = *d;
    }
    for (const tools::ToolServer& other : out_.config.tools) {
      if (other.name == t.name) fault(at, "two tool servers are named '" + t.name + "'");
    }
    read_thing(item, at, t.name, tell(), out_.config);
    read_tool_sending(item, at, tell(), t);
    out_.config.tools.push_back(std::move(t));
  }

  void agent(const Json& item, const std::string& at) {
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

  void check_agents() {
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

  std::string path_;
  const YamlDocument& doc_;
  const ReadFile& read_file_;
  ConfigOutcome out_;
  std::map<std::string, std::string> agent_at_;
  catalog::Deadlines deadlines_;  // of every endpoint that has none of its own
};

}  // namespace

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
  if (doc) return Reader(path, *doc, read_file).read();
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

Result<std::string> resolve_secret(const std::string& reference, const ReadFile& read_file) {
  if (reference.starts_with("env:")) {
    const char* value = std::getenv(reference.c_str() + 4);
    if (value != nullptr) return std::string(value);
    return fail(Code::kFailedPrecondition,
                "the environment variable " + reference.substr(4) + " is not set");
  }
  if (reference.starts_with("file:")) {
    TRY(std::string text, read_file(reference.substr(5)));
    return std::string(trim(text));
  }
  return reference;
}

}  // namespace drover::app
