// Accounts: which budgets are in force, what they begin with, and their promises to the store.

#include <algorithm>
#include <set>

#include "base/limits/money.h"
#include "road/accounts.h"

namespace drover::road {
namespace {

Use use_of(const trace::LedgerSums& sums) {
  Use out;
  out.requests = sums.calls;
  out.tokens = sums.input_tokens + sums.output_tokens;
  out.money = sums.cost;
  return out;
}

/// More than there is of anything.
constexpr Use kEndless{INT64_MAX, INT64_MAX, Money::from_pico_usd(static_cast<__int128>(1) << 120)};

/// How far a promise goes before the next one is asked for: until half of it is used, or to its end
/// where that is the limit.
__int128 plenty_of(__int128 promised, __int128 limit) {
  constexpr int64_t kHalf = 2 * limits::kPromiseParts;
  return promised >= limit ? promised : promised - limit / kHalf - 1;
}

trace::LedgerLine line_of_key(const trace::LedgerKey& key) {
  trace::LedgerLine out;
  out.tenant = key.tenant;
  out.key = key.key;
  out.agent = key.agent;
  out.session = key.session;
  out.tree = key.tree;
  out.endpoint = key.endpoint;
  out.provider = key.provider;
  out.region = key.region;
  out.model = key.model;
  return out;
}

}  // namespace

Result<void> Accounts::set_budgets(std::vector<Budget> budgets) {
  if (budgets.size() > limits::kBudgetsMax) {
    return fail(Code::kInvalidArgument, "there are " + std::to_string(budgets.size()) +
                                            " budgets; at most " +
                                            std::to_string(limits::kBudgetsMax) + " are kept");
  }
  std::map<std::string, BudgetPtr> by_identity;
  std::vector<BudgetPtr> all;
  for (Budget& b : budgets) {
    auto budget = std::make_shared<const Budget>(std::move(b));
    if (!by_identity.emplace(budget->identity(), budget).second) {
      return fail(Code::kInvalidArgument, "two budgets named '" + budget->name +
                                              "' are for the same and the same window: give each "
                                              "a name of its own");
    }
    all.push_back(std::move(budget));
  }
  std::set<std::string> before;
  for (const BudgetPtr& b : budgets_) before.insert(b->identity());
  std::vector<BudgetPtr> fresh;
  for (const BudgetPtr& b : all) {
    if (!before.contains(b->identity())) fresh.push_back(b);
  }
  ++epoch_;
  // What is in flight settles into the accounts that it was reserved in.
  for (auto it = lines_.begin(); it != lines_.end();) {
    if (it->second->open == 0) {
      ++it;
      continue;
    }
    old_lines_.push_back(std::move(it->second));
    it = lines_.erase(it);
  }
  budgets_ = std::move(all);
  general_.clear();
  by_key_.clear();
  for (const BudgetPtr& b : budgets_) {
    const std::string& key = b->of(Dimension::kKey);
    (key.empty() || key == kEach ? general_ : by_key_[key]).push_back(b);
  }
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    auto still = by_identity.find(it->second->budget().identity());
    if (still != by_identity.end()) {
      it->second->set_budget(still->second);
      ++it;
      continue;
    }
    old_accounts_.push_back(std::move(it->second));
    it = accounts_.erase(it);
  }
  std::erase_if(promise_queue_, [&](const Account* a) {
    return std::any_of(old_accounts_.begin(), old_accounts_.end(),
                       [&](const auto& old) { return old.get() == a; });
  });
  if (old_lines_.empty()) old_accounts_.clear();
  seed(fresh);
  return {};
}

