#pragma once
// Every bound of the program, in one place: what it limits, its unit, and what happens when it is
// reached. Those a user may change are also settings in drover.yaml; these are their defaults.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

// --- JSON ---
/// Nesting levels of a JSON document; deeper is refused with invalid_argument.
inline constexpr int kJsonDepthMax = 128;
/// Bytes of one JSON document; larger is refused.
inline constexpr size_t kJsonBytesMax = 64u << 20;

// --- Network ---
/// Name look-ups under way at once in one loop; further ones wait.
inline constexpr size_t kResolvesMax = 64;
/// Addresses of one name that are tried; the rest is ignored.
inline constexpr size_t kResolvedAddressesMax = 16;
/// Sets of trusted certificates kept read; beyond, all are read anew when next needed.
inline constexpr size_t kTlsTrustsMax = 32;

// --- Child processes ---
/// The newest part of a child's standard error that is kept for messages; older text is dropped.
inline constexpr size_t kProcessStderrBytesMax = 8u << 10;
/// Children of one spawner at once; further ones are refused with resource_exhausted.
inline constexpr size_t kProcessesMax = 256;
/// After SIGKILL a child is waited for this long (it may hang in the kernel).
inline constexpr Duration kProcessReapTimeout = 10s;

// --- Configuration ---
/// Bytes of drover.yaml or an agent's file; larger is refused.
inline constexpr size_t kConfigBytesMax = 4u << 20;

// --- HTTP ---
/// Bytes of a request line and all headers together; larger: 431.
inline constexpr size_t kHttpHeaderBytesMax = 64u << 10;
/// Number of headers; more: 431.
inline constexpr size_t kHttpHeaderCountMax = 100;
/// Bytes of a request body the gateway accepts; larger: 413.
inline constexpr size_t kHttpBodyBytesMax = 32u << 20;
/// Bytes of one buffered answer of an upstream; larger: the attempt fails.
inline constexpr size_t kHttpAnswerBytesMax = 64u << 20;
/// Open client connections of one listener; further ones wait in the kernel's backlog.
inline constexpr size_t kHttpConnectionsMax = 16'384;
/// Idle upstream connections kept per origin; the oldest is closed.
inline constexpr size_t kHttpIdlePerOriginMax = 256;
/// Idle upstream connections kept over all origins; the oldest is closed.
inline constexpr size_t kHttpIdleTotalMax = 4'096;
/// An idle upstream connection is closed after this time.
inline constexpr Duration kHttpClientIdleTimeout = 55s;
/// Interim (1xx) answers before the final one; more: the call fails.
inline constexpr int kHttpInterimMax = 16;
/// Concurrent streams of one HTTP/2 connection.
inline constexpr uint32_t kHttp2StreamsMax = 256;
/// A client must have sent its headers, and each part of its body, within this time.
inline constexpr Duration kHttpReadTimeout = 30s;
/// A kept-alive connection without a request is closed after this time.
inline constexpr Duration kHttpIdleTimeout = 120s;
/// A peer must take each part that we write within this time; then the connection is closed.
inline constexpr Duration kHttpWriteTimeout = 60s;
/// After an answer that ends a connection, this much and this long is still read and thrown away,
/// so that the answer is not lost to a reset.
inline constexpr size_t kHttpLingerBytesMax = 4u << 20;
inline constexpr Duration kHttpLingerTime = 2s;

// --- Streams ---
/// Bytes of one server-sent event; larger: the stream fails.
inline constexpr size_t kSseEventBytesMax = 8u << 20;
/// Bytes of one AWS event-stream message (the service's own limit is 16 MiB).
inline constexpr size_t kEventStreamBytesMax = 16u << 20;
/// Bytes of all headers of one AWS event-stream message (the service's own limit).
inline constexpr size_t kEventStreamHeaderBytesMax = 128u << 10;
/// Bytes of one JSON-RPC line on a tool's standard output; larger: the tool is ended.
inline constexpr size_t kJsonRpcLineBytesMax = 32u << 20;

/// Tool calls of one model answer; more: the answer is refused as malformed.
inline constexpr int kToolCallsPerAnswerMax = 256;

// --- Road ---
inline constexpr Duration kConnectTimeout = 5s;
inline constexpr Duration kHeadersTimeout = 60s;
inline constexpr Duration kFirstTokenTimeout = 60s;
inline constexpr Duration kBetweenTokensTimeout = 30s;
inline constexpr Duration kCallTimeout = 600s;
/// Attempts of one model call over all endpoints; then the last error is the answer.
inline constexpr int kAttemptsMax = 6;
/// After a client left, the provider is still read this long, to its usage.
inline constexpr Duration kDrainTimeout = 20s;

/// From a request sent to the head of an answer that is not streamed: the whole generation.
inline constexpr Duration kAnswerTimeout = 300s;
/// Calls read on to their usage after the client left; further ones are cut and estimated.
inline constexpr size_t kDrainsMax = 256;
/// A provider's Retry-After counts up to this; what is longer is cut to it.
inline constexpr Duration kRetryAfterMax = 300s;
/// A call waits for an endpoint that asked for a pause only this long, and only with no other left.
inline constexpr Duration kRetryWaitMax = 5s;
/// Bytes of an error answer that are read; the rest is left unread.
inline constexpr size_t kErrorAnswerBytesMax = 64u << 10;
/// Bytes of a stream held back before its first visible delta; more: the attempt fails.
inline constexpr size_t kHeldBackBytesMax = 1u << 20;

