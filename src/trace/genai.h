#pragma once
// Attribute, span and metric names of OpenTelemetry's GenAI conventions (v1.41.0), and our own
// under "drover.". One place, so that a renaming upstream is one edit (and one more line in
// store/attribute_names.h, which gives each name the code that stored spans hold). Source:
// open-telemetry/semantic-conventions, docs/gen-ai (gen-ai-spans.md, gen-ai-metrics.md,
// gen-ai-agent-spans.md).

#include <string_view>

#include "store/attribute_names.h"

namespace drover::trace::genai {

inline constexpr auto kOperation = store::named("gen_ai.operation.name");
inline constexpr auto kProvider = store::named("gen_ai.provider.name");
inline constexpr auto kRequestModel = store::named("gen_ai.request.model");
inline constexpr auto kRequestMaxTokens = store::named("gen_ai.request.max_tokens");
inline constexpr auto kRequestStream = store::named("gen_ai.request.stream");
inline constexpr auto kResponseId = store::named("gen_ai.response.id");
inline constexpr auto kResponseModel = store::named("gen_ai.response.model");
inline constexpr auto kFinishReasons = store::named("gen_ai.response.finish_reasons");
inline constexpr auto kTimeToFirstChunk = store::named("gen_ai.response.time_to_first_chunk");
inline constexpr auto kInputTokens = store::named("gen_ai.usage.input_tokens");
inline constexpr auto kOutputTokens = store::named("gen_ai.usage.output_tokens");
inline constexpr auto kCacheReadTokens = store::named("gen_ai.usage.cache_read.input_tokens");
inline constexpr auto kCacheWriteTokens = store::named("gen_ai.usage.cache_creation.input_tokens");
inline constexpr auto kReasoningTokens = store::named("gen_ai.usage.reasoning.output_tokens");
inline constexpr auto kConversation = store::named("gen_ai.conversation.id");
inline constexpr auto kAgentName = store::named("gen_ai.agent.name");
inline constexpr auto kToolName = store::named("gen_ai.tool.name");
inline constexpr auto kToolType = store::named("gen_ai.tool.type");
inline constexpr auto kToolCallId = store::named("gen_ai.tool.call.id");
inline constexpr auto kMemoryStore = store::named("gen_ai.memory.store.id");
inline constexpr auto kTokenType = store::named("gen_ai.token.type");
inline constexpr auto kErrorType = store::named("error.type");
inline constexpr auto kServerAddress = store::named("server.address");

// Values of gen_ai.operation.name.
inline constexpr std::string_view kChat = "chat";
inline constexpr std::string_view kInvokeAgent = "invoke_agent";
inline constexpr std::string_view kExecuteTool = "execute_tool";
inline constexpr std::string_view kSearchMemory = "search_memory";
inline constexpr std::string_view kUpsertMemory = "upsert_memory";

}  // namespace drover::trace::genai

namespace drover::trace::own {

inline constexpr auto kErrorMessage = store::named("drover.error.message");
inline constexpr auto kEndpoint = store::named("drover.endpoint");
inline constexpr auto kRegion = store::named("drover.region");
inline constexpr auto kZone = store::named("drover.zone");
inline constexpr auto kAttempt = store::named("drover.attempt");
/// The endpoints of a placement in the order to try; those that are not in it, with their reasons;
/// what it was made from (catalog, policy, health).
inline constexpr auto kPlacement = store::named("drover.placement");
inline constexpr auto kPlacementRejected = store::named("drover.placement.rejected");
inline constexpr auto kPlacementEpochs = store::named("drover.placement.epochs");
inline constexpr auto kRequestId = store::named("drover.request_id");
inline constexpr auto kFingerprint = store::named("drover.system_fingerprint");
/// What a step needed of its endpoint, for people.
inline constexpr auto kNeeds = store::named("drover.needs");
/// Of a tool call: how often it was sent, with how many others as one, and whether it was not sent
/// at all, since an identical one was under way.
inline constexpr auto kToolTries = store::named("drover.tool.tries");
inline constexpr auto kToolBatch = store::named("drover.tool.batch");
inline constexpr auto kToolCoalesced = store::named("drover.tool.coalesced");
inline constexpr auto kFailovers = store::named("drover.failovers");
/// Exact dollars, read as text ("0.0000025"): a float would round.
inline constexpr auto kCost = store::named("drover.cost_usd");
inline constexpr auto kUsageEstimated = store::named("drover.usage_estimated");
/// fast or slow: the path that the call took; and the rounds that a slow one needed.
inline constexpr auto kServiceClass = store::named("drover.service_class");
inline constexpr auto kRounds = store::named("drover.rounds");
/// The provider's tier, asked for (on an attempt) and served.
inline constexpr auto kServiceTier = store::named("drover.service_tier");
inline constexpr auto kDroppedEvents = store::named("drover.dropped_events");
/// Where the time went, in nanoseconds: "drover.latency.model" and so on; the parts sum to the
/// span's duration.
inline constexpr std::string_view kLatencyPrefix = "drover.latency.";
inline constexpr auto kLatencyQueue = store::named("drover.latency.queue");
inline constexpr auto kLatencyPlacement = store::named("drover.latency.placement");
inline constexpr auto kLatencyNetwork = store::named("drover.latency.network");
inline constexpr auto kLatencyModel = store::named("drover.latency.model");
inline constexpr auto kLatencyTool = store::named("drover.latency.tool");
inline constexpr auto kLatencyStore = store::named("drover.latency.store");
inline constexpr auto kLatencySync = store::named("drover.latency.sync");
inline constexpr auto kLatencyOther = store::named("drover.latency.other");

inline constexpr std::string_view kFailoverEvent = "drover.failover";
inline constexpr std::string_view kRetryEvent = "drover.retry";
/// The rung of its agent's downgrade ladder that a call is made on, and what is given up there.
inline constexpr auto kDowngradeLevel = store::named("drover.downgrade.level");
inline constexpr auto kDowngrade = store::named("drover.downgrade");
inline constexpr std::string_view kDowngradeEvent = "drover.downgrade";

}  // namespace drover::trace::own