void Accounts::seed(const std::vector<BudgetPtr>& fresh) {
  if (fresh.empty()) return;
  const int64_t now = unix_seconds(clock_->wall());
  ledger_->each([&](const trace::LedgerKey& key, const trace::LedgerSums& sums) {
    const trace::LedgerLine line = line_of_key(key);
    for (const BudgetPtr& budget : fresh) {
      // The ledger's sums are by the day.
      if (budget->is_rate() || budget->rolling) continue;
      if (budget->per != Per::kTotal) {
        const int64_t begin = window_at(budget->per, now).begin;
        if (key.day < trace::day_of(wall_from_unix_nanos(begin * 1'000'000'000))) continue;
      }
      Result<Account*> account = account_of(budget, line);
      if (account && *account != nullptr) (*account)->count(use_of(sums), now, now);
    }
  });
}

// --- Promises ---

bool Accounts::covered(Account& account, const Use& more, WallTime now) {
  const Budget& b = account.budget();
  Use plenty = kEndless;
  if (!promising_ || b.is_rate()) {
    account.set_plenty(plenty);
    return true;
  }
  Use sum = account.used(now_of(account, now));
  sum += account.reserved();
  sum += more;
  const Use& p = account.promised();
  const bool fits = (!b.requests || sum.requests <= p.requests) &&
                    (!b.tokens || sum.tokens <= p.tokens) && (!b.money || sum.money <= p.money);
  if (b.requests) plenty.requests = static_cast<int64_t>(plenty_of(p.requests, *b.requests));
  if (b.tokens) plenty.tokens = static_cast<int64_t>(plenty_of(p.tokens, *b.tokens));
  if (b.money) {
    plenty.money = Money::from_pico_usd(plenty_of(p.money.pico_usd(), b.money->pico_usd()));
  }
  account.set_plenty(plenty);
  if (!fits || !sum.within(plenty)) want_promise(account, more);
  return fits;
}

void Accounts::want_promise(Account& account, const Use& more) {
  account.asked.requests = std::max(account.asked.requests, more.requests);
  account.asked.tokens = std::max(account.asked.tokens, more.tokens);
  account.asked.money = std::max(account.asked.money, more.money);
  if (account.promising) return;
  account.promising = true;
  promise_queue_.push_back(&account);
  promise_wanted_.wake_all();
}

async::Task<Result<void>> Accounts::wait(async::Context ctx) {
  const uint64_t seen = promises_answered_;
  while (promises_answered_ == seen) {
    async::Wake wake = co_await promise_answered_.wait(ctx);
    if (wake != async::Wake::kWoken && promises_answered_ == seen) {
      co_return fail(async::wake_error(wake, ctx));
    }
  }
  if (promise_error_) {
    Error error = *promise_error_;
    error.message = "a budget cannot be kept durable: " + error.message;
    error.retry = Retry::kNever;
    co_return fail(std::move(error));
  }
  co_return Result<void>();
}

int64_t output_tokens_at_most(const providers::Prompt& prompt, std::optional<int64_t> each_max) {
  const int64_t stated = prompt.max_tokens().value_or(limits::kCallOutputTokensReserved);
  int64_t each = std::clamp<int64_t>(stated, 0, limits::kAnswerTokensReservedMax);
  if (each_max) each = std::min(each, *each_max);
  return each * prompt.answers();
}

Ask ask_for(const catalog::Endpoint& endpoint, const providers::Prompt& prompt, WallTime now,
            std::string_view tier, std::string_view call_key, bool first) {
  Ask out;
  out.call_key = call_key;
  out.first = first;
  out.input_tokens =
      prompt.input_bytes() / limits::kReservedBytesPerToken + limits::kReservedTokensMore;
  if (endpoint.context_window) {
    out.input_tokens = std::min(out.input_tokens, *endpoint.context_window);
  }
  out.output_tokens = output_tokens_at_most(prompt, endpoint.output_tokens_max);
  const catalog::Price& price = endpoint.price_at(now);
  out.known = price.known;
  out.money = price.most(out.input_tokens, out.output_tokens);
  if (!tier.empty()) {
    out.money = std::max(out.money, price.most(out.input_tokens, out.output_tokens, tier));
  }
  return out;
}

}  // namespace drover::road
