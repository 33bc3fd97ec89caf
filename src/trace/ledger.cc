#include "trace/ledger.h"

#include <algorithm>

#include "trace/ledger_fields.h"

namespace drover::trace {
namespace {

constexpr int64_t kDaySeconds = 86'400;

/// Providers' words. Others are one, so that what a provider says makes no rows without end.
constexpr std::string_view kTiers[] = {"default", "flex",     "priority", "batch", "scale",
                                       "auto",    "reserved", "standard", "fast",  "on_demand"};

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
void add_billing(LedgerSums& sums, const BillingView& b, int times) {
  const contract::Usage& usage = *b.usage;
  sums.estimated += usage.estimated ? times : 0;
  sums.unpriced += b.cost_known ? 0 : times;
  for (const SumField& f : kUsedFields) {
    if (const std::optional<int64_t>& count = usage.*f.usage) sums.*f.field += *count * times;
  }
  if (!b.cost_known) return;
  sums.cost += b.cost * times;
  if (usage.estimated) sums.estimated_cost += b.cost * times;
}

/// The call itself, beside what it used.
void add_call(LedgerSums& sums, const LedgerEntry& record, int times) {
  (record.ok ? sums.calls : sums.failed) += times;
  sums.lost += record.lost ? times : 0;
}

/// A correction that belongs to another row than what it corrects.
bool moves(const LedgerEntry& record) {
  return record.kind == RecordKind::kCorrect &&
         ledger_tier(record.tier) != ledger_tier(record.tier_before);
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

Ledger::Rows::iterator Ledger::find_row(const LedgerEntry& record, const LedgerLine& line,
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

void Ledger::apply(Rows::iterator row, const LedgerEntry& record) {
  LedgerSums& sums = row->second.sums;
  if (record.kind == RecordKind::kCorrect) {
    add_billing(sums, record.before, -1);
  } else {
    add_call(sums, record, 1);
  }
  add_billing(sums, record.billing, 1);
  count(row, record);
}

void Ledger::move(const LedgerEntry& record, const LedgerLine& line, bool replayed) {
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

void Ledger::count(Rows::iterator row, const LedgerEntry& record) {
  row->second.sequence = std::max(row->second.sequence, record.sequence);
  sequence_ = std::max(sequence_, record.sequence);
  mark(row);
}

void Ledger::add(const LedgerEntry& record, const LedgerLine& line, Slot* slot) {
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

void Ledger::replay(const LedgerEntry& record, const LedgerLine& line) {
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

}  // namespace drover::trace
