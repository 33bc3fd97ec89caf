#pragma once
// Searches records of one namespace: the full-text index finds the candidates and counts the words
// in them (word_counts.h), store/bm25.h ranks them over this namespace's own statistics.

#include <string>
#include <vector>

#include "store/records.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// The best for these words (query_words), or the newest where there are none. What has expired is
/// not found. The connection must know the word counts.
Result<std::vector<Found>> search_records(Db& db, const TenantId& tenant,
                                          const std::string& name_space,
                                          const std::vector<std::string>& words, size_t limit,
                                          WallTime now);

}  // namespace drover::store::sqlite
