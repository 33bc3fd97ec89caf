#include "api/steer_read.h"

#include <algorithm>
#include <cstdlib>

#include "base/limits/session.h"
#include "base/near_word.h"

namespace drover::api::body {
namespace {

constexpr double kMoneyMost = static_cast<double>(limits::kBudgetUsdMax);
constexpr int64_t kMillisecondsMax = 1'000'000'000'000;  // 30 years: what is more overflows

Failure bad_field(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

}  // namespace

Result<void> known(const Json& body, std::initializer_list<std::string_view> names) {
  if (!body.is_object()) return bad_field("the body must be a JSON object");
  for (const Json::Member& m : *body.members()) {
    if (std::find(names.begin(), names.end(), m.first) != names.end()) {
      if (body.find(m.first) != &m.second) {
        return bad_field("the member '" + m.first + "' stands twice");
      }
      continue;
    }
    std::string list;
    for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
    std::string_view near = near_word(m.first, names);
    return bad_field("unknown member '" + m.first + "'" +
                     (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?") +
                     " (known here: " + list + ")");
  }
  return {};
}

Result<std::string> text(const Json& body, std::string_view name) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (const std::string* found = value->string()) return *found;
  return bad_field("'" + std::string(name) + "' must be a text");
}

Result<std::optional<int64_t>> count(const Json& body, std::string_view name) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return std::optional<int64_t>();
  std::optional<int64_t> n = value->integer();
  if (!n && value->number().value_or(0) >= 0x1p63) {
    return bad_field("'" + std::string(name) + "' is too large");
  }
  if (!n || *n < 1) return bad_field("'" + std::string(name) + "' must be a whole number above 0");
  return n;
}

Result<Duration> milliseconds(const Json& body, std::string_view name, Duration fallback) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return fallback;
  std::optional<int64_t> n = value->integer();
  if (!n || *n < 0 || *n > kMillisecondsMax) {
    return bad_field("'" + std::string(name) + "' must be a number of milliseconds");
  }
  return Duration(*n * 1'000'000);
}

Result<session::ExtensionDecision> amounts(const Json& body) {
  session::ExtensionDecision out;
  TRY(out.explanation, text(body, "explanation"));
  TRY(out.tokens, count(body, "tokens"));
  TRY(out.steps, count(body, "steps"));
  TRY(out.spawns, count(body, "spawns"));
  if (const Json* time = body.find("time_s"); time != nullptr && !time->is_null()) {
    std::optional<double> seconds = time->number();
    if (!seconds || !(*seconds > 0)) return bad_field("'time_s' must be above 0");
    if (*seconds > static_cast<double>(limits::kRaiseSecondsMax)) {
      return bad_field("'time_s' must be at most " + std::to_string(limits::kRaiseSecondsMax) +
                       ", about 30 years");
    }
    out.time = std::chrono::milliseconds(static_cast<int64_t>(*seconds * 1000));
  }
  if (const Json* cost = body.find("cost_usd"); cost != nullptr && !cost->is_null()) {
    std::string spelled;
    if (cost->is_number()) spelled = cost->raw_number()->text;
    if (cost->is_string()) spelled = *cost->string();
    auto money = Money::parse_usd(spelled);
    if (!money && std::strtod(spelled.c_str(), nullptr) > kMoneyMost) {
      return bad_field("'cost_usd' must be at most " + std::to_string(limits::kBudgetUsdMax));
    }
    if (!money || *money <= Money())
      return bad_field("'cost_usd' must be an amount of dollars above 0");
    out.cost = *money;
  }
  return out;
}

bool has_amounts(const session::ExtensionDecision& d) {
  return d.tokens || d.time || d.cost || d.steps || d.spawns;
}

Json accepted(uint64_t sequence) {
  return Json::object().set("accepted", true).set("sequence", sequence);
}

}  // namespace drover::api::body
