#pragma once
// A budget: what may be used (requests, tokens, money) by whom, in which window. From `budgets:` in
// drover.yaml, or set on a key. A value; accounts.h counts against it.
//
//   {name: house, money: 500, per: month}                          everybody together
//   {name: bots, key: "*", tokens: 100000, per: minute, rolling: true}      each key by itself
//   {name: scout, tenant: research, agent: scout, money: 20, per: day}
//
// What it is for: all of tenant, key, agent, session, tree and provider that are stated must match;
// "*" opens an account for each value. A budget by the minute or the hour is a rate (a refusal is a
// 429 that says when to come back); by the day, the month or in total it is a budget (402).
// Windows are of UTC; a rolling month is 30 days. Any thread.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/money.h"
#include "base/time.h"

namespace drover::road {

/// What a call uses, and what a budget limits.
struct Use {
  int64_t requests = 0;
  int64_t tokens = 0;
  Money money;
  Use& operator+=(const Use& o);
  Use& operator-=(const Use& o);
  bool operator==(const Use&) const = default;
  bool empty() const { return requests == 0 && tokens == 0 && money.is_zero(); }
  /// No part is more than that of `most`.
  bool within(const Use& most) const {
    return requests <= most.requests && tokens <= most.tokens && money <= most.money;
  }
};

enum class Per : uint8_t { kMinute, kHour, kDay, kMonth, kTotal };
std::string_view per_name(Per per);  // "minute", "hour", "day", "month", "total"

/// What a budget may be for, in the order of BudgetFor::values.
enum class Dimension : uint8_t { kTenant, kKey, kAgent, kSession, kTree, kProvider };
inline constexpr size_t kDimensions = 6;
inline constexpr std::string_view kDimensionNames[kDimensions] = {"tenant",  "key",  "agent",
                                                                  "session", "tree", "provider"};
/// One value a dimension.
using DimensionValues = std::array<std::string, kDimensions>;

/// In the place of a value: each of them by itself.
inline constexpr std::string_view kEach = "*";

struct Budget {
  std::string name;
  /// Empty: whoever.
  DimensionValues whom;
  std::optional<int64_t> requests;
  std::optional<int64_t> tokens;
  std::optional<Money> money;
  Per per = Per::kTotal;
  bool rolling = false;

  const std::string& of(Dimension d) const { return whom[static_cast<size_t>(d)]; }
  /// A refusal passes by itself soon.
  bool is_rate() const { return per == Per::kMinute || per == Per::kHour; }
  /// What an account is kept under: everything but the limits, which may change and keep what was
  /// used.
  std::string identity() const;
};

/// The tightest request and token rates of a caller, for x-ratelimit headers.
struct RateState {
  std::optional<int64_t> limit_requests, remaining_requests, limit_tokens, remaining_tokens;
  int64_t reset_requests = 0, reset_tokens = 0;  // seconds
  bool any() const { return limit_requests.has_value() || limit_tokens.has_value(); }
};

/// The message names the field at fault, the error's reason is its name.
Result<Budget> budget_from_json(const Json& json);
Json to_json(const Budget& budget);
/// A key's budgets in short: "money=5/day,tokens=100000/minute,requests=60/minute".
Result<std::vector<Budget>> parse_key_budgets(std::string_view text);

/// Seconds since 1970 that a calendar window covers: [begin, end).
struct Window {
  int64_t begin = 0;
  int64_t end = INT64_MAX;
};
Window window_at(Per per, int64_t second);
/// How long a rolling window is; 0 for a total.
int64_t seconds_of(Per per);

}  // namespace drover::road
