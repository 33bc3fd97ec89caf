#include "app/amount_flags.h"

#include <cstdlib>

#include "app/api_client.h"
#include "base/limits/session.h"
#include "base/money.h"
#include "base/time.h"

namespace drover::app {
namespace {

Failure too_large(const std::string& flag, const std::string& given, const std::string& most) {
  return usage_error("--" + flag + ": " + given + " is too large: at most " + most);
}

/// Whether it is a number, and a larger one; of any size.
bool above(const std::string& text, double most) {
  char* end = nullptr;
  return std::strtod(text.c_str(), &end) > most && end == text.c_str() + text.size();
}

Result<void> put_count(const Arguments& a, const std::string& flag, Json& body) {
  const std::string given = a.get(flag);
  if (above(given, static_cast<double>(limits::kBudgetAmountMax))) {
    return too_large(flag, given, std::to_string(limits::kBudgetAmountMax));
  }
  auto number = Json::parse(given);
  if (!number || !number->integer()) return usage_error("--" + flag + " is a whole number");
  body.set(flag, std::move(*number));
  return {};
}

Result<void> put_time(const Arguments& a, Json& body) {
  constexpr Duration kMost = limits::kRaiseSecondsMax * 1s;
  const std::string given = a.get("time");
  auto time = parse_duration(given);
  if (time ? *time > kMost : time.error().reason == "too_long") {
    return too_large("time", given, std::to_string(kMost / 24h) + "d");
  }
  if (!time) return usage_error("--time: " + time.error().message);
  body.set("time_s", static_cast<double>(time->count()) / 1e9);
  return {};
}

Result<void> put_cost(const Arguments& a, Json& body) {
  const std::string given = a.get("cost");
  if (above(given, static_cast<double>(limits::kBudgetUsdMax))) {
    return too_large("cost", given, std::to_string(limits::kBudgetUsdMax) + " dollars");
  }
  if (!Money::parse_usd(given)) {
    return usage_error("--cost: '" + given + "' is no amount of dollars, such as 2.50");
  }
  body.set("cost_usd", given);
  return {};
}

}  // namespace

Result<void> put_amounts(const Arguments& a, Json& body) {
  for (const char* name : {"tokens", "steps", "spawns"}) {
    if (a.has(name)) TRY_VOID(put_count(a, name, body));
  }
  if (a.has("time")) TRY_VOID(put_time(a, body));
  if (a.has("cost")) TRY_VOID(put_cost(a, body));
  if (a.has("why")) body.set("explanation", a.get("why"));
  return {};
}

}  // namespace drover::app
