#pragma once
// An FTS5 function for ranking outside of SQLite: drover_counts(records_text) gives, for a matching
// row, a blob of 32-bit numbers (this machine's order): the words in column `text`, then for each
// phrase of the query how often it stands in that column. (SQLite's own bm25() counts over all
// tenants.)

#include <cstdint>
#include <vector>

#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// Makes the function known on a connection.
Result<void> add_word_counts(Db& db);
/// Reads such a blob.
std::vector<uint32_t> read_word_counts(std::string_view blob);

}  // namespace drover::store::sqlite
