#pragma once
// Words and BM25: what every backend of Records shares, so that the same query over the same
// records gives the same order everywhere, and a tenant's ranking depends on its own namespace
// alone (statistics over all tenants would tell one what words the others use).
//
//   score(d) = sum over words w of ln(1 + (N - n + 0.5) / (n + 0.5))
//                                  * f (k1 + 1) / (f + k1 (1 - b + b |d| / avg))
//
// with k1 1.2 and b 0.75 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009;
// the logarithm's 1 + keeps it positive for words that most records hold). Pure; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits/memory.h"

namespace drover::store {

/// The words of a text, folded: lower case, Latin letters without diacritics. Letters and digits
/// make words, everything else parts them (close to SQLite's unicode61 tokenizer).
std::vector<std::string> fold_words(std::string_view text);

/// The distinct words of a query in order, at most limits::kMemorySearchWordsMax.
std::vector<std::string> query_words(std::string_view query);

class Bm25 {
 public:
  /// `documents` records of `tokens` words in all stand in the namespace.
  Bm25(size_t words, int64_t documents, int64_t tokens)
      : words_(words), documents_(documents), tokens_(tokens), holding_(words) {}
  /// A record of `length` words; `counts` says how often each word of the query is in it.
  void add(int64_t id, int64_t length, const std::vector<uint32_t>& counts);
  /// (id, score), best first; equal scores: the lower id first.
  std::vector<std::pair<int64_t, double>> best(size_t limit) const;

 private:
  struct Candidate {
    int64_t id;
    int64_t length;
  };
  size_t words_;
  int64_t documents_;
  int64_t tokens_;
  std::vector<int64_t> holding_;  // how many candidates hold each word
  std::vector<Candidate> candidates_;
  std::vector<uint32_t> counts_;  // words_ for each candidate
};

}  // namespace drover::store
