#include "road/accounts.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits/money.h"
#include "base/log.h"

namespace drover::road {
namespace {

using trace::LedgerEntry;
using trace::LedgerLine;
using trace::RecordKind;

/// Short and quick: these are ids of ours and names of the operator's, which nobody picks to meet.
size_t mix(size_t seed, std::string_view text) {
  auto add = [&seed](const char* at, size_t bytes) {
    uint64_t word = 0;
    std::memcpy(&word, at, bytes);
    seed = (seed ^ word) * 0x9E3779B97F4A7C15ull;
    seed ^= seed >> 32;
  };
  const char* at = text.data();
  size_t left = text.size();
  seed += left;
  // Most of a gateway's callers have no agent, session or tree.
  if (left < 8) {
    if (left > 0) add(at, left);
    return seed;
  }
  for (; left > 8; at += 8, left -= 8) add(at, 8);
  add(at + left - 8, 8);
  return seed;
}

size_t hash_of(const Caller& c, std::string_view endpoint) {
  // A key is one tenant's, a session one agent's and one tree's.
  size_t out = mix(0, c.key.empty() ? c.tenant : c.key);
  out = mix(out, c.session.empty() ? c.agent : c.session);
  return mix(out, endpoint);
}

bool same_caller(const LedgerLine& line, const Caller& c) {
  return line.key == c.key && line.session == c.session && line.tenant == c.tenant &&
         line.agent == c.agent && line.tree == c.tree;
}

bool same_endpoint(AccountLine& line, const catalog::Endpoint& e) {
  if (e.number != 0 && line.endpoint == e.number) return true;
  const LedgerLine& l = line.line;
  // A reload may give an id to another place.
  const bool same =
      l.endpoint == e.id && l.model == e.model && l.provider == e.provider && l.region == e.region;
  if (same) line.endpoint = e.number;
  return same;
}

const std::string& value_of(const LedgerLine& line, size_t dimension) {
  const std::string* values[kDimensions] = {&line.tenant,  &line.key,  &line.agent,
                                            &line.session, &line.tree, &line.provider};
  return *values[dimension];
}

Use used_of(const Settlement& s, bool first) {
  Use out;
  out.requests = first ? 1 : 0;
  out.tokens = s.usage->input_tokens.value_or(0) + s.usage->output_tokens.value_or(0);
  if (s.cost_known) out.money = s.cost;
  return out;
}

}  // namespace

Hold& Hold::operator=(Hold&& o) noexcept {
  if (this == &o) return *this;
  if (line_ != nullptr) accounts_->release(*this);
  accounts_ = std::exchange(o.accounts_, nullptr);
  line_ = std::exchange(o.line_, nullptr);
  call_ = o.call_;
  file_ = o.file_;
  use_ = o.use_;
  return *this;
}

Hold::~Hold() {
  if (line_ != nullptr) accounts_->release(*this);
}

Accounts::Accounts(Clock& clock, trace::Ledger& ledger, trace::LedgerLog* log,
                   trace::Metrics* metrics)
    : clock_(&clock),
      ledger_(&ledger),
      log_(log),
      wall_start_(clock.wall()),
      mono_start_(clock.mono()) {
  if (metrics == nullptr) return;
  refused_ = &metrics->counter("drover_budget_refusals_total", "Calls refused by a budget.",
                               {"budget", "limit"});
}

Accounts::~Accounts() = default;

int64_t Accounts::now_of(const Account& account, WallTime wall) const {
  if (!account.budget().is_rate()) return unix_seconds(wall);
  return unix_seconds(wall_start_ + (clock_->mono() - mono_start_));
}

// --- Who counts where ---

Result<Account*> Accounts::account_of(const BudgetPtr& budget, const LedgerLine& line) {
  DimensionValues whose;
  for (size_t i = 0; i < kDimensions; ++i) {
    const std::string& wanted = budget->whom[i];
    if (wanted.empty()) continue;
    const std::string& value = value_of(line, i);
    if (value.empty() || (wanted != kEach && wanted != value)) return nullptr;
    whose[i] = value;
  }
  std::string name = budget->identity() + "|";
  for (size_t i = 0; i < kDimensions; ++i) {
    if (budget->whom[i] == kEach) name += percent_encode(whose[i]) + "|";
  }
  auto found = accounts_.find(name);
  if (found != accounts_.end()) return found->second.get();
  if (accounts_.size() >= limits::kAccountsMax) {
    return fail(Error(Code::kResourceExhausted,
                      "there are " + std::to_string(accounts_.size()) +
                          " accounts of budgets, the most that one server keeps; the budget '" +
                          budget->name + "' needs one more",
                      Retry::kNever)
                    .with_reason("accounts_full"));
  }
  auto made = std::make_unique<Account>(budget, name, std::move(whose));
  // Rates are not written down: what of them the log still knows counts.
  if (!budget->is_rate()) made->counted_to = next_sequence_ - 1;
  note_party(*made);
  return accounts_.emplace(std::move(name), std::move(made)).first->second.get();
}

void Accounts::forget_idle_accounts() {
  std::vector<const Account*> kept;
  for (const auto& [hash, line] : lines_) {
    if (line->open == 0) line->epoch = 0;  // resolved again when it is needed
    if (line->open == 0) continue;
    kept.insert(kept.end(), line->accounts.begin(), line->accounts.end());
  }
  std::sort(kept.begin(), kept.end());
  std::erase_if(accounts_, [&](auto& entry) {
    Account& a = *entry.second;
    return a.idle(now_of(a)) && !a.promising && !std::binary_search(kept.begin(), kept.end(), &a);
  });
}

Result<void> Accounts::resolve(AccountLine& line) {
  // Before, not between: none that is found here may go meanwhile.
  if (accounts_.size() + budgets_.size() > limits::kAccountsMax) forget_idle_accounts();
  std::vector<Account*> accounts;
  bool rated = false;
  auto add = [&](const std::vector<BudgetPtr>& list) -> Result<void> {
    for (const BudgetPtr& budget : list) {
      TRY(Account * account, account_of(budget, line.line));
      if (account == nullptr) continue;
      accounts.push_back(account);
      rated = rated || budget->is_rate();
    }
    return {};
  };
  TRY_VOID(add(general_));
  if (auto own = by_key_.find(line.line.key); own != by_key_.end()) TRY_VOID(add(own->second));
  line.accounts = std::move(accounts);
  line.rated = rated;
  line.epoch = epoch_;
  return {};
}

AccountLine* Accounts::line_of(const Caller& who, const catalog::Endpoint& endpoint) {
  const size_t hash = hash_of(who, endpoint.id);
  auto [from, to] = lines_.equal_range(hash);
  for (auto it = from; it != to; ++it) {
    AccountLine* line = it->second.get();
    if (same_caller(line->line, who) && same_endpoint(*line, endpoint)) return line;
  }
  return add_line(hash, who, endpoint);
}

AccountLine* Accounts::add_line(size_t hash, const Caller& who, const catalog::Endpoint& endpoint) {
  if (lines_.size() >= limits::kAccountLinesMax) make_room();
  auto line = std::make_unique<AccountLine>();
  line->line.tenant = who.tenant;
  line->line.key = who.key;
  line->line.agent = who.agent;
  line->line.session = who.session;
  line->line.tree = who.tree;
  line->endpoint = endpoint.number;
  line->line.endpoint = endpoint.id;
  line->line.provider = endpoint.provider;
  line->line.region = endpoint.region;
  line->line.model = endpoint.model;
  return lines_.emplace(hash, std::move(line))->second.get();
}

void Accounts::make_room() {
  // The half that was used longest ago, but what is in flight.
  const uint64_t limit = uses_ > lines_.size() / 2 ? uses_ - lines_.size() / 2 : 0;
  std::erase_if(lines_, [&](const auto& entry) {
    return entry.second->open == 0 && entry.second->last_used < limit;
  });
}

Result<AccountLine*> Accounts::resolved(const Caller& who, const catalog::Endpoint& endpoint) {
  AccountLine* line = line_of(who, endpoint);
  line->last_used = ++uses_;
  if (line->epoch != epoch_) TRY_VOID(resolve(*line));
  return line;
}

// --- Reserve, settle, release ---

Result<bool> Accounts::fits_all(const AccountLine& line, const Use& more, WallTime now) {
  for (Account* account : line.accounts) {
    const Lack lack = account->lacks(more, now_of(*account, now));
    if (lack != Lack::kNothing) return fail(refusal(*account, lack, more));
  }
  for (Account* account : line.accounts) {
    if (!covered(*account, more, now)) return false;
  }
  return true;
}

Result<bool> Accounts::reserve(const Caller& who, const catalog::Endpoint& endpoint, const Ask& ask,
                               Hold& out) {
  TRY(AccountLine * line, resolved(who, endpoint));
  Use worst;
  worst.requests = ask.first ? 1 : 0;
  worst.tokens = ask.input_tokens + ask.output_tokens;
  worst.money = ask.money;
  const WallTime now = clock_->wall();
  bool plenty = true;
  for (Account* account : line->accounts) {
    plenty &= account->has_plenty(worst, now_of(*account, now));
  }
  if (!plenty) {
    TRY(const bool fits, fits_all(*line, worst, now));
    if (!fits) return false;
  }
  if (out.held()) release(out);  // it is overwritten below
  asked_.input_tokens = ask.input_tokens;
  asked_.output_tokens = ask.output_tokens;
  LedgerEntry record;
  record.kind = RecordKind::kReserve;
  record.call = next_call_;
  record.at = now;
  record.first = ask.first;
  record.billing.usage = &asked_;
  record.billing.cost = ask.money;
  record.billing.cost_known = ask.known;
  record.call_key = ask.call_key.substr(0, trace::kLedgerTextBytesMax);
  if (log_ != nullptr) {
    Result<void> written = log_->append(record, line->mark, line->line);
    if (!written) return fail(not_written(std::move(written).error()));
    write_failed_ = false;
  }
  for (Account* account : line->accounts) account->reserve(worst);
  ++next_call_;
  ++line->open;
  ++open_;
  out.accounts_ = this;
  out.line_ = line;
  out.call_ = record.call;
  out.file_ = log_ != nullptr ? log_->file() : 0;
  out.use_ = worst;
  if (open_by_file_.empty() || open_by_file_.back().file != out.file_) {
    open_by_file_.push_back(OpenFile{out.file_});
  }
  ++open_by_file_.back().calls;
  return true;
}

Error Accounts::not_written(Error error) {
  if (!write_failed_) LOG_ERROR("the ledger cannot be written: {}", error.message);
  write_failed_ = true;
  error.message = "the call cannot be booked: " + error.message;
  error.retry = Retry::kNever;
  if (error.code == Code::kResourceExhausted) error.reason = "disk_full";
  return error;
}

void Accounts::close_hold(Hold& hold) {
  --hold.line_->open;
  --open_;
  // Mostly it is the last one.
  size_t at = open_by_file_.size() - 1;
  while (at > 0 && open_by_file_[at].file != hold.file_) --at;
  DROVER_ASSERT(open_by_file_[at].file == hold.file_);
  if (--open_by_file_[at].calls == 0 && open_by_file_.size() > 1) {
    open_by_file_.erase(open_by_file_.begin() + static_cast<ptrdiff_t>(at));
  }
  AccountLine* line = std::exchange(hold.line_, nullptr);
  hold.accounts_ = nullptr;
  if (line->epoch == epoch_ || old_lines_.empty()) return;
  if (line->open == 0) {
    std::erase_if(old_lines_, [&](const auto& old) { return old.get() == line; });
  }
  if (old_lines_.empty()) old_accounts_.clear();
}

void Accounts::book(AccountLine& line, LedgerEntry& record) {
  record.sequence = next_sequence_++;
  if (log_ != nullptr) {
    Result<void> written = log_->append(record, line.mark, line.line);
    if (!written) {
      LOG_ERROR("a settled call could not be written to the ledger's log: {}",
                written.error().message);
    }
  }
  ledger_->add(record, line.line, &line.slot);
}

void Accounts::settle(Hold& hold, const Settlement& s) {
  if (hold.line_ == nullptr) return;
  AccountLine& line = *hold.line_;
  const bool first = hold.use_.requests > 0;
  const WallTime now = clock_->wall();
  LedgerEntry record;
  record.kind = RecordKind::kSettle;
  record.call = hold.call_;
  record.at = now;
  record.first = first;
  record.ok = s.ok;
  record.billing.usage = s.usage;
  record.billing.cost = s.cost;
  record.billing.cost_known = s.cost_known;
  record.request_id = s.request_id.substr(0, trace::kLedgerTextBytesMax);
  record.tier = s.tier.substr(0, trace::kLedgerTextBytesMax);
  book(line, record);
  const Use used = used_of(s, first);
  for (Account* account : line.accounts) {
    account->settle(hold.use_, used, now_of(*account, now));
    account->counted_to = record.sequence;
  }
  close_hold(hold);
}

void Accounts::release(Hold& hold) {
  if (hold.line_ == nullptr) return;
  AccountLine& line = *hold.line_;
  if (log_ != nullptr) {
    LedgerEntry record;
    record.kind = RecordKind::kRelease;
    record.call = hold.call_;
    // Where it cannot be written, a restart takes the call for lost; the error was told before.
    Result<void> written = log_->append(record, line.mark, line.line);
    if (!written && !write_failed_) {
      LOG_WARN("a release was not written: {}", written.error().message);
      write_failed_ = true;
    }
  }
  // A request was made all the same.
  Use made;
  made.requests = hold.use_.requests;
  for (Account* account : line.accounts) account->settle(hold.use_, made, now_of(*account));
  close_hold(hold);
}

}  // namespace drover::road
