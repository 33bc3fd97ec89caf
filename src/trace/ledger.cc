#include "trace/ledger.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/money.h"
#include "base/log.h"

namespace drover::trace {
namespace {

constexpr const char* kCollection = "ledger";
constexpr const char* kDays = "ledger_days";
constexpr std::string_view kOthers = "*";
constexpr int64_t kDaySeconds = 86'400;

struct KeyField {
  std::string_view name;
  std::string LedgerKey::* field;
  std::string LedgerFilter::* filter;  // null: the day
  std::string LedgerLine::* line;      // null: the day, the tier
};
constexpr KeyField kKeyFields[] = {
    {"day", &LedgerKey::day, nullptr, nullptr},
    {"tenant", &LedgerKey::tenant, &LedgerFilter::tenant, &LedgerLine::tenant},
    {"key", &LedgerKey::key, &LedgerFilter::key, &LedgerLine::key},
    {"agent", &LedgerKey::agent, &LedgerFilter::agent, &LedgerLine::agent},
    {"session", &LedgerKey::session, &LedgerFilter::session, &LedgerLine::session},
    {"tree", &LedgerKey::tree, &LedgerFilter::tree, &LedgerLine::tree},
    {"model", &LedgerKey::model, &LedgerFilter::model, &LedgerLine::model},
    {"endpoint", &LedgerKey::endpoint, &LedgerFilter::endpoint, &LedgerLine::endpoint},
    {"provider", &LedgerKey::provider, &LedgerFilter::provider, &LedgerLine::provider},
    {"region", &LedgerKey::region, &LedgerFilter::region, &LedgerLine::region},
    {"tier", &LedgerKey::tier, &LedgerFilter::tier, nullptr},
};

/// Providers' words. Others are one, so that what a provider says makes no rows without end.
constexpr std::string_view kTiers[] = {"default", "flex",     "priority", "batch", "scale",
                                       "auto",    "reserved", "standard", "fast",  "on_demand"};

struct SumField {
  std::string_view name;
  int64_t LedgerSums::* field;
  std::optional<int64_t> contract::Usage::* usage;  // null: counted, not used
};
using LedgerUsage = contract::Usage;
constexpr SumField kSumFields[] = {
    {"calls", &LedgerSums::calls, nullptr},
    {"failed", &LedgerSums::failed, nullptr},
    {"estimated", &LedgerSums::estimated, nullptr},
    {"lost", &LedgerSums::lost, nullptr},
    {"unpriced", &LedgerSums::unpriced, nullptr},
    {"input_tokens", &LedgerSums::input_tokens, &LedgerUsage::input_tokens},
    {"output_tokens", &LedgerSums::output_tokens, &LedgerUsage::output_tokens},
    {"cache_read_tokens", &LedgerSums::cache_read_tokens, &LedgerUsage::cache_read_tokens},
    {"cache_write_tokens", &LedgerSums::cache_write_tokens, &LedgerUsage::cache_write_tokens},
    {"cache_write_1h_tokens", &LedgerSums::cache_write_1h_tokens,
     &LedgerUsage::cache_write_1h_tokens},
    {"reasoning_tokens", &LedgerSums::reasoning_tokens, &LedgerUsage::reasoning_tokens},
    {"audio_input_tokens", &LedgerSums::audio_input_tokens, &LedgerUsage::audio_input_tokens},
    {"audio_output_tokens", &LedgerSums::audio_output_tokens, &LedgerUsage::audio_output_tokens},
    {"image_input_tokens", &LedgerSums::image_input_tokens, &LedgerUsage::image_input_tokens},
};

std::string document_name(const LedgerKey& key) {
  std::string out;
  for (const KeyField& f : kKeyFields) {
    // Without a tier the name is that of the time before there were any.
    if (f.field == &LedgerKey::tier && key.tier.empty()) continue;
    if (!out.empty()) out += '/';
    out += percent_encode(key.*f.field);
  }
  return out;
}

bool matches(const LedgerFilter& filter, const LedgerKey& key) {
  for (const KeyField& f : kKeyFields) {
    if (f.filter == nullptr) continue;
    const std::string& wanted = filter.*f.filter;
    if (!wanted.empty() && wanted != key.*f.field) return false;
  }
  return (filter.from_day.empty() || key.day >= filter.from_day) &&
         (filter.to_day.empty() || key.day <= filter.to_day);
}

LedgerKey key_of(const LedgerLine& line, std::string day, std::string_view tier) {
  LedgerKey out;
  out.day = std::move(day);
  out.tier = tier;
  for (const KeyField& f : kKeyFields) {
    if (f.line != nullptr) out.*f.field = line.*f.line;
  }
  return out;
}

/// Adds `times` (1 or -1) of it.
void add_billing(LedgerSums& sums, const Billing& b, int times) {
  sums.estimated += b.usage.estimated ? times : 0;
  sums.unpriced += b.cost_known ? 0 : times;
  for (const SumField& f : kSumFields) {
    if (f.usage != nullptr) sums.*f.field += (b.usage.*f.usage).value_or(0) * times;
  }
  if (!b.cost_known) return;
  sums.cost += b.cost * times;
  if (b.usage.estimated) sums.estimated_cost += b.cost * times;
}

/// The call itself, beside what it used.
void add_call(LedgerSums& sums, const LedgerRecord& record, int times) {
  (record.ok ? sums.calls : sums.failed) += times;
  sums.lost += record.lost ? times : 0;
}

/// A correction that belongs to another row than what it corrects.
bool moves(const LedgerRecord& record) {
  return record.kind == RecordKind::kCorrect &&
         ledger_tier(record.tier) != ledger_tier(record.tier_before);
}

LedgerKey without_session(LedgerKey key) {
  if (!key.session.empty()) key.session = kOthers;
  if (!key.tree.empty()) key.tree = kOthers;
  return key;
}

}  // namespace

std::string_view ledger_tier(std::string_view said) {
  if (said.empty()) return {};
  for (std::string_view known : kTiers) {
    if (said == known) return known;
  }
  return "other";
}

std::string day_of(WallTime t) { return format_rfc3339(t).substr(0, 10); }

std::vector<std::string_view> ledger_fields() {
  std::vector<std::string_view> out;
  for (const KeyField& f : kKeyFields) out.push_back(f.name);
  return out;
}

LedgerSums& LedgerSums::operator+=(const LedgerSums& other) {
  for (const SumField& f : kSumFields) this->*f.field += other.*f.field;
  cost += other.cost;
  estimated_cost += other.estimated_cost;
  return *this;
}

void Ledger::mark(Rows::iterator row) {
  if (row->second.dirty) return;
  row->second.dirty = true;
  if (rolled_.contains(row->first.day)) {
    dirty_days_.insert(row->first.day);
  } else {
    dirty_.push_back(row->first);
  }
}

Ledger::Rows::iterator Ledger::find_row(const LedgerRecord& record, const LedgerLine& line,
                                        std::string_view tier, bool replayed) {
  const int64_t number = unix_seconds(record.at) / kDaySeconds;
  if (number != day_number_) {
    day_number_ = number;
    day_text_ = day_of(record.at);
  }
  LedgerKey key = key_of(line, day_text_, tier);
  if (rolled_.contains(key.day)) key = without_session(std::move(key));
  auto row = rows_.find(key);
  if (row != rows_.end()) return row;
  if (replayed) {
    // It may have been summed with others when there was no room for a row of its own.
    auto others = rows_.find(without_session(key));
    if (others != rows_.end() && others->second.sequence >= record.sequence) return others;
    // Or, before rows had tiers, in the one for all of them.
    LedgerKey untiered = key;
    untiered.tier.clear();
    auto all = rows_.find(untiered);
    if (all == rows_.end()) all = rows_.find(without_session(untiered));
    if (all != rows_.end() && all->second.all_tiers_to >= record.sequence) return all;
  }
  if (rows_.size() >= rows_max_) key = without_session(std::move(key));
  return rows_.try_emplace(std::move(key)).first;
}

void Ledger::apply(Rows::iterator row, const LedgerRecord& record) {
  LedgerSums& sums = row->second.sums;
  if (record.kind == RecordKind::kCorrect) {
    add_billing(sums, record.before, -1);
  } else {
    add_call(sums, record, 1);
  }
  add_billing(sums, record.billing, 1);
  count(row, record);
}

void Ledger::move(const LedgerRecord& record, const LedgerLine& line, bool replayed) {
  auto from = find_row(record, line, ledger_tier(record.tier_before), replayed);
  if (!replayed || record.sequence > from->second.sequence) {
    add_billing(from->second.sums, record.before, -1);
    add_call(from->second.sums, record, -1);
    count(from, record);
  }
  auto to = find_row(record, line, ledger_tier(record.tier), replayed);
  if (!replayed || record.sequence > to->second.sequence) {
    add_billing(to->second.sums, record.billing, 1);
    add_call(to->second.sums, record, 1);
    count(to, record);
  }
}

void Ledger::count(Rows::iterator row, const LedgerRecord& record) {
  row->second.sequence = std::max(row->second.sequence, record.sequence);
  sequence_ = std::max(sequence_, record.sequence);
  mark(row);
}

void Ledger::add(const LedgerRecord& record, const LedgerLine& line, Slot* slot) {
  if (moves(record)) return move(record, line, false);
  const int64_t day = unix_seconds(record.at) / kDaySeconds;
  const std::string_view tier = ledger_tier(record.tier);
  if (slot != nullptr && slot->epoch == epoch_ && slot->day == day &&
      slot->row->first.tier == tier) {
    apply(slot->row, record);
    return;
  }
  auto row = find_row(record, line, tier, false);
  if (slot != nullptr) {
    slot->epoch = epoch_;
    slot->day = day;
    slot->row = row;
  }
  apply(row, record);
}

void Ledger::replay(const LedgerRecord& record, const LedgerLine& line) {
  if (moves(record)) {
    move(record, line, true);
  } else {
    auto row = find_row(record, line, ledger_tier(record.tier), true);
    if (record.sequence > row->second.sequence) apply(row, record);
  }
  sequence_ = std::max(sequence_, record.sequence);
}

void Ledger::each(const std::function<void(const LedgerKey&, const LedgerSums&)>& visit) const {
  for (const auto& [key, row] : rows_) visit(key, row.sums);
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
    if (!found) {
      std::string known;
      for (const KeyField& f : kKeyFields)
        known += (known.empty() ? "" : ", ") + std::string(f.name);
      return fail(Code::kInvalidArgument,
                  "the ledger has no field '" + name + "'; there are " + known);
    }
  }
  std::map<LedgerKey, LedgerSums> groups;
  for (const auto& [key, row] : rows_) {
    if (!matches(filter, key)) continue;
    LedgerKey group;
    for (std::string LedgerKey::* field : fields) group.*field = key.*field;
    groups[group] += row.sums;
  }
  std::vector<LedgerRow> out;
  for (auto& [key, sums] : groups) out.push_back(LedgerRow{key, sums});
  return out;
}