// --- Catalog ---
/// Endpoints of one catalog; more are refused at load.
inline constexpr size_t kEndpointsMax = 10'000;
/// Endpoints and credentials whose health is remembered; beyond it the ones longest untouched are
/// forgotten (they count as healthy).
inline constexpr size_t kHealthEntriesMax = 20'000;
/// Failures in a row that open an endpoint's circuit.
inline constexpr int kCircuitFailures = 3;
/// The first pause of an open circuit; doubles with each failed probe up to the maximum.
inline constexpr Duration kCircuitPause = 5s;
inline constexpr Duration kCircuitPauseMax = 120s;

// --- Trace and ledger ---
/// Finished spans kept in memory; the oldest go first.
inline constexpr size_t kSpanRingMax = 4'096;
/// Spans waiting to be written; further ones are dropped and counted.
inline constexpr size_t kSpanQueueMax = 16'384;
/// Spans of one write.
inline constexpr size_t kSpanBatchMax = 512;
/// A finished span is on its way to the store after this time.
inline constexpr Duration kSpanFlushInterval = 250ms;
/// Events of one span; further ones are counted only.
inline constexpr size_t kSpanEventsMax = 64;
/// Label sets of one metric; further ones are counted under "other".
inline constexpr size_t kMetricSeriesMax = 2'000;
/// Rows of the ledger in memory; beyond it calls are summed under session "*".
inline constexpr size_t kLedgerRowsMax = 100'000;

// --- Events ---
/// Members of an event's envelope that this version does not know; more: the event is refused.
inline constexpr size_t kEventUnknownMembersMax = 64;

// --- Sessions ---
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
/// Signals of a session that no wait has taken; further ones are refused.
inline constexpr size_t kSignalsKeptMax = 64;
/// Waits of a session that are open at once; a plan that asks for more is refused.
inline constexpr size_t kWaitsMax = 64;
/// Attempts at one model call, plan or tool call over restarts and lost leases; then it waits for
/// a person.
inline constexpr uint32_t kEffectAttemptsMax = 20;

// --- Trees of sessions ---
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

// --- Work queues ---
/// Items that wait in all queues, and long polls under way; more are refused with retry "after".
inline constexpr size_t kWorkItemsMax = 65'536;
inline constexpr size_t kWorkPollsMax = 4'096;
/// Length of a lease and of a long poll: default and maximum.
inline constexpr Duration kLeaseTime = 30s;
inline constexpr Duration kLeaseTimeMax = 1h;
inline constexpr Duration kWorkPollMax = 60s;
inline constexpr size_t kWorkItemsPerPollMax = 64;

// --- Tool servers ---
/// Calls of one stdio tool server under way; further ones are refused with retry "after".
inline constexpr size_t kMcpPendingMax = 1'024;
/// Bytes waiting to be read by one stdio tool server; beyond, calls are refused with retry "after".
inline constexpr size_t kMcpOutboxBytesMax = 64u << 20;
/// Tools of one server, and pages of its list; more: the list is refused.
inline constexpr size_t kMcpToolsMax = 10'000;
inline constexpr int kMcpPagesMax = 200;
/// A server that does not answer the probe for the newer era within this time is taken as older.
inline constexpr Duration kMcpProbeTimeout = 3s;
/// From the start of a server to its first list.
inline constexpr Duration kMcpConnectTimeout = 30s;
/// A list is asked for again after the time that its server names, within these bounds; over HTTP
/// without such a time after the default.
inline constexpr Duration kMcpListAgeMin = 30s;
inline constexpr Duration kMcpListAgeDefault = 5min;
inline constexpr Duration kMcpListAgeMax = 1h;
/// Pause after a failed start, doubled with each further one up to the maximum; calls that would
/// have to wait longer than kMcpPauseWaitMax are refused with retry "after".
inline constexpr Duration kMcpPause = 250ms;
inline constexpr Duration kMcpPauseMax = 30s;
inline constexpr Duration kMcpPauseWaitMax = 1s;
/// Tries of one tool call by the tool set: after a server's end, or when it asked for a pause.
inline constexpr int kMcpCallTriesMax = 2;
/// How often an answer's broken stream is taken up again where it broke.
inline constexpr int kMcpResumesMax = 5;
/// Sessions run at once by one process; further ones queue.
inline constexpr size_t kSessionsActiveMax = 4'096;
/// Labels of a session, and bytes of a label's name or text; more are refused.
inline constexpr size_t kLabelsMax = 32;
inline constexpr size_t kLabelBytesMax = 512;

// --- Agents ---
/// Agents that tenants deployed, in all, and versions of one of them; more are refused.
inline constexpr size_t kAgentsMax = 10'000;
inline constexpr size_t kAgentVersionsMax = 1'000;
/// Journals that one budget report reads, newest first; the answer says that there are more.
inline constexpr size_t kReportSessionsMax = 1'000;

