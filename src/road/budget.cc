#include "road/budget.h"

#include <chrono>

#include "base/bytes.h"
#include "base/limits/money.h"

namespace drover::road {
namespace {

constexpr int64_t kDaySeconds = 86'400;

struct PerName {
  Per per;
  std::string_view name;
  int64_t seconds;
};
constexpr PerName kPers[] = {
    {Per::kMinute, "minute", 60},    {Per::kHour, "hour", 3'600},
    {Per::kDay, "day", kDaySeconds}, {Per::kMonth, "month", 30 * kDaySeconds},
    {Per::kTotal, "total", 0},
};

Failure bad(std::string_view field, std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason(std::string(field)));
}

Result<Per> parse_per(std::string_view name) {
  for (const PerName& p : kPers) {
    if (p.name == name) return p.per;
  }
  return bad("per", "'per' is minute, hour, day, month or total, not '" + std::string(name) + "'");
}

Result<std::optional<int64_t>> read_count(const Json& json, std::string_view field) {
  const Json* v = json.find(field);
  if (v == nullptr || v->is_null()) return std::optional<int64_t>();
  std::optional<int64_t> n = v->integer();
  if (!n || *n <= 0 || *n > INT64_MAX / 4) {
    return bad(field, "'" + std::string(field) + "' is a whole number above 0");
  }
  return n;
}

Result<std::optional<Money>> read_money(const Json& json) {
  const Json* v = json.find("money");
  if (v == nullptr || v->is_null()) return std::optional<Money>();
  std::string text = v->is_number() ? v->raw_number()->text : v->string() ? *v->string() : "";
  if (text.starts_with('$')) text.erase(0, 1);
  Result<Money> money = Money::parse_usd(text);
  if (!money || *money <= Money() || *money > Money::from_usd(INT64_MAX / 1'000'000)) {
    return bad("money", "'money' is an amount of US dollars above 0, such as 12.50");
  }
  return std::optional<Money>(*money);
}

int64_t floor_to(int64_t second, int64_t step) {
  int64_t rest = second % step;
  return second - (rest < 0 ? rest + step : rest);
}

}  // namespace

Use& Use::operator+=(const Use& o) {
  requests += o.requests;
  tokens += o.tokens;
  money += o.money;
  return *this;
}

Use& Use::operator-=(const Use& o) {
  requests -= o.requests;
  tokens -= o.tokens;
  money -= o.money;
  return *this;
}

std::string_view per_name(Per per) {
  for (const PerName& p : kPers) {
    if (p.per == per) return p.name;
  }
  return "total";
}

int64_t seconds_of(Per per) {
  for (const PerName& p : kPers) {
    if (p.per == per) return p.seconds;
  }
  return 0;
}

std::string Budget::identity() const {
  std::string out = percent_encode(name);
  for (const std::string& value : whom) out += "/" + percent_encode(value);
  out += "/" + std::string(per_name(per)) + (rolling ? "/rolling" : "");
  return out;
}

Result<Budget> budget_from_json(const Json& json) {
  if (!json.is_object()) return bad("", "a budget is a mapping: {name: …, money: …, per: day}");
  Budget out;
  for (const auto& [field, value] : *json.members()) {
    bool known = field == "name" || field == "requests" || field == "tokens" || field == "money" ||
                 field == "per" || field == "rolling";
    for (std::string_view d : kDimensionNames) known = known || field == d;
    if (!known) {
      return bad(field, "unknown setting '" + field +
                            "' (known here: name, tenant, key, agent, session, tree, provider, "
                            "requests, tokens, money, per, rolling)");
    }
  }
  auto text = [&](std::string_view field) -> Result<std::string> {
    const Json* v = json.find(field);
    if (v == nullptr || v->is_null()) return std::string();
    if (v->string() == nullptr || v->string()->size() > limits::kBudgetTextBytesMax) {
      return bad(field, "'" + std::string(field) + "' is a text of at most 200 bytes");
    }
    return *v->string();
  };
  TRY(out.name, text("name"));
  for (size_t i = 0; i < kDimensions; ++i) {
    TRY(out.whom[i], text(kDimensionNames[i]));
  }
  TRY(out.requests, read_count(json, "requests"));
  TRY(out.tokens, read_count(json, "tokens"));
  TRY(out.money, read_money(json));
  if (!out.requests && !out.tokens && !out.money) {
    return bad("", "a budget limits something: 'money', 'tokens' or 'requests'");
  }
  TRY(std::string per, text("per"));
  if (!per.empty()) {
    TRY(out.per, parse_per(per));
  }
  if (const Json* rolling = json.find("rolling"); rolling != nullptr && !rolling->is_null()) {
    if (!rolling->is_bool()) return bad("rolling", "'rolling' is true or false");
    out.rolling = *rolling->boolean();
  }
  if (out.rolling && out.per == Per::kTotal) {
    return bad("rolling", "a total has no rolling window: state 'per' as well");
  }
  return out;
}

Json to_json(const Budget& budget) {
  Json out = Json::object();
  if (!budget.name.empty()) out.set("name", budget.name);
  for (size_t i = 0; i < kDimensions; ++i) {
    if (!budget.whom[i].empty()) out.set(std::string(kDimensionNames[i]), budget.whom[i]);
  }
  if (budget.requests) out.set("requests", *budget.requests);
  if (budget.tokens) out.set("tokens", *budget.tokens);
  if (budget.money) out.set("money", budget.money->usd());
  out.set("per", per_name(budget.per));
  if (budget.rolling) out.set("rolling", true);
  return out;
}

Result<std::vector<Budget>> parse_key_budgets(std::string_view text) {
  std::vector<Budget> out;
  while (!text.empty()) {
    size_t comma = text.find(',');
    std::string_view item = trim(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    size_t equals = item.find('=');
    size_t slash = item.find('/');
    std::string_view what = item.substr(0, equals);
    bool known = what == "money" || what == "tokens" || what == "requests";
    if (equals == std::string_view::npos || !known) {
      return bad("", "'" + std::string(item) +
                         "' is not a budget: write money=5/day, tokens=100000/minute, "
                         "requests=60/minute or money=100 (in total), with commas between");
    }
    std::string_view amount = item.substr(
        equals + 1, slash == std::string_view::npos ? std::string_view::npos : slash - equals - 1);
    Json json = Json::object();
    json.set(std::string(what), Json::Number{std::string(amount)});
    if (what == "money") json.set("money", amount);
    if (slash != std::string_view::npos) json.set("per", item.substr(slash + 1));
    TRY(Budget one, budget_from_json(json));
    out.push_back(std::move(one));
  }
  return out;
}

Window window_at(Per per, int64_t second) {
  Window out;
  if (per == Per::kTotal) return out;
  if (per != Per::kMonth) {
    int64_t length = seconds_of(per);
    out.begin = floor_to(second, length);
    out.end = out.begin + length;
    return out;
  }
  using std::chrono::days;
  using std::chrono::sys_days;
  sys_days day{days(floor_to(second, kDaySeconds) / kDaySeconds)};
  std::chrono::year_month_day date{day};
  std::chrono::year_month month = date.year() / date.month();
  std::chrono::year_month next = month + std::chrono::months(1);
  out.begin = sys_days(month / 1).time_since_epoch().count() * kDaySeconds;
  out.end = sys_days(next / 1).time_since_epoch().count() * kDaySeconds;
  return out;
}

}  // namespace drover::road
