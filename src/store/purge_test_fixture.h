#pragma once
// What the tests of purges share: a word to look for, sessions that say it, and their purge.

#include <string>
#include <string_view>
#include <vector>

#include "store/store_test_util.h"

namespace drover::store {

constexpr std::string_view kCanary = "canaryword";

inline std::vector<contract::Event> said(const SessionId& id, uint64_t first, uint64_t last,
                                         size_t filler = 40) {
  std::vector<contract::Event> out;
  for (uint64_t n = first; n <= last; ++n) {
    out.push_back(test_event(id, n, "\"" + std::string(kCanary) + std::string(filler, 'x') + "\""));
    out.back().extra.clear();
  }
  return out;
}

inline SessionRow purged_row(const SessionId& id) {
  SessionRow row = test_row(id);
  row.status = "ended";
  row.end_reason = kPurged;
  row.pending = kErase;
  return row;
}

inline contract::Event purge_event(const SessionId& id, uint64_t sequence) {
  contract::Event e = test_event(id, sequence, R"({"reason":"asked"})");
  e.kind = "purge";
  e.extra.clear();
  return e;
}

}  // namespace drover::store
