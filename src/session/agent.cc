#include "session/agent.h"

#include <algorithm>

#include "crypto/sha256.h"

namespace drover::session {
namespace {

tl::unexpected<Error> bad(std::string message) {
  return fail(Code::kInvalidArgument, "agent: " + std::move(message));
}

Result<void> check_members(const Json& object, const std::string& where,
                           std::initializer_list<std::string_view> known) {
  if (!object.is_object()) {
    return bad(where + " must be an object, not " + std::string(object.type_name()));
  }
  for (const Json::Member& m : *object.members()) {
    if (std::find(known.begin(), known.end(), m.first) != known.end()) continue;
    std::string list;
    for (std::string_view k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    return bad("unknown field '" + m.first + "' in " + where + " (known: " + list + ")");
  }
  return {};
}

Result<std::string> read_string(const Json& object, std::string_view key, std::string fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  if (const std::string* s = v->string()) return *s;
  if (v->is_number()) return v->raw_number()->text;  // version: 3
  return bad(std::string(key) + " must be text, not " + std::string(v->type_name()));
}

Result<std::vector<std::string>> read_strings(const Json& object, std::string_view key) {
  std::vector<std::string> out;
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return out;
  if (const std::string* one = v->string()) {
    out.push_back(*one);
    return out;
  }
  const Json::Array* items = v->array_items();
  if (items == nullptr) return bad(std::string(key) + " must be a list of names");
  for (const Json& item : *items) {
    const std::string* s = item.string();
    if (s == nullptr || s->empty()) return bad(std::string(key) + " must be a list of names");
    out.push_back(*s);
  }
  return out;
}

Result<std::optional<int64_t>> read_positive(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<int64_t>();
  auto n = v->integer();
  if (!n || *n < 1) return bad(std::string(key) + " must be a whole number of at least 1");
  return n;
}

Result<std::optional<double>> read_number(const Json& object, std::string_view key, double most) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<double>();
  auto n = v->number();
  if (!n || *n < 0 || *n > most) {
    return bad(std::string(key) + " must be a number from 0 to " + std::to_string(most));
  }
  return n;
}

Result<bool> read_flag(const Json& object, std::string_view key, bool fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  auto b = v->boolean();
  if (!b) return bad(std::string(key) + " must be true or false");
  return *b;
}

Result<void> read_limits(const Json& limits, AgentSpec& spec) {
  TRY_VOID(check_members(limits, "limits", {"steps", "at_limit", "output_tokens"}));
  TRY(auto steps, read_positive(limits, "steps"));
  if (steps) spec.steps_max = *steps;
  TRY(spec.output_tokens_max, read_positive(limits, "output_tokens"));
  TRY(std::string at, read_string(limits, "at_limit", "pause"));
  if (at != "pause" && at != "end") return bad("at_limit must be pause or end");
  spec.at_limit = at == "end" ? AgentSpec::AtLimit::kEnd : AgentSpec::AtLimit::kPause;
  return {};
}

Result<void> read_parameters(const Json& parameters, AgentSpec& spec) {
  TRY_VOID(check_members(parameters, "parameters", {"temperature", "top_p", "seed", "stream"}));
  TRY(spec.temperature, read_number(parameters, "temperature", 2));
  TRY(spec.top_p, read_number(parameters, "top_p", 1));
  if (const Json* seed = parameters.find("seed"); seed != nullptr && !seed->is_null()) {
    spec.seed = seed->integer();
    if (!spec.seed) return bad("seed must be a whole number");
  }
  TRY(spec.stream, read_flag(parameters, "stream", false));
  return {};
}

}  // namespace

Result<AgentSpec> AgentSpec::from_json(const Json& json) {
  TRY_VOID(check_members(json, "the agent",
                         {"name", "version", "instructions", "models", "model", "tools", "memory",
                          "limits", "parameters", "end_after_answer", "description"}));
  AgentSpec spec;
  TRY(spec.name, read_string(json, "name", ""));
  if (spec.name.empty()) return bad("name is missing");
  if (spec.name.size() > 128) return bad("name is longer than 128 bytes");
  TRY(spec.instructions, read_string(json, "instructions", ""));
  TRY(spec.models, read_strings(json, "models"));
  TRY(std::string model, read_string(json, "model", ""));
  if (!model.empty()) spec.models.insert(spec.models.begin(), model);
  if (spec.models.empty()) return bad("models is missing: name at least one model");
  TRY(spec.tools, read_strings(json, "tools"));
  if (const Json* memory = json.find("memory"); memory != nullptr && !memory->is_null()) {
    TRY_VOID(check_members(*memory, "memory", {"namespace"}));
    TRY(spec.memory_namespace, read_string(*memory, "namespace", spec.name));
  }
  if (const Json* limits = json.find("limits"); limits != nullptr && !limits->is_null()) {
    TRY_VOID(read_limits(*limits, spec));
  }
  if (const Json* p = json.find("parameters"); p != nullptr && !p->is_null()) {
    TRY_VOID(read_parameters(*p, spec));
  }
  TRY(spec.end_after_answer, read_flag(json, "end_after_answer", false));
  TRY(spec.version, read_string(json, "version", ""));
  if (spec.version.empty()) {
    spec.version = crypto::sha256(spec.to_json().dump()).hex().substr(0, 12);
  }
  return spec;
}

Json AgentSpec::to_json() const {
  Json out = Json::object();
  out.set("name", name);
  if (!version.empty()) out.set("version", version);
  if (!instructions.empty()) out.set("instructions", instructions);
  Json ladder = Json::array();
  for (const std::string& m : models) ladder.push(m);
  out.set("models", std::move(ladder));
  if (!tools.empty()) {
    Json list = Json::array();
    for (const std::string& t : tools) list.push(t);
    out.set("tools", std::move(list));
  }
  if (!memory_namespace.empty())
    out.set("memory", Json::object().set("namespace", memory_namespace));
  Json limits = Json::object();
  limits.set("steps", steps_max);
  limits.set("at_limit", at_limit == AtLimit::kEnd ? "end" : "pause");
  if (output_tokens_max) limits.set("output_tokens", *output_tokens_max);
  out.set("limits", std::move(limits));
  Json parameters = Json::object();
  if (temperature) parameters.set("temperature", *temperature);
  if (top_p) parameters.set("top_p", *top_p);
  if (seed) parameters.set("seed", *seed);
  if (stream) parameters.set("stream", true);
  if (!parameters.members()->empty()) out.set("parameters", std::move(parameters));
  if (end_after_answer) out.set("end_after_answer", true);
  return out;
}

}  // namespace drover::session
