// Accounts: what a refusal says, what a caller's rates are, and what stands in all of them.

#include <algorithm>

#include "road/accounts.h"

namespace drover::road {
namespace {

std::string amount(Lack lack, const Use& use) {
  if (lack == Lack::kMoney) return use.money.pretty();
  return std::to_string(lack == Lack::kTokens ? use.tokens : use.requests);
}

std::string limit_text(Lack lack, const Budget& b) {
  if (lack == Lack::kMoney) return b.money->pretty();
  if (lack == Lack::kTokens) return std::to_string(*b.tokens) + " tokens";
  return std::to_string(*b.requests) + " requests";
}

std::string whom_text(const Account& account) {
  std::string out;
  for (size_t i = 0; i < kDimensions; ++i) {
    if (account.whose()[i].empty()) continue;
    out +=
        (out.empty() ? " of " : ", ") + std::string(kDimensionNames[i]) + " " + account.whose()[i];
  }
  return out;
}

/// A call of exactly those that the budget is for.
trace::LedgerLine line_for(const Budget& b) {
  trace::LedgerLine out;
  out.tenant = b.of(Dimension::kTenant);
  out.key = b.of(Dimension::kKey);
  out.agent = b.of(Dimension::kAgent);
  out.session = b.of(Dimension::kSession);
  out.tree = b.of(Dimension::kTree);
  out.provider = b.of(Dimension::kProvider);
  return out;
}

}  // namespace

Error Accounts::refusal(Account& account, Lack lack, const Use& more) {
  const Budget& b = account.budget();
  const int64_t now = now_of(account);
  const bool of_provider = !b.of(Dimension::kProvider).empty();
  std::string text = "the budget '" + b.name + "'" + whom_text(account) + " is " +
                     limit_text(lack, b) + (b.per == Per::kTotal ? " in total" : " per ") +
                     (b.per == Per::kTotal ? "" : std::string(per_name(b.per))) + ": " +
                     amount(lack, account.used(now)) + " used, " +
                     amount(lack, account.reserved()) + " reserved for calls in flight, and this " +
                     "call may use " + amount(lack, more);
  std::optional<int64_t> wait = account.frees_in(more, now);
  if (!wait && b.per == Per::kTotal) {
    text += "; it does not renew: raise it, or use less";
  } else if (!wait) {
    text += ", more than the whole budget";
  } else if (b.rolling) {
    text += "; enough is free again in " + format_duration(std::chrono::seconds(*wait));
  } else {
    text += "; it renews in " + format_duration(std::chrono::seconds(*wait));
  }
  if (refused_ != nullptr) {
    const char* limit = lack == Lack::kMoney    ? "money"
                        : lack == Lack::kTokens ? "tokens"
                                                : "requests";
    refused_->with({b.name, limit}).add(1);
  }
  Error out(Code::kResourceExhausted, std::move(text));
  // Whoever asks for more than a whole minute has need not come back in the next one.
  const bool passes = b.is_rate() && wait.has_value();
  out.reason = passes ? "rate_limited" : "budget_exceeded";
  if (passes) out.retry = Retry::kAfter;
  if (of_provider) out.retry = Retry::kOtherTarget;
  if (wait) out.retry_after = std::chrono::seconds(*wait);
  return out;
}

RateState Accounts::rates(const Caller& who, const catalog::Endpoint& endpoint) {
  Result<AccountLine*> line = resolved(who, endpoint);
  return line ? rates_of(**line) : RateState();
}

void Accounts::rates(const Hold& hold, RateState& out) {
  if (hold.line_ != nullptr && hold.line_->rated) {
    out = rates_of(*hold.line_);
  } else if (out.any()) {
    out = RateState();
  }
}

RateState Accounts::rates_of(const AccountLine& line) {
  RateState out;
  if (!line.rated) return out;
  for (Account* account : line.accounts) {
    const Budget& b = account->budget();
    if (!b.is_rate()) continue;
    const int64_t now = now_of(*account);
    const Use& used = account->used(now);
    auto tighter = [&](const std::optional<int64_t>& limit, int64_t taken,
                       std::optional<int64_t>& best_limit, std::optional<int64_t>& best_left,
                       int64_t& reset) {
      if (!limit) return;
      const int64_t left = std::max<int64_t>(0, *limit - taken);
      if (best_left && *best_left <= left) return;
      best_limit = limit;
      best_left = left;
      reset = std::max<int64_t>(0, account->window_end(now) - now);
    };
    tighter(b.requests, used.requests + account->reserved().requests, out.limit_requests,
            out.remaining_requests, out.reset_requests);
    tighter(b.tokens, used.tokens + account->reserved().tokens, out.limit_tokens,
            out.remaining_tokens, out.reset_tokens);
  }
  return out;
}

void Accounts::open_fixed() {
  for (const BudgetPtr& budget : budgets_) {
    const DimensionValues& whom = budget->whom;
    if (std::find(whom.begin(), whom.end(), kEach) != whom.end()) continue;
    Result<Account*> account = account_of(budget, line_for(*budget));
    if (!account) return;  // no room for one that nobody has called under
  }
}

std::vector<Accounts::Report> Accounts::report() {
  open_fixed();
  std::vector<Report> out;
  for (auto& [name, account] : accounts_) {
    const int64_t now = now_of(*account);
    Report r;
    r.account = account.get();
    r.used = account->used(now);
    r.reserved = account->reserved();
    r.renews = account->window_end(now);
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace drover::road
