#include "app/config_deadlines.h"

#include <algorithm>

#include "base/limits/road.h"

namespace drover::app {

bool known_settings(const Json& object, const std::string& at, SettingNames names,
                    const TellFault& fault) {
  if (!object.is_object()) {
    fault(at, at + " must be a mapping of names to values", "");
    return false;
  }
  bool fine = true;
  for (const Json::Member& m : *object.members()) {
    if (std::find(names.begin(), names.end(), m.first) != names.end()) continue;
    std::string list;
    for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
    fault(at + "." + m.first, "unknown setting '" + m.first + "'", "known here: " + list);
    fine = false;
  }
  return fine;
}

std::optional<std::string> text_setting(const Json& object, const std::string& at, const char* name,
                                        const TellFault& fault) {
  const Json* value = object.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (const std::string* text = value->string()) return *text;
  fault(at + "." + name,
        std::string(name) + " must be a text, not " + std::string(value->type_name()), "");
  return std::nullopt;
}

std::optional<Duration> time_setting(const Json& object, const std::string& at, const char* name,
                                     const TellFault& fault) {
  const Json* value = object.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::string text = value->is_number()   ? value->raw_number()->text
                     : value->is_string() ? *value->string()
                                          : std::string();
  Result<Duration> time = parse_duration(text);
  if (time && *time > Duration::zero() && *time <= 24h) return *time;
  fault(at + "." + name, std::string(name) + " must be a time above 0, at most 24h",
        "such as 800ms, 5s or 2m");
  return std::nullopt;
}

std::optional<double> amount_setting(const Json& object, const std::string& at, const char* name,
                                     double most, const TellFault& fault) {
  const Json* value = object.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::optional<double> number = value->number();
  if (number && *number >= 0 && *number <= most) return number;
  fault(at + "." + name,
        std::string(name) + " must be a number from 0 to " + std::to_string(int64_t(most)), "");
  return std::nullopt;
}

namespace {

catalog::Deadlines parts_of(const Json& object, const std::string& at, const TellFault& fault) {
  catalog::Deadlines out;
  out.connect = time_setting(object, at, "connect", fault);
  out.headers = time_setting(object, at, "headers", fault);
  out.first_token = time_setting(object, at, "first_token", fault);
  out.between_tokens = time_setting(object, at, "between_tokens", fault);
  out.answer = time_setting(object, at, "answer", fault);
  return out;
}

}  // namespace

catalog::Deadlines read_endpoint_deadlines(const Json& object, const std::string& at,
                                           const TellFault& fault) {
  SettingNames names = {"connect", "headers", "first_token", "between_tokens", "answer", "total"};
  if (!known_settings(object, at, names, fault)) return {};
  catalog::Deadlines out = parts_of(object, at, fault);
  out.total = time_setting(object, at, "total", fault);
  return out;
}

catalog::Deadlines read_deadlines(const Json& object, const TellFault& fault,
                                  road::Settings& settings) {
  const std::string at = "deadlines";
  SettingNames names = {"connect", "headers", "first_token", "between_tokens",
                        "answer",  "total",   "drain"};
  if (!known_settings(object, at, names, fault)) return {};
  settings.call_timeout = time_setting(object, at, "total", fault).value_or(settings.call_timeout);
  settings.drain_timeout =
      time_setting(object, at, "drain", fault).value_or(settings.drain_timeout);
  return parts_of(object, at, fault);
}

void read_retries(const Json& object, const TellFault& fault, road::Settings& settings) {
  const std::string at = "retries";
  if (!known_settings(object, at, {"attempts", "ratio", "per_second", "burst"}, fault)) return;
  if (const Json* attempts = object.find("attempts"); attempts != nullptr) {
    std::optional<int64_t> n = attempts->integer();
    if (n && *n >= 1 && *n <= limits::kAttemptsMax) {
      settings.attempts_max = static_cast<int>(*n);
    } else {
      fault(at + ".attempts",
            "attempts must be a number from 1 to " + std::to_string(limits::kAttemptsMax),
            "1: no retry and no failover");
    }
  }
  road::RetryBudgetOptions& budget = settings.retries;
  budget.ratio = amount_setting(object, at, "ratio", 1, fault).value_or(budget.ratio);
  budget.per_second =
      amount_setting(object, at, "per_second", 1000, fault).value_or(budget.per_second);
  budget.burst = amount_setting(object, at, "burst", 1000, fault).value_or(budget.burst);
}

void read_hedging(const Json& object, const TellFault& fault, road::Settings& settings) {
  if (!known_settings(object, "hedging", {"after"}, fault)) return;
  settings.hedge_after =
      time_setting(object, "hedging", "after", fault).value_or(settings.hedge_after);
}

void inherit(const catalog::Deadlines& from, catalog::Deadlines& into) {
  auto take = [](const std::optional<Duration>& f, std::optional<Duration>& i) {
    if (!i) i = f;
  };
  take(from.connect, into.connect);
  take(from.headers, into.headers);
  take(from.first_token, into.first_token);
  take(from.between_tokens, into.between_tokens);
  take(from.answer, into.answer);
  take(from.total, into.total);
}

}  // namespace drover::app
