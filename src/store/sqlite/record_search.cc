#include "store/sqlite/record_search.h"

#include <set>

#include "store/bm25.h"
#include "store/sqlite/record_rows.h"
#include "store/sqlite/word_counts.h"

namespace drover::store::sqlite {
namespace {

constexpr std::string_view kByNumber =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE "
    "number = ?";
constexpr std::string_view kNewest =
    "SELECT key, text, value, version, created, updated, source, data_class, expires FROM records "
    "WHERE name_space = ? AND (expires IS NULL OR expires > ?) "
    "ORDER BY updated DESC, number DESC LIMIT ?";

/// {scope} : "n12" AND {text} : ("word" OR "word"). Words hold no quote (fold_words).
std::string match_of(int64_t space, const std::vector<std::string>& words) {
  std::string out = "{scope} : \"" + scope_of(space) + "\" AND {text} : (";
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += " OR ";
    out += '"' + words[i] + '"';
  }
  return out + ")";
}

/// Records of the namespace that have expired and wait for the sweep.
Result<std::set<int64_t>> expired_in(Db& db, int64_t space, WallTime now) {
  TRY(Statement s, db.use("SELECT number FROM records WHERE expires <= ? AND name_space = ?"));
  s.bind(unix_nanos(now)).bind(space);
  std::set<int64_t> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    out.insert(s.integer(0));
  }
}

Result<Bm25> rank(Db& db, const Space& space, const std::vector<std::string>& words, WallTime now) {
  TRY(const std::set<int64_t> expired, expired_in(db, space.number, now));
  TRY(Statement s, db.use("SELECT rowid, drover_counts(records_text) FROM records_text "
                          "WHERE records_text MATCH ?"));
  const std::string match = match_of(space.number, words);
  s.bind(match);
  Bm25 out(words.size(), space.records, space.words);
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    if (expired.count(s.integer(0)) > 0) continue;
    std::vector<uint32_t> counts = read_word_counts(s.bytes(1));
    // First the length, then the scope's own phrase, then the words.
    if (counts.size() != words.size() + 2) {
      return fail(Code::kInternal, "the full-text index gave an unexpected number of phrases");
    }
    const int64_t length = counts[0];
    counts.erase(counts.begin(), counts.begin() + 2);
    out.add(s.integer(0), length, counts);
  }
}

Result<std::vector<Found>> select_newest(Db& db, int64_t space, const std::string& name_space,
                                         size_t limit, WallTime now) {
  TRY(Statement s, db.use(kNewest));
  s.bind(space).bind(unix_nanos(now)).bind(static_cast<int64_t>(limit));
  std::vector<Found> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    Found found;
    TRY(found.record, read_record(s, name_space));
    out.push_back(std::move(found));
  }
}

}  // namespace

Result<std::vector<Found>> search_records(Db& db, const TenantId& tenant,
                                          const std::string& name_space,
                                          const std::vector<std::string>& words, size_t limit,
                                          WallTime now) {
  TRY(auto space, find_space(db, tenant, name_space));
  if (!space) return std::vector<Found>();
  if (words.empty()) return select_newest(db, space->number, name_space, limit, now);
  TRY(Bm25 ranking, rank(db, *space, words, now));
  std::vector<Found> out;
  for (const auto& [number, score] : ranking.best(limit)) {
    TRY(Statement s, db.use(kByNumber));
    s.bind(number);
    TRY(bool there, s.step());
    if (!there) continue;
    Found found;
    TRY(found.record, read_record(s, name_space));
    found.score = score;
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace drover::store::sqlite
