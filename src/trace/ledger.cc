#include "trace/ledger.h"

#include "base/bytes.h"

namespace drover::trace {
namespace {

constexpr const char* kCollection = "ledger";
constexpr std::string_view kOtherSessions = "*";

struct KeyField {
  std::string_view name;
  std::string LedgerKey::* field;
};
constexpr KeyField kKeyFields[] = {
    {"day", &LedgerKey::day},           {"tenant", &LedgerKey::tenant},
    {"agent", &LedgerKey::agent},       {"session", &LedgerKey::session},
    {"model", &LedgerKey::model},       {"endpoint", &LedgerKey::endpoint},
    {"provider", &LedgerKey::provider},
};

struct SumField {
  std::string_view name;
  int64_t LedgerSums::* field;
};
constexpr SumField kSumFields[] = {
    {"calls", &LedgerSums::calls},
    {"failed", &LedgerSums::failed},
    {"estimated", &LedgerSums::estimated},
    {"unpriced", &LedgerSums::unpriced},
    {"input_tokens", &LedgerSums::input_tokens},
    {"output_tokens", &LedgerSums::output_tokens},
    {"cache_read_tokens", &LedgerSums::cache_read_tokens},
    {"cache_write_tokens", &LedgerSums::cache_write_tokens},
    {"reasoning_tokens", &LedgerSums::reasoning_tokens},
};

std::string document_name(const LedgerKey& key) {
  std::string out;
  for (const KeyField& f : kKeyFields) {
    if (!out.empty()) out += '/';
    out += percent_encode(key.*f.field);
  }
  return out;
}

bool matches(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

bool matches(const LedgerFilter& filter, const LedgerKey& key) {
  return matches(filter.tenant, key.tenant) && matches(filter.agent, key.agent) &&
         matches(filter.session, key.session) && matches(filter.model, key.model) &&
         (filter.from_day.empty() || key.day >= filter.from_day) &&
         (filter.to_day.empty() || key.day <= filter.to_day);
}

}  // namespace

LedgerSums& LedgerSums::operator+=(const LedgerSums& other) {
  for (const SumField& f : kSumFields) this->*f.field += other.*f.field;
  cost += other.cost;
  return *this;
}

const std::string& Ledger::today() {
  WallTime now = clock_->wall();
  int64_t number = unix_seconds(now) / 86'400;
  if (number != day_number_) {
    day_number_ = number;
    today_ = format_rfc3339(now).substr(0, 10);
  }
  return today_;
}

void Ledger::make_room() {
  // Sorted by day: what is past and stored stands first.
  for (auto it = rows_.begin(); it != rows_.end() && it->first.day < today();) {
    it = dirty_.contains(it->first) ? std::next(it) : rows_.erase(it);
  }
}

void Ledger::add(Settlement settlement) {
  LedgerKey& key = settlement.key;
  key.day = today();
  auto it = rows_.find(key);
  if (it == rows_.end() && rows_.size() >= rows_max_) {
    make_room();
    if (rows_.size() >= rows_max_) {
      key.session = kOtherSessions;
      it = rows_.find(key);
    }
  }
  if (it == rows_.end()) it = rows_.emplace(key, LedgerSums()).first;
  LedgerSums& sums = it->second;
  const contract::Usage& usage = settlement.usage;
  sums.calls += settlement.ok ? 1 : 0;
  sums.failed += settlement.ok ? 0 : 1;
  sums.estimated += usage.estimated ? 1 : 0;
  sums.unpriced += settlement.cost_known ? 0 : 1;
  sums.input_tokens += usage.input_tokens.value_or(0);
  sums.output_tokens += usage.output_tokens.value_or(0);
  sums.cache_read_tokens += usage.cache_read_tokens.value_or(0);
  sums.cache_write_tokens += usage.cache_write_tokens.value_or(0);
  sums.reasoning_tokens += usage.reasoning_tokens.value_or(0);
  if (settlement.cost_known) sums.cost += settlement.cost;
  dirty_.insert(it->first);
}

Result<std::vector<LedgerRow>> Ledger::query(const LedgerFilter& filter,
                                             const std::vector<std::string>& group_by) const {
  std::vector<std::string LedgerKey::*> fields;
  for (const std::string& name : group_by) {
    bool found = false;
    for (const KeyField& f : kKeyFields) {
      if (f.name != name) continue;
      fields.push_back(f.field);
      found = true;
    }
    if (!found) return fail(Code::kInvalidArgument, "the ledger has no field '" + name + "'");
  }
  std::map<LedgerKey, LedgerSums> groups;
  for (const auto& [key, sums] : rows_) {
    if (!matches(filter, key)) continue;
    LedgerKey group;
    for (std::string LedgerKey::* field : fields) group.*field = key.*field;
    groups[group] += sums;
  }
  std::vector<LedgerRow> out;
  for (auto& [key, sums] : groups) out.push_back(LedgerRow{key, sums});
  return out;
}

async::Task<Result<void>> Ledger::load(async::Context ctx, store::Documents* documents) {
  using Named = std::vector<std::pair<std::string, Json>>;
  Result<Named> listed = co_await documents->list(ctx, kCollection);
  if (!listed) co_return fail(std::move(listed).error());
  // Newest days first, in case not all of it fits.
  for (auto it = listed->rbegin(); it != listed->rend() && rows_.size() < rows_max_; ++it) {
    Result<LedgerRow> row = ledger_row_from_json(it->second);
    if (!row) co_return fail(std::move(row).error().note("ledger row " + it->first));
    rows_[row->key] += row->sums;
  }
  co_return Result<void>();
}

async::Task<Result<void>> Ledger::flush(async::Context ctx, store::Documents* documents) {
  // A row stays dirty (and so in memory) until what was written is what it holds.
  std::vector<LedgerKey> batch(dirty_.begin(), dirty_.end());
  for (const LedgerKey& key : batch) {
    auto before = rows_.find(key);
    if (before == rows_.end()) continue;
    LedgerRow row;
    row.key = key;
    row.sums = before->second;
    Json json = to_json(row);
    std::string name = document_name(key);
    Result<void> put = co_await documents->put(ctx, kCollection, std::move(name), std::move(json));
    if (!put) co_return fail(std::move(put).error());
    auto after = rows_.find(key);
    if (after == rows_.end() || after->second == row.sums) dirty_.erase(key);
  }
  co_return Result<void>();
}

Json to_json(const LedgerRow& row) {
  Json out = Json::object();
  for (const KeyField& f : kKeyFields) {
    if (!(row.key.*f.field).empty()) out.set(std::string(f.name), row.key.*f.field);
  }
  for (const SumField& f : kSumFields) out.set(std::string(f.name), row.sums.*f.field);
  out.set("cost_usd", row.sums.cost.usd());
  return out;
}

Result<LedgerRow> ledger_row_from_json(const Json& json) {
  if (!json.is_object()) return fail(Code::kDataLoss, "a ledger row is an object");
  LedgerRow out;
  for (const KeyField& f : kKeyFields) {
    out.key.*f.field = json.get_string(f.name).value_or("");
  }
  for (const SumField& f : kSumFields) out.sums.*f.field = json.get_int(f.name).value_or(0);
  TRY(out.sums.cost, Money::parse_usd(json.get_string("cost_usd").value_or("0")));
  return out;
}

}  // namespace drover::trace
