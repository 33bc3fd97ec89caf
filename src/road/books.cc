#include "road/books.h"

#include <algorithm>
#include <set>

#include "base/limits/money.h"
#include "base/log.h"
#include "road/billing_use.h"

namespace drover::road {
namespace {

using trace::LedgerEntry;
using trace::LedgerLine;
using trace::LedgerRecord;
using trace::RecordKind;

constexpr const char* kState = "ledger_state";
constexpr const char* kCheckpoint = "checkpoint";

std::string_view identity_of(std::string_view account) {
  return account.substr(0, account.find('|'));
}

}  // namespace

/// What a start knows while it reads.
struct Books::Start {
  struct Open {
    LedgerRecord record;
    LedgerLine line;
  };
  std::set<std::string, std::less<>> known;  // identities of budgets that were in force before
  std::map<uint64_t, Open> open;
  uint64_t calls = 0;
  uint64_t sequence = 0;
};

/// `kReplayed`: it may be counted already, in what was written down.
void Books::count(const LedgerLine& line, const Use& use, const LedgerEntry& record, Counting how) {
  AccountLine resolved;
  resolved.line = line;
  Accounts& a = *p_.accounts;
  Result<void> done = a.resolve(resolved);
  if (!done) LOG_WARN("{}", done.error().message);
  for (Account* account : resolved.accounts) {
    if (how == Counting::kReplayed && record.sequence <= account->counted_to) continue;
    account->count(use, unix_seconds(record.at), a.now_of(*account));
    account->counted_to = std::max(account->counted_to, record.sequence);
  }
}

void Books::replay(Start& start, const LedgerRecord& record, const LedgerLine& line) {
  start.calls = std::max(start.calls, record.kind == RecordKind::kCorrect ? 0 : record.call);
  start.sequence = std::max(start.sequence, record.sequence);
  switch (record.kind) {
    case RecordKind::kReserve:
      start.open[record.call] = Start::Open{record, line};
      return;
    case RecordKind::kRelease:
      start.open.erase(record.call);
      return;
    case RecordKind::kSettle: {
      start.open.erase(record.call);
      p_.ledger->replay(record, line);
      Use use = use_of(record.billing);
      use.requests = record.first ? 1 : 0;
      count(line, use, record, Counting::kReplayed);
      return;
    }
    case RecordKind::kCorrect: {
      p_.ledger->replay(record, line);
      Use use = use_of(record.billing);
      use -= use_of(record.before);
      count(line, use, record, Counting::kReplayed);
      return;
    }
    case RecordKind::kLine:
    case RecordKind::kEnd:
      return;
  }
}

void Books::book_lost(Start& start) {
  Accounts& a = *p_.accounts;
  for (auto& [call, open] : start.open) {
    if (p_.goes_on && p_.goes_on(open.record.call_key)) {
      give_back(open.record, open.line);
      continue;
    }
    AccountLine line;
    line.line = open.line;
    open.record.billing.usage.estimated = true;
    LedgerEntry record = open.record;
    record.kind = RecordKind::kSettle;
    record.ok = false;
    record.lost = true;
    a.book(line, record);
    Use use = use_of(open.record.billing);
    use.requests = record.first ? 1 : 0;
    count(line.line, use, record, Counting::kBooked);
    ++lost_;
  }
  if (lost_ == 0) return;
  LOG_WARN(
      "{} calls were in flight when the last process ended: booked as estimates, at most; "
      "`drover cost import` of the provider's bill corrects them",
      lost_);
}

void Books::give_back(const LedgerRecord& reserved, const LedgerLine& line) {
  LedgerEntry record;
  record.kind = RecordKind::kRelease;
  record.call = reserved.call;
  trace::LineMark mark;
  Result<void> written = p_.log->append(record, mark, line);
  // It would be found open once more at the next start, and given back then.
  if (!written) LOG_WARN("a release was not written: {}", written.error().message);
}

void Books::count_promises() {
  for (auto& [name, account] : p_.accounts->accounts_) {
    if (account->budget().is_rate()) continue;
    const int64_t now = p_.accounts->now_of(*account);
    const Use& used = account->used(now);
    Use more;
    more.requests = std::max<int64_t>(0, account->promised().requests - used.requests);
    more.tokens = std::max<int64_t>(0, account->promised().tokens - used.tokens);
    more.money = std::max(Money(), account->promised().money - used.money);
    if (more.empty()) continue;
    LOG_WARN(
        "the budget '{}' may have used up to {} and {} tokens more before the power was cut; "
        "they count as used",
        account->budget().name, more.money.pretty(), more.tokens);
    account->count(more, now, now);
  }
}

async::Task<Result<void>> Books::load_accounts(async::Context ctx) {
  Accounts& a = *p_.accounts;
  CO_TRY(auto stored, co_await p_.documents->list(ctx, kAccountDocuments));
  for (const auto& [name, json] : stored) {
    Accounts::BudgetPtr budget;
    for (const Accounts::BudgetPtr& b : a.budgets_) {
      if (b->identity() == identity_of(name)) budget = b;
    }
    const Json* whose = json.find("whose");
    const Json::Array* values = whose == nullptr ? nullptr : whose->array_items();
    const bool whole = values != nullptr && values->size() == kDimensions;
    if (budget == nullptr || !whole) {
      CO_TRY_VOID(co_await p_.documents->remove(ctx, kAccountDocuments, name));
      continue;
    }
    DimensionValues party;
    for (size_t i = 0; i < kDimensions; ++i) {
      if (const std::string* text = (*values)[i].string()) party[i] = *text;
    }
    auto account = std::make_unique<Account>(budget, name, std::move(party));
    account->restore(json);
    a.note_party(*account);
    a.accounts_[name] = std::move(account);
  }
  co_return Result<void>();
}

async::Task<Result<void>> Books::start(async::Context ctx, std::vector<Budget> budgets) {
  Accounts& a = *p_.accounts;
  Start start;
  uint32_t from = 0;
  CO_TRY_VOID(co_await p_.ledger->load(ctx, p_.documents));
  CO_TRY(auto checkpoint, co_await p_.documents->get(ctx, kState, kCheckpoint));
  if (checkpoint) {
    from = static_cast<uint32_t>(checkpoint->get_int("file").value_or(0));
    start.calls = static_cast<uint64_t>(checkpoint->get_int("calls").value_or(0));
    a.next_sequence_ = static_cast<uint64_t>(checkpoint->get_int("sequence").value_or(1));
    const Json* known = checkpoint->find("budgets");
    if (known != nullptr && known->array_items() != nullptr) {
      for (const Json& item : *known->array_items()) {
        if (item.string() != nullptr) start.known.insert(*item.string());
      }
    }
  }
  // First those that were there, with what they had; the new ones begin with the ledger's sums.
  std::vector<Budget> before;
  for (const Budget& b : budgets) {
    if (start.known.contains(b.identity())) before.push_back(b);
  }
  CO_TRY_VOID(a.set_budgets(std::move(before)));
  a.accounts_.clear();  // they were made of the ledger's sums; what was written down counts
  ++a.epoch_;
  CO_TRY_VOID(co_await load_accounts(ctx));
  if (p_.log != nullptr) {
    CO_TRY_VOID(p_.log->replay(from, [&](const LedgerRecord& record, const LedgerLine& line) {
      replay(start, record, line);
    }));
  }
  a.next_call_ = start.calls + 1;
  a.next_sequence_ = std::max({a.next_sequence_, start.sequence + 1, p_.ledger->sequence() + 1});
  if (p_.log != nullptr) {
    p_.log->begin_at(from);
    book_lost(start);
    if (p_.log->power_lost()) count_promises();
    a.promising_ = true;
  }
  CO_TRY_VOID(a.set_budgets(std::move(budgets)));
  co_return co_await write_down(ctx);
}

// --- While it runs ---

async::Task<Result<void>> Books::write_accounts(async::Context ctx) {
  Accounts& a = *p_.accounts;
  std::vector<std::string> names;
  for (const auto& [name, account] : a.accounts_) {
    if (account->dirty && !account->budget().is_rate()) names.push_back(name);
  }
  for (std::string& name : names) {
    auto found = a.accounts_.find(name);
    if (found == a.accounts_.end()) continue;
    Account* account = found->second.get();
    account->dirty = false;
    Json json = account->to_json();
    auto put = co_await p_.documents->put(ctx, kAccountDocuments, name, std::move(json));
    if (put) continue;
    found = a.accounts_.find(name);
    if (found != a.accounts_.end()) found->second->dirty = true;
    co_return fail(std::move(put).error());
  }
  co_return Result<void>();
}

async::Task<Result<void>> Books::write_down(async::Context ctx) {
  Accounts& a = *p_.accounts;
  // Taken first: what comes meanwhile is in the log behind it.
  uint32_t needed = p_.log == nullptr ? 0 : p_.log->named_file();
  for (const Accounts::OpenFile& open : a.open_by_file_) {
    if (open.calls > 0) needed = std::min(needed, open.file);
  }
  Json checkpoint = Json::object();
  checkpoint.set("file", static_cast<int64_t>(needed));
  checkpoint.set("calls", a.next_call_ - 1).set("sequence", a.next_sequence_);
  Json known = Json::array();
  for (const Accounts::BudgetPtr& b : a.budgets_) known.push(b->identity());
  checkpoint.set("budgets", std::move(known));
  CO_TRY_VOID(co_await p_.ledger->flush(ctx, p_.documents, p_.clock->wall()));
  CO_TRY_VOID(co_await write_accounts(ctx));
  CO_TRY_VOID(co_await p_.documents->put(ctx, kState, kCheckpoint, std::move(checkpoint)));
  if (p_.log != nullptr && trimmed_at_ != needed) {
    trimmed_at_ = needed;
    p_.log->trim(needed, p_.clock->wall());
  }
  co_return Result<void>();
}

async::Task<Result<void>> Books::sync(async::Context ctx) {
  if (p_.log == nullptr || !p_.log->behind()) co_return Result<void>();
  auto behind = std::make_shared<trace::LedgerLog::Unsynced>(p_.log->unsynced());
  auto work = [behind] { return behind->sync(); };
  Result<void> synced = co_await async::run_blocking(ctx, *p_.executor, std::move(work));
  if (synced) p_.log->synced(*behind);
  co_return synced;
}

async::Task<void> Books::keep(async::Context ctx) {
  bool told = false;
  Duration since_written{};
  uint64_t written_to = p_.accounts->next_sequence_;
  for (;;) {
    auto slept = co_await async::sleep_for(ctx, p_.sync_every);
    if (!slept) co_return;
    since_written += p_.sync_every;
    Result<void> done = co_await sync(ctx);
    if (done && since_written >= p_.write_every && written_to != p_.accounts->next_sequence_) {
      since_written = Duration::zero();
      const uint64_t reached = p_.accounts->next_sequence_;
      done = co_await write_down(ctx);
      if (done) written_to = reached;
    }
    if (!done && !told) LOG_WARN("the ledger could not be written: {}", done.error().to_string());
    told = !done;
  }
}

Use Books::promise_for(Account& account) const {
  const Budget& b = account.budget();
  Use out = account.used(p_.accounts->now_of(account));
  out += account.reserved();
  // A share of the limit, and several of the calls that ask.
  constexpr int64_t kCalls = 4;
  auto step = [](int64_t limit, int64_t asked) {
    return std::max({limit / limits::kPromiseParts, asked * kCalls, int64_t{1}});
  };
  if (b.requests) out.requests += step(*b.requests, account.asked.requests);
  if (b.tokens) out.tokens += step(*b.tokens, account.asked.tokens);
  if (b.money) {
    out.money += std::max(Money::from_pico_usd(b.money->pico_usd() / limits::kPromiseParts),
                          account.asked.money * kCalls);
  }
  if (b.requests)
    out.requests = std::min(out.requests, std::max(*b.requests, account.promised().requests));
  if (b.tokens) out.tokens = std::min(out.tokens, std::max(*b.tokens, account.promised().tokens));
  if (b.money) out.money = std::min(out.money, std::max(*b.money, account.promised().money));
  return out;
}

async::Task<Result<void>> Books::write_promise(async::Context ctx, std::string name) {
  Accounts& a = *p_.accounts;
  auto found = a.accounts_.find(name);
  if (found == a.accounts_.end()) co_return Result<void>();
  Account* account = found->second.get();
  const Use promise = promise_for(*account);
  // A promise is of the window that it was made in. (A rolling one only ever forgets.)
  const bool rolling = account->budget().rolling;
  const int64_t window = rolling ? 0 : account->window_end(a.now_of(*account));
  account->promise_underway = promise;
  account->asked = Use();
  account->dirty = false;
  Json json = account->to_json();
  auto put = co_await p_.documents->put(ctx, kAccountDocuments, name, std::move(json));
  found = a.accounts_.find(name);
  if (found == a.accounts_.end()) co_return put;
  account = found->second.get();
  account->promising = false;
  account->promise_underway = Use();
  const bool stands = rolling || account->window_end(a.now_of(*account)) == window;
  if (put && stands) {
    account->set_promised(promise);
  } else {
    account->dirty = true;
  }
  co_return put;
}

async::Task<void> Books::keep_promises(async::Context ctx) {
  Accounts& a = *p_.accounts;
  bool told = false;
  for (;;) {
    while (a.promise_queue_.empty()) {
      async::Wake wake = co_await a.promise_wanted_.wait(ctx);
      if (wake != async::Wake::kWoken && a.promise_queue_.empty()) co_return;
    }
    std::string name = a.promise_queue_.front()->name();
    a.promise_queue_.pop_front();
    async::Context quiet = ctx.detached();
    Result<void> written = co_await write_promise(quiet, std::move(name));
    a.promise_error_.reset();
    if (!written) {
      if (!told) LOG_ERROR("a budget cannot be kept durable: {}", written.error().to_string());
      a.promise_error_ = written.error();
    }
    told = !written;
    ++a.promises_answered_;
    a.promise_answered_.wake_all();
  }
}

async::Task<Result<void>> Books::close(async::Context ctx) {
  CO_TRY_VOID(co_await write_down(ctx));
  if (p_.log != nullptr) CO_TRY_VOID(p_.log->close());
  co_return Result<void>();
}

}  // namespace drover::road
