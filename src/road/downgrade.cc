#include "road/downgrade.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace drover::road {
namespace {

Failure bad_ladder(std::string message) {
  return fail(Code::kInvalidArgument, "downgrade: " + std::move(message));
}

Result<void> members(const Json& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return bad_ladder("it is a list of rungs, each an object");
  for (const Json::Member& m : *object.members()) {
    if (std::find(known.begin(), known.end(), m.first) != known.end()) continue;
    std::string list;
    for (std::string_view k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    return bad_ladder("unknown field '" + m.first + "' (known: " + list + ")");
  }
  return {};
}

Result<std::vector<std::string>> read_names(const Json& object, std::string_view key) {
  std::vector<std::string> out;
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return out;
  if (const std::string* one = value->string()) out.push_back(*one);
  if (const Json::Array* items = value->array_items()) {
    for (const Json& item : *items) out.push_back(item.string() ? *item.string() : "");
  }
  if (out.empty() || std::find(out.begin(), out.end(), "") != out.end()) {
    return bad_ladder(std::string(key) + " must be a list of names");
  }
  return out;
}

/// A number of at least `least` and at most `most`.
Result<std::optional<double>> read_number(const Json& object, std::string_view key, double least,
                                          double most) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return std::optional<double>();
  auto n = value->number();
  if (!n || !(*n >= least) || *n > most) {
    return bad_ladder(std::string(key) + " must be a number from " + Json(least).dump() + " to " +
                      Json(most).dump());
  }
  return n;
}

Result<Rung> rung_from_json(const Json& json) {
  TRY_VOID(members(json, {"hardware", "models", "model", "context_tokens", "parallel_tool_calls",
                          "service_class"}));
  Rung out;
  TRY(out.hardware, read_names(json, "hardware"));
  TRY(out.models, read_names(json, "models"));
  TRY(auto model, read_names(json, "model"));
  out.models.insert(out.models.end(), model.begin(), model.end());
  if (const Json* tokens = json.find("context_tokens"); tokens != nullptr && !tokens->is_null()) {
    out.context_tokens = tokens->integer();
    if (!out.context_tokens || *out.context_tokens < 1) {
      return bad_ladder("context_tokens must be a whole number of at least 1");
    }
  }
  if (const Json* parallel = json.find("parallel_tool_calls")) {
    if (parallel->boolean() != false)
      return bad_ladder("parallel_tool_calls can only become false");
    out.serial = true;
  }
  if (const Json* service = json.find("service_class")) {
    if (service->string() != nullptr) out.service_class = parse_service_class(*service->string());
    if (!out.service_class || out.service_class == ServiceClass::kFast) {
      return bad_ladder("service_class can only become slow or auto");
    }
  }
  if (out == Rung()) {
    return bad_ladder(
        "a rung says what is given up: hardware, models, context_tokens, "
        "parallel_tool_calls or service_class");
  }
  return out;
}

Result<ScarcityLimits> limits_from_json(const Json& json) {
  TRY_VOID(members(json, {"refused", "queue_s", "unusable", "price_per_million", "dwell_s"}));
  constexpr double kDay = 86'400;
  ScarcityLimits out;
  TRY(auto refused, read_number(json, "refused", 0.01, 1));
  TRY(auto queue, read_number(json, "queue_s", 0.001, kDay));
  TRY(auto unusable, read_number(json, "unusable", 0.01, 1));
  TRY(out.price, read_number(json, "price_per_million", 1e-6, 1e9));
  TRY(auto dwell, read_number(json, "dwell_s", 0.001, kDay));
  out.refused = refused.value_or(out.refused);
  out.unusable = unusable.value_or(out.unusable);
  if (queue) out.queue = Duration(std::llround(*queue * 1e9));
  if (dwell) out.dwell = Duration(std::llround(*dwell * 1e9));
  return out;
}

Json list_json(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& one : list) out.push(one);
  return out;
}