// --- Documents ---

namespace {

Json stored(const LedgerKey& key, const LedgerSums& sums, uint64_t sequence,
            uint64_t all_tiers_to) {
  LedgerRow row{key, sums};
  Json out = to_json(row);
  out.set("sequence", sequence).set("all_tiers_to", all_tiers_to);
  return out;
}

}  // namespace

void Ledger::take_position(const Json& json, Row& row) {
  row.sequence = static_cast<uint64_t>(json.get_int("sequence").value_or(0));
  const auto sequence = static_cast<int64_t>(row.sequence);
  row.all_tiers_to = static_cast<uint64_t>(json.get_int("all_tiers_to").value_or(sequence));
  sequence_ = std::max(sequence_, row.sequence);
}

async::Task<Result<void>> Ledger::load_days(async::Context ctx, store::Documents* documents) {
  CO_TRY(auto days, co_await documents->list(ctx, kDays));
  for (const auto& [day, json] : days) {
    rolled_.insert(day);
    const Json* rows = json.find("rows");
    const Json::Array* items = rows == nullptr ? nullptr : rows->array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      CO_TRY(LedgerRow row, ledger_row_from_json((*items)[i]));
      Row& mine = rows_[row.key];
      mine.sums += row.sums;
      take_position((*items)[i], mine);
    }
  }
  co_return Result<void>();
}

