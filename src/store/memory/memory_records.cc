#include "store/memory/memory_records.h"

#include <algorithm>

#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "store/bm25.h"

namespace drover::store {

void MemoryRecords::restore(const Space& space, const std::string& key, const Stored& before) {
  if (before.number == 0) {
    spaces_[space].erase(key);
  } else {
    spaces_[space][key] = before;
  }
}

Task<Result<uint64_t>> MemoryRecords::put(Context ctx, TenantId tenant, Record record,
                                          std::optional<uint64_t> expected_version) {
  CO_TRY_VOID(check_record(tenant, record, record.value.dump().size()));
  const Space space(tenant, record.name_space);
  Keys& keys = spaces_[space];
  auto it = keys.find(record.key);
  const Stored before = it == keys.end() ? Stored() : it->second;
  const WallTime now = ctx.loop().wall();
  const bool known = before.number != 0 && !expired(before.record, now);
  const uint64_t last = known ? before.record.version : 0;
  if (expected_version && *expected_version != last) {
    co_return fail(version_conflict(record.key, *expected_version, last));
  }
  CO_TRY_VOID(disk_.admit());
  const uint64_t version = last + 1;
  const std::string key = record.key;
  record.version = version;
  record.updated = now;
  record.created = known ? before.record.created : now;
  Stored stored;
  stored.number = known ? before.number : next_number_++;
  stored.record = std::move(record);
  keys[key] = std::move(stored);
  std::function<void()> undo = [this, space, key, before] { restore(space, key, before); };
  CO_TRY_VOID(co_await disk_.commit(ctx, std::move(undo)));
  co_return version;
}

Task<Result<Record>> MemoryRecords::get(Context ctx, TenantId tenant, std::string name_space,
                                        std::string key) {
  CO_TRY_VOID(check_record_name(tenant, name_space, key));
  const Space space(tenant, name_space);
  auto keys = spaces_.find(space);
  if (keys != spaces_.end()) {
    auto it = keys->second.find(key);
    const bool there = it != keys->second.end() && !expired(it->second.record, ctx.loop().wall());
    if (there) co_return it->second.record;
  }
  co_return fail(Code::kNotFound, "no record '" + key + "' in namespace '" + name_space + "'");
}

Task<Result<std::vector<Record>>> MemoryRecords::list(Context ctx, TenantId tenant,
                                                      std::string name_space, std::string prefix,
                                                      std::string after, size_t limit) {
  std::vector<Record> out;
  limit = std::min(limit, limits::kStoreRowsMax);
  const WallTime now = ctx.loop().wall();
  const Space space(tenant, name_space);
  auto keys = spaces_.find(space);
  if (keys == spaces_.end()) co_return out;
  auto it = after < prefix ? keys->second.lower_bound(prefix) : keys->second.upper_bound(after);
  for (; it != keys->second.end() && out.size() < limit; ++it) {
    if (!it->first.starts_with(prefix)) break;
    if (!expired(it->second.record, now)) out.push_back(it->second.record);
  }
  co_return out;
}

Task<Result<bool>> MemoryRecords::remove(Context ctx, TenantId tenant, std::string name_space,
                                         std::string key) {
  CO_TRY_VOID(check_record_name(tenant, name_space, key));
  CO_TRY_VOID(disk_.admit());
  const Space space(tenant, name_space);
  auto keys = spaces_.find(space);
  if (keys == spaces_.end()) co_return false;
  auto it = keys->second.find(key);
  if (it == keys->second.end()) co_return false;
  const Stored before = it->second;
  keys->second.erase(it);
  std::function<void()> undo = [this, space, key, before] { restore(space, key, before); };
  CO_TRY_VOID(co_await disk_.commit(ctx, std::move(undo)));
  co_return !expired(before.record, ctx.loop().wall());
}

Task<Result<void>> MemoryRecords::take_over(Context ctx, TenantId tenant,
                                            std::vector<Record> records) {
  for (const Record& record : records) {
    CO_TRY_VOID(check_record(tenant, record, record.value.dump().size()));
  }
  CO_TRY_VOID(disk_.admit());
  std::vector<std::pair<Space, Stored>> before;  // its record's key names it
  for (Record& record : records) {
    const Space space(tenant, record.name_space);
    Stored& stored = spaces_[space][record.key];
    Stored old = stored;
    old.record.key = record.key;
    stored.number = stored.number == 0 ? next_number_++ : stored.number;
    stored.record = std::move(record);
    before.emplace_back(space, std::move(old));
  }
  std::function<void()> undo = [this, before] {
    for (const auto& [space, stored] : before) restore(space, stored.record.key, stored);
  };
  co_return co_await disk_.commit(ctx, std::move(undo));
}

Task<Result<void>> MemoryRecords::remove_all(Context ctx, Doomed doomed) {
  CO_TRY_VOID(disk_.admit());
  auto before = std::make_shared<std::vector<std::pair<Doomed::value_type, Stored>>>();
  for (auto& [space, key] : doomed) {
    Keys& keys = spaces_[space];
    auto it = keys.find(key);
    std::pair<Space, std::string> name(space, key);
    before->emplace_back(std::move(name), std::move(it->second));
    keys.erase(it);
  }
  std::function<void()> undo = [this, before] {
    for (const auto& [name, stored] : *before) restore(name.first, name.second, stored);
  };
  co_return co_await disk_.commit(ctx, std::move(undo));
}

Task<Result<uint64_t>> MemoryRecords::clear(Context ctx, TenantId tenant, std::string name_space) {
  CO_TRY_VOID(disk_.admit());
  const Space space(tenant, name_space);
  auto keys = spaces_.find(space);
  if (keys == spaces_.end() || keys->second.empty()) co_return 0;
  const Keys before = std::move(keys->second);
  keys->second.clear();
  std::function<void()> undo = [this, space, before] {
    for (const auto& [key, stored] : before) restore(space, key, stored);
  };
  CO_TRY_VOID(co_await disk_.commit(ctx, std::move(undo)));
  co_return before.size();
}

Task<Result<size_t>> MemoryRecords::remove_of(Context ctx, TenantId tenant, SessionId session) {
  Doomed doomed;
  for (const auto& [space, keys] : spaces_) {
    if (space.first != tenant) continue;
    const bool bound = space.second.find(session.str()) != std::string::npos;
    for (const auto& [key, stored] : keys) {
      if (doomed.size() == limits::kRecordRemovalSlice) break;
      if (bound || stored.record.source == session) doomed.emplace_back(space, key);
    }
  }
  const size_t count = doomed.size();
  CO_TRY_VOID(co_await remove_all(ctx, std::move(doomed)));
  co_return count;
}

Task<Result<std::vector<Removed>>> MemoryRecords::remove_expired(Context ctx, WallTime until,
                                                                 size_t limit) {
  std::multimap<WallTime, std::pair<Space, std::string>> due;
  for (const auto& [space, keys] : spaces_) {
    for (const auto& [key, stored] : keys) {
      const std::optional<WallTime>& expires = stored.record.expires;
      if (expires && *expires <= until) due.emplace(*expires, std::make_pair(space, key));
    }
  }
  Doomed doomed;
  std::map<Space, size_t> counts;
  for (const auto& [when, name] : due) {
    if (doomed.size() >= std::min(limit, limits::kRecordRemovalSlice)) break;
    doomed.push_back(name);
    ++counts[name.first];
  }
  std::vector<Removed> out;
  for (const auto& [space, count] : counts)
    out.push_back(Removed{space.first, space.second, count});
  CO_TRY_VOID(co_await remove_all(ctx, std::move(doomed)));
  co_return out;
}

std::vector<Found> MemoryRecords::newest(const Keys& keys, size_t limit, WallTime now) {
  std::vector<const Stored*> all;
  for (const auto& [key, stored] : keys) {
    if (!expired(stored.record, now)) all.push_back(&stored);
  }
  std::sort(all.begin(), all.end(), [](const Stored* a, const Stored* b) {
    if (a->record.updated != b->record.updated) return a->record.updated > b->record.updated;
    return a->number > b->number;
  });
  std::vector<Found> out;
  for (size_t i = 0; i < all.size() && i < limit; ++i) out.push_back(Found{all[i]->record, 0});
  return out;
}

std::vector<Found> MemoryRecords::ranked(const Keys& keys, const std::vector<std::string>& words,
                                         size_t limit, WallTime now) {
  struct Match {
    const Stored* stored;
    int64_t length;
    std::vector<uint32_t> counts;
  };
  std::vector<Match> matches;
  std::map<int64_t, const Stored*> by_number;
  int64_t tokens = 0;
  for (const auto& [key, stored] : keys) {
    const std::vector<std::string> text = fold_words(stored.record.text);
    tokens += static_cast<int64_t>(text.size());
    if (expired(stored.record, now)) continue;
    std::vector<uint32_t> counts;
    for (const std::string& word : words) {
      counts.push_back(static_cast<uint32_t>(std::count(text.begin(), text.end(), word)));
    }
    if (std::all_of(counts.begin(), counts.end(), [](uint32_t n) { return n == 0; })) continue;
    matches.push_back(Match{&stored, static_cast<int64_t>(text.size()), std::move(counts)});
    by_number[stored.number] = &stored;
  }
  Bm25 rank(words.size(), static_cast<int64_t>(keys.size()), tokens);
  for (const Match& m : matches) rank.add(m.stored->number, m.length, m.counts);
  std::vector<Found> out;
  for (const auto& [number, score] : rank.best(limit)) {
    out.push_back(Found{by_number[number]->record, score});
  }
  return out;
}

Task<Result<std::vector<Found>>> MemoryRecords::search(Context ctx, TenantId tenant,
                                                       std::string name_space, std::string query,
                                                       size_t limit) {
  limit = std::min(limit, limits::kMemorySearchResultsMax);
  const Space space(tenant, name_space);
  auto keys = spaces_.find(space);
  if (keys == spaces_.end()) co_return std::vector<Found>();
  const std::vector<std::string> words = query_words(query);
  if (words.empty()) co_return newest(keys->second, limit, ctx.loop().wall());
  co_return ranked(keys->second, words, limit, ctx.loop().wall());
}

}  // namespace drover::store
