#pragma once
// Attribute, span and metric names of OpenTelemetry's GenAI conventions (v1.41.0), and our own
// under "drover.". One place, so that a renaming upstream is one edit. Source: open-telemetry/
// semantic-conventions, docs/gen-ai (gen-ai-spans.md, gen-ai-metrics.md, gen-ai-agent-spans.md).

#include <string_view>

namespace drover::trace::genai {

inline constexpr std::string_view kOperation = "gen_ai.operation.name";
inline constexpr std::string_view kProvider = "gen_ai.provider.name";
inline constexpr std::string_view kRequestModel = "gen_ai.request.model";
inline constexpr std::string_view kRequestMaxTokens = "gen_ai.request.max_tokens";
inline constexpr std::string_view kRequestStream = "gen_ai.request.stream";
inline constexpr std::string_view kResponseId = "gen_ai.response.id";
inline constexpr std::string_view kResponseModel = "gen_ai.response.model";
inline constexpr std::string_view kFinishReasons = "gen_ai.response.finish_reasons";
inline constexpr std::string_view kTimeToFirstChunk = "gen_ai.response.time_to_first_chunk";
inline constexpr std::string_view kInputTokens = "gen_ai.usage.input_tokens";
inline constexpr std::string_view kOutputTokens = "gen_ai.usage.output_tokens";
inline constexpr std::string_view kCacheReadTokens = "gen_ai.usage.cache_read.input_tokens";
inline constexpr std::string_view kCacheWriteTokens = "gen_ai.usage.cache_creation.input_tokens";
inline constexpr std::string_view kReasoningTokens = "gen_ai.usage.reasoning.output_tokens";
inline constexpr std::string_view kConversation = "gen_ai.conversation.id";
inline constexpr std::string_view kAgentName = "gen_ai.agent.name";
inline constexpr std::string_view kToolName = "gen_ai.tool.name";
inline constexpr std::string_view kToolType = "gen_ai.tool.type";
inline constexpr std::string_view kToolCallId = "gen_ai.tool.call.id";
inline constexpr std::string_view kMemoryStore = "gen_ai.memory.store.id";
inline constexpr std::string_view kTokenType = "gen_ai.token.type";
inline constexpr std::string_view kErrorType = "error.type";
inline constexpr std::string_view kServerAddress = "server.address";

// Values of gen_ai.operation.name.
inline constexpr std::string_view kChat = "chat";
inline constexpr std::string_view kInvokeAgent = "invoke_agent";
inline constexpr std::string_view kExecuteTool = "execute_tool";
inline constexpr std::string_view kSearchMemory = "search_memory";
inline constexpr std::string_view kUpsertMemory = "upsert_memory";

}  // namespace drover::trace::genai

namespace drover::trace::own {

inline constexpr std::string_view kErrorMessage = "drover.error.message";
inline constexpr std::string_view kEndpoint = "drover.endpoint";
inline constexpr std::string_view kRegion = "drover.region";
inline constexpr std::string_view kZone = "drover.zone";
inline constexpr std::string_view kAttempt = "drover.attempt";
/// The endpoints of a placement in the order to try; those that are not in it, with their reasons;
/// what it was made from (catalog, policy, health).
inline constexpr std::string_view kPlacement = "drover.placement";
inline constexpr std::string_view kPlacementRejected = "drover.placement.rejected";
inline constexpr std::string_view kPlacementEpochs = "drover.placement.epochs";
inline constexpr std::string_view kRequestId = "drover.request_id";
inline constexpr std::string_view kFingerprint = "drover.system_fingerprint";
/// What a step needed of its endpoint, for people.
inline constexpr std::string_view kNeeds = "drover.needs";
/// Of a tool call: how often it was sent, with how many others as one, and whether it was not sent
/// at all, since an identical one was under way.
inline constexpr std::string_view kToolTries = "drover.tool.tries";
inline constexpr std::string_view kToolBatch = "drover.tool.batch";
inline constexpr std::string_view kToolCoalesced = "drover.tool.coalesced";
inline constexpr std::string_view kFailovers = "drover.failovers";
/// Exact dollars as text ("0.0000025"): a float would round.
inline constexpr std::string_view kCost = "drover.cost_usd";
inline constexpr std::string_view kUsageEstimated = "drover.usage_estimated";
/// fast or slow: the path that the call took; and the rounds that a slow one needed.
inline constexpr std::string_view kServiceClass = "drover.service_class";
inline constexpr std::string_view kRounds = "drover.rounds";
/// The provider's tier, asked for (on an attempt) and served.
inline constexpr std::string_view kServiceTier = "drover.service_tier";
inline constexpr std::string_view kDroppedEvents = "drover.dropped_events";
/// Where the time went, in nanoseconds: "drover.latency.model" and so on; the parts sum to the
/// span's duration.
inline constexpr std::string_view kLatencyPrefix = "drover.latency.";

inline constexpr std::string_view kFailoverEvent = "drover.failover";
inline constexpr std::string_view kRetryEvent = "drover.retry";
/// The rung of its agent's downgrade ladder that a call is made on, and what is given up there.
inline constexpr std::string_view kDowngradeLevel = "drover.downgrade.level";
inline constexpr std::string_view kDowngrade = "drover.downgrade";
inline constexpr std::string_view kDowngradeEvent = "drover.downgrade";

}  // namespace drover::trace::own
