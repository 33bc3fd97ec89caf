#pragma once
// The fields of the ledger's rows, each named once: for its sums and for its documents. Of trace
// alone.

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "trace/ledger.h"

namespace drover::trace {

/// Stands for all sessions, or all trees, of a row that sums them.
inline constexpr std::string_view kOthers = "*";

struct KeyField {
  std::string_view name;
  std::string LedgerKey::* field;
  std::string LedgerFilter::* filter;  // null: the day
  std::string LedgerLine::* line;      // null: the day, the tier
};
inline constexpr KeyField kKeyFields[] = {
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

struct SumField {
  std::string_view name;
  int64_t LedgerSums::* field;
  std::optional<int64_t> contract::Usage::* usage;  // null: counted, not used
};
using LedgerUsage = contract::Usage;
inline constexpr SumField kSumFields[] = {
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
/// Those that are used: behind those that are counted.
inline constexpr auto kUsedFields = std::span(kSumFields).subspan<5>();
static_assert(kSumFields[4].usage == nullptr);
static_assert(std::ranges::all_of(kUsedFields,
                                  [](const SumField& f) { return f.usage != nullptr; }));

inline LedgerKey without_session(LedgerKey key) {
  if (!key.session.empty()) key.session = kOthers;
  if (!key.tree.empty()) key.tree = kOthers;
  return key;
}

}  // namespace drover::trace