async::Task<Result<void>> Ledger::load(async::Context ctx, store::Documents* documents) {
  CO_TRY_VOID(co_await load_days(ctx, documents));
  using Named = std::vector<std::pair<std::string, Json>>;
  Result<Named> listed = co_await documents->list(ctx, kCollection);
  if (!listed) co_return fail(std::move(listed).error());
  for (const auto& [name, json] : *listed) {
    Result<LedgerRow> row = ledger_row_from_json(json);
    if (!row) co_return fail(std::move(row).error().note("ledger row " + name));
    if (rolled_.contains(row->key.day)) {
      // In that day's document; this one was left by a process that ended meanwhile.
      CO_TRY_VOID(co_await documents->remove(ctx, kCollection, name));
      continue;
    }
    Row& mine = rows_[row->key];
    mine.sums += row->sums;
    take_position(json, mine);
  }
  co_return Result<void>();
}

std::string Ledger::day_to_roll(WallTime now) const {
  const bool full = rows_.size() >= rows_max_;
  const std::string before = day_of(full ? now : now - limits::kLedgerSessionsAge);
  for (auto it = rows_.begin(); it != rows_.end() && it->first.day < before;) {
    const std::string& day = it->first.day;
    if (!rolled_.contains(day)) return day;
    LedgerKey next;
    next.day = day + '\x7f';
    it = rows_.upper_bound(next);
  }
  return "";
}

