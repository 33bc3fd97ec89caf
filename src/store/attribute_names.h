#pragma once
// The names of span attributes that the program itself uses, each with a code of one byte: a model
// call writes some thirty of them, which would be most of the bytes of its spans. What they mean
// stands in trace/genai.h.
//
// Stored spans hold the codes: THE ORDER IS FOR EVER. New names go to the end, none is changed,
// moved or taken out (a name that is not used any more still reads what is stored). Names that are
// not here are written out.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace drover::store {

/// A name's code is its place here, counted from 1.
inline constexpr std::string_view kAttributeNames[] = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.max_tokens",
    "gen_ai.request.stream",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.conversation.id",
    "gen_ai.agent.name",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.tool.call.id",
    "gen_ai.memory.store.id",
    "gen_ai.token.type",
    "error.type",
    "server.address",
    "drover.error.message",
    "drover.endpoint",
    "drover.region",
    "drover.zone",
    "drover.attempt",
    "drover.placement",
    "drover.placement.rejected",
    "drover.placement.epochs",
    "drover.request_id",
    "drover.system_fingerprint",
    "drover.needs",
    "drover.tool.tries",
    "drover.tool.batch",
    "drover.tool.coalesced",
    "drover.failovers",
    "drover.cost_usd",
    "drover.usage_estimated",
    "drover.service_class",
    "drover.rounds",
    "drover.service_tier",
    "drover.downgrade.level",
    "drover.downgrade",
    "drover.latency.queue",
    "drover.latency.placement",
    "drover.latency.network",
    "drover.latency.model",
    "drover.latency.tool",
    "drover.latency.store",
    "drover.latency.sync",
    "drover.latency.other",
    "drover.dropped_events",
};
/// 0 and 255 are no names (store/span_attributes.h).
static_assert(std::size(kAttributeNames) < 255);

/// A name of the table, as its code. Used as text wherever text is wanted.
struct AttributeName {
  uint8_t code;
  constexpr operator std::string_view() const { return kAttributeNames[code - 1]; }
  bool operator==(const AttributeName&) const = default;
};

/// The code of a name; 0 if it is not in the table.
constexpr uint8_t attribute_code(std::string_view name) {
  for (size_t i = 0; i < std::size(kAttributeNames); ++i) {
    if (kAttributeNames[i] == name) return static_cast<uint8_t>(i + 1);
  }
  return 0;
}

namespace detail {
/// Defined nowhere: a name that is not in the table does not compile.
void this_name_is_not_in_kAttributeNames();
}  // namespace detail

consteval AttributeName named(std::string_view name) {
  const uint8_t code = attribute_code(name);
  if (code == 0) detail::this_name_is_not_in_kAttributeNames();
  return AttributeName{code};
}

}  // namespace drover::store
