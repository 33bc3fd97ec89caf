// How the ledger's sums are kept: a document a row, and one for each day that is old.
#include <algorithm>

#include "base/bytes.h"
#include "base/limits/money.h"
#include "trace/ledger_fields.h"

namespace drover::trace {
namespace {

constexpr const char* kCollection = "ledger";
constexpr const char* kDays = "ledger_days";

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