// --- Clouds ---
/// Derived signing keys kept by one signer or verifier; the oldest is replaced.
inline constexpr size_t kSigningKeysMax = 32;
/// Bytes of ~/.aws/credentials or config; larger is refused.
inline constexpr size_t kProfileBytesMax = 1u << 20;
/// One attempt to get or renew credentials or a token.
inline constexpr Duration kCredentialFetchTimeout = 10s;
/// How far the date of a signed request may be from the verifier's clock (as AWS has it).
inline constexpr Duration kSignatureSkewMax = 5min;

// --- Memory ---
inline constexpr size_t kMemoryKeyBytesMax = 1'024;
inline constexpr size_t kMemoryValueBytesMax = 1u << 20;
inline constexpr size_t kMemorySearchResultsMax = 100;

/// Words of one search that count; further ones are ignored.
inline constexpr size_t kMemorySearchWordsMax = 32;

// --- Keys ---
/// Keys that one process knows, revoked ones included; more are refused.
inline constexpr size_t kKeysMax = 100'000;
/// Failed authentications of one remote address in a burst, and the time that restores one; further
/// ones are answered with resource_exhausted (a right key always passes).
inline constexpr int kAuthFailuresMax = 20;
inline constexpr Duration kAuthFailureRefill = 3s;
/// Remote addresses remembered for that; the one that failed longest ago is forgotten.
inline constexpr size_t kAuthRemotesMax = 8'192;

// --- Store ---
/// Writes (and their bytes) that wait for the store's writer; more: unavailable, nothing written.
inline constexpr size_t kStoreQueueJobsMax = 65'536;
inline constexpr size_t kStoreQueueBytesMax = 256u << 20;
/// Writes that share one transaction and its sync; further ones go into the next.
inline constexpr size_t kGroupCommitJobsMax = 1'024;
/// Bytes of a journal payload kept in the database; larger ones go to the blob store.
inline constexpr size_t kInlinePayloadBytesMax = 64u << 10;
/// Bytes of one blob; larger is refused.
inline constexpr size_t kBlobBytesMax = 256u << 20;
/// Bytes of one file of the journal's log; then the next is begun. And how far ahead its space is
/// reserved.
inline constexpr size_t kLogSegmentBytes = 64u << 20;
inline constexpr size_t kLogReserveBytes = 4u << 20;
/// Bytes of one commit; larger is refused with invalid_argument.
inline constexpr size_t kLogCommitBytesMax = 256u << 20;
/// While no more than so many sessions made the last eight appends, and no sync took longer than
/// this, an append is written and synced on the loop itself: two changes of threads cost more than
/// the sync. A longer one ends that for the pause.
inline constexpr size_t kLogDirectSessionsMax = 2;
inline constexpr Duration kLogDirectSyncMax = 300us;
inline constexpr Duration kLogDirectPause = 10s;
/// Rows of sessions changed since the journal's index was last brought up: that is done after the
/// interval, or at once beyond the target; beyond the maximum, appends to further sessions are
/// refused with unavailable.
inline constexpr Duration kLogIndexInterval = 250ms;
inline constexpr size_t kLogIndexRowsTarget = 8'192;
inline constexpr size_t kLogIndexRowsMax = 131'072;
/// Rows of sessions kept in memory though the index has them; those longest untouched go first.
inline constexpr size_t kLogCleanRowsMax = 8'192;
/// Bytes of newest commits kept in memory for those who follow a session.
inline constexpr size_t kLogTailBytesMax = 8u << 20;
/// Ids of new sessions remembered, so that a fresh id needs no look into the index.
inline constexpr size_t kLogRecentIdsMax = 1u << 20;
/// Sessions of which it is remembered where in the log all their commits are, and how many commits.
inline constexpr size_t kLogChainsMax = 64;
inline constexpr size_t kLogChainCommitsMax = 1u << 20;
/// Bytes of one snapshot of a session's state; larger is refused (the session is folded instead).
inline constexpr size_t kSnapshotBytesMax = 64u << 20;
/// Bytes of one document of Drover's own; larger is refused.
inline constexpr size_t kDocumentBytesMax = 4u << 20;
/// Rows of one answer of the store (sessions, records).
inline constexpr size_t kStoreRowsMax = 10'000;
/// Spans kept, and for how long; the oldest go first, at most a slice with each write.
inline constexpr size_t kSpansMax = 1'000'000;
inline constexpr Duration kSpanAgeMax = 7 * 24h;
inline constexpr size_t kSpanPruneSlice = 512;
/// Spans of one answer; the earliest are kept.
inline constexpr size_t kSpansPerAnswerMax = 20'000;
/// Pages of the write-ahead log after which it is copied back into the database file in the
/// background, and after which the writer itself waits for that.
inline constexpr int kWalPagesTarget = 2'000;
inline constexpr int kWalPagesMax = 32'000;

// --- Shutdown ---
/// What is in flight at SIGTERM may take this long.
inline constexpr Duration kDrainDeadline = 30s;

}  // namespace drover::limits