Json rung_json(const Rung& rung) {
  Json out = Json::object();
  if (!rung.hardware.empty()) out.set("hardware", list_json(rung.hardware));
  if (!rung.models.empty()) out.set("models", list_json(rung.models));
  if (rung.context_tokens) out.set("context_tokens", *rung.context_tokens);
  if (rung.serial) out.set("parallel_tool_calls", false);
  if (rung.service_class) out.set("service_class", service_class_name(*rung.service_class));
  return out;
}

std::string joined(const std::vector<std::string>& list, const char* between) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : between) + one;
  return out;
}

}  // namespace

std::string Rung::text() const {
  std::vector<std::string> parts;
  if (!hardware.empty()) parts.push_back("hardware " + joined(hardware, "/"));
  if (!models.empty()) parts.push_back("model " + joined(models, "/"));
  if (context_tokens) parts.push_back("context " + std::to_string(*context_tokens) + " tokens");
  if (serial) parts.push_back("one tool call at a time");
  if (service_class) {
    parts.push_back("service class " + std::string(service_class_name(*service_class)));
  }
  return joined(parts, ", ");
}

Rung DowngradeLadder::at(size_t level) const {
  Rung out;
  for (size_t i = 0; i < std::min(level, rungs.size()); ++i) {
    const Rung& rung = rungs[i];
    // The latest of each kind; hardware adds up, the latest first.
    out.hardware.insert(out.hardware.begin(), rung.hardware.begin(), rung.hardware.end());
    if (!rung.models.empty()) out.models = rung.models;
    if (rung.context_tokens) {
      out.context_tokens =
          std::min(out.context_tokens.value_or(*rung.context_tokens), *rung.context_tokens);
    }
    out.serial = out.serial || rung.serial;
    if (rung.service_class) out.service_class = rung.service_class;
  }
  return out;
}

std::vector<std::string> DowngradeLadder::reserve(size_t level) const {
  std::vector<std::string> out;
  for (size_t i = level; i < rungs.size(); ++i) {
    out.insert(out.end(), rungs[i].hardware.begin(), rungs[i].hardware.end());
  }
  return out;
}

Result<DowngradeLadder> DowngradeLadder::from_json(const Json& json) {
  DowngradeLadder out;
  const Json* rungs = &json;
  if (json.is_object()) {
    TRY_VOID(members(json, {"rungs", "when"}));
    rungs = json.find("rungs");
    if (const Json* when = json.find("when"); when != nullptr && !when->is_null()) {
      TRY(out.when, limits_from_json(*when));
    }
  }
  const Json::Array* items = rungs == nullptr ? nullptr : rungs->array_items();
  if (items == nullptr || items->empty()) return bad_ladder("it needs a list of rungs");
  if (items->size() > limits::kRungsMax) {
    return bad_ladder("more than " + std::to_string(limits::kRungsMax) + " rungs");
  }
  for (const Json& item : *items) {
    TRY(Rung rung, rung_from_json(item));
    out.rungs.push_back(std::move(rung));
  }
  return out;
}

Json DowngradeLadder::to_json() const {
  Json list = Json::array();
  for (const Rung& rung : rungs) list.push(rung_json(rung));
  const ScarcityLimits usual;
  if (when == usual) return list;
  Json limits = Json::object();
  if (when.refused != usual.refused) limits.set("refused", when.refused);
  if (when.queue != usual.queue) limits.set("queue_s", to_seconds(when.queue));
  if (when.unusable != usual.unusable) limits.set("unusable", when.unusable);
  if (when.price) limits.set("price_per_million", *when.price);
  if (when.dwell != usual.dwell) limits.set("dwell_s", to_seconds(when.dwell));
  return Json::object().set("rungs", std::move(list)).set("when", std::move(limits));
}

std::string downgrade_text(int64_t level, const std::string& what, const std::string& why) {
  std::string out = std::to_string(level) + "; " + what + "; " + why;
  // Names are the operator's; what a header cannot carry becomes a question mark.
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace drover::road
