#pragma once
// Limits of sessions, their trees and agents, and work queues: what each limits, its unit, and what
// happens when it is reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Steps of a session without a limit of its own; then it pauses.
inline constexpr int64_t kSessionStepsMax = 500;
/// Tool calls of one turn that run at once; further ones queue.
inline constexpr size_t kParallelToolCallsMax = 32;
/// Bytes of one tool result; larger is cut and marked.
inline constexpr size_t kToolResultBytesMax = 4u << 20;
inline constexpr Duration kToolCallTimeout = 120s;

/// Answers of a planner: its default deadline, bytes, and effects of one plan; more are refused.
inline constexpr Duration kPlannerTimeout = 30s;
inline constexpr size_t kPlanBytesMax = 1u << 20;
inline constexpr size_t kPlanEffectsMax = 64;
/// Bytes of the id that a planner gives a tool call, which stands in each later prompt; more are
/// refused.
inline constexpr size_t kToolCallIdBytesMax = 128;
/// Tokens, steps or spawns of one request for more, or of one raise; more is refused, so that sums
/// stay sums. What else an event says (a bill, a journal from elsewhere) counts for no more.
inline constexpr int64_t kBudgetAmountMax = 1'000'000'000'000;
/// The same in dollars and as time, which is also the most that a raise makes of a limit.
inline constexpr int64_t kBudgetUsdMax = 1'000'000'000'000;
inline constexpr Duration kBudgetTimeMax = 100 * 366 * 24h;
/// Seconds of a raise that a client asks for; more is refused.
inline constexpr int64_t kRaiseSecondsMax = 1'000'000'000;
/// Signals of a session that no wait has taken; further ones are refused.
inline constexpr size_t kSignalsKeptMax = 64;
/// Waits of a session that are open at once; a plan or a call that asks for more is refused, a call
/// that needs an approval is begun once one is answered. Pauses at a limit or a budget come on top.
inline constexpr size_t kWaitsMax = 64;
/// Attempts at one model call, plan or tool call over restarts and lost leases; then it waits for
/// a person.
inline constexpr uint32_t kEffectAttemptsMax = 20;

/// Questions to an external authoriser that one lease asks at once; more wait for these.
inline constexpr size_t kLeaseQuestionsMax = 8;
/// How far ahead of the clock here the events of an import may be; one with a later event is
/// refused: its data would be kept for longer than it says.
inline constexpr Duration kImportAheadMax = 24h;

/// How long an ended session stays that may be kept only for its work ("none", "session"), so that
/// whoever waits for its end can read how it ended.
inline constexpr Duration kPurgeGrace = 10min;
/// How long an open session of data with retention "none" stays where it only waits (a message, an
/// approval, a signal, a budget, a place for its data) and neither one of its children nor a
/// provider's batch works for it: then it is ended and purged, as one with a duration is.
inline constexpr Duration kRestWithNoneMax = 1h;
/// Sessions whose time has come and that wait to be purged, one after another; the rest is looked
/// for again.
inline constexpr size_t kPurgeQueueMax = 1'000;

/// Sessions that one process has awake at once: one that waits, also for a worker, need not be.
/// What is due, spawned or to be taken up again waits for a place beyond seven eighths of it; a
/// call that finds none is refused with retry "after".
inline constexpr size_t kSessionsActiveMax = 4'096;
/// Labels of a session, and bytes of a label's name or text; more are refused.
inline constexpr size_t kLabelsMax = 32;
inline constexpr size_t kLabelBytesMax = 512;

// Trees of sessions.
// What a session and its descendants may use together, unless the agent says otherwise.
inline constexpr int64_t kTreeDepthMax = 4;
inline constexpr int64_t kTreeWidthMax = 16;
inline constexpr int64_t kTreeSpawnsMax = 256;
inline constexpr int64_t kTreeStepsMax = 2'000;
inline constexpr int64_t kTreeTokensMax = 10'000'000;
inline constexpr int64_t kTreeCostUsdMax = 100;
inline constexpr Duration kTreeTimeMax = 400 * 24h;
/// Tasks of one spawn; more are refused.
inline constexpr size_t kChildTasksMax = 256;
/// Output tokens reserved for a call whose agent names no limit.
inline constexpr int64_t kOutputTokensReserved = 8'192;
/// Fewer output tokens than this are no answer, unless no more were asked for: the budget refuses.
inline constexpr int64_t kOutputTokensMin = 16;

// Work queues.
/// Items that wait in all queues: the sessions of further ones stay awake and offer them again.
/// Long polls under way: more are refused with retry "after".
inline constexpr size_t kWorkItemsMax = 65'536;
inline constexpr size_t kWorkPollsMax = 4'096;
/// Length of a lease and of a long poll: default and maximum.
inline constexpr Duration kLeaseTime = 30s;
inline constexpr Duration kLeaseTimeMax = 1h;
inline constexpr Duration kWorkPollMax = 60s;
inline constexpr size_t kWorkItemsPerPollMax = 64;
/// Bytes of a worker's reason for giving an item back that the journal keeps; the rest is cut off.
inline constexpr size_t kGiveBackBytesMax = 1'024;
/// Effects of a session, the latest, of which a worker's late result is recorded, once for each
/// attempt; of older ones it is only refused.
inline constexpr size_t kLateWorkMax = 64;

// Agents.
/// Agents that tenants deployed, in all, and versions of one of them; more are refused.
inline constexpr size_t kAgentsMax = 10'000;
inline constexpr size_t kAgentVersionsMax = 1'000;
/// Journals that one budget report reads, newest first; the answer says that there are more.
inline constexpr size_t kReportSessionsMax = 1'000;

}  // namespace drover::limits