async::Task<Result<void>> Ledger::write_day(async::Context ctx, store::Documents* documents,
                                            std::string day) {
  Json rows = Json::array();
  LedgerKey first;
  first.day = day;
  std::vector<std::pair<LedgerKey, uint64_t>> written;
  for (auto it = rows_.lower_bound(first); it != rows_.end() && it->first.day == day; ++it) {
    rows.push(stored(it->first, it->second.sums, it->second.sequence, it->second.all_tiers_to));
    written.emplace_back(it->first, it->second.sequence);
  }
  Json document = Json::object().set("rows", std::move(rows));
  CO_TRY_VOID(co_await documents->put(ctx, kDays, day, std::move(document)));
  bool all = true;
  for (const auto& [key, sequence] : written) {
    auto row = rows_.find(key);
    if (row == rows_.end()) continue;
    row->second.dirty = row->second.sequence != sequence;
    all = all && !row->second.dirty;
  }
  if (all) dirty_days_.erase(day);
  co_return Result<void>();
}

async::Task<Result<void>> Ledger::roll_up(async::Context ctx, store::Documents* documents,
                                          std::string day) {
  LedgerKey first;
  first.day = day;
  std::vector<LedgerKey> gone;
  std::vector<std::pair<LedgerKey, Row>> moved;
  for (auto it = rows_.lower_bound(first); it != rows_.end() && it->first.day == day; ++it) {
    gone.push_back(it->first);
    moved.emplace_back(without_session(it->first), it->second);
  }
  for (const LedgerKey& key : gone) rows_.erase(key);
  for (auto& [key, row] : moved) {
    Row& sum = rows_[key];
    sum.sums += row.sums;
    sum.sequence = std::max(sum.sequence, row.sequence);
    sum.all_tiers_to = std::max(sum.all_tiers_to, row.all_tiers_to);
    sum.dirty = true;
  }
  ++epoch_;
  rolled_.insert(day);
  dirty_days_.insert(day);
  CO_TRY_VOID(co_await write_day(ctx, documents, day));
  for (const LedgerKey& key : gone) {
    std::string name = document_name(key);
    CO_TRY_VOID(co_await documents->remove(ctx, kCollection, std::move(name)));
  }
  co_return Result<void>();
}

async::Task<Result<void>> Ledger::flush(async::Context ctx, store::Documents* documents,
                                        WallTime now) {
  std::vector<LedgerKey> batch = std::move(dirty_);
  dirty_.clear();
  // What stands for many is written last: see find_row().
  std::partition(batch.begin(), batch.end(),
                 [](const LedgerKey& key) { return key.session != kOthers; });
  for (size_t i = 0; i < batch.size(); ++i) {
    auto row = rows_.find(batch[i]);
    if (row == rows_.end()) continue;
    row->second.dirty = false;  // what comes while it is written makes it dirty again
    Json json =
        stored(row->first, row->second.sums, row->second.sequence, row->second.all_tiers_to);
    std::string name = document_name(batch[i]);
    Result<void> put = co_await documents->put(ctx, kCollection, std::move(name), std::move(json));
    if (put) continue;
    for (size_t k = i; k < batch.size(); ++k) {
      row = rows_.find(batch[k]);
      if (row == rows_.end()) continue;
      bool queued = k == i && row->second.dirty;
      row->second.dirty = true;
      if (!queued) dirty_.push_back(batch[k]);
    }
    co_return fail(std::move(put).error());
  }
  std::vector<std::string> days(dirty_days_.begin(), dirty_days_.end());
  for (std::string& day : days) CO_TRY_VOID(co_await write_day(ctx, documents, std::move(day)));
  if (std::string day = day_to_roll(now); !day.empty()) {
    CO_TRY_VOID(co_await roll_up(ctx, documents, std::move(day)));
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
  out.set("estimated_cost_usd", row.sums.estimated_cost.usd());
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
  TRY(out.sums.estimated_cost,
      Money::parse_usd(json.get_string("estimated_cost_usd").value_or("0")));
  return out;
}

}  // namespace drover::trace
