#pragma once
// Events: the entries of a session's journal (../../contract/schemas). An event is immutable; its
// sequence within the session starts at 1 and has no gap; its hash chains to its predecessor over
// the envelope and a salted commitment to the payload, so a payload can be purged without breaking
// the chain (DESIGN.md, "The contract").
//
// Kinds and payload fields we do not know survive a round trip: the payload is kept as text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace drover::contract {

/// The kinds this version knows, in the contract's wire names ("session.started").
namespace kind {
inline constexpr std::string_view kSessionStarted = "session.started";
inline constexpr std::string_view kSessionEnded = "session.ended";
inline constexpr std::string_view kObservation = "observation";
inline constexpr std::string_view kPlanRequested = "plan.requested";
inline constexpr std::string_view kPlan = "plan";
inline constexpr std::string_view kModelCall = "model.call";
inline constexpr std::string_view kModelResult = "model.result";
inline constexpr std::string_view kToolCall = "tool.call";
inline constexpr std::string_view kToolResult = "tool.result";
inline constexpr std::string_view kMemoryRead = "memory.read";
inline constexpr std::string_view kMemoryWrite = "memory.write";
inline constexpr std::string_view kChildSpawned = "child.spawned";
inline constexpr std::string_view kChildEnded = "child.ended";
inline constexpr std::string_view kWaitStarted = "wait.started";
inline constexpr std::string_view kWaitResolved = "wait.resolved";
inline constexpr std::string_view kSignal = "signal";
inline constexpr std::string_view kBudgetReserved = "budget.reserved";
inline constexpr std::string_view kBudgetSettled = "budget.settled";
inline constexpr std::string_view kBudgetExceeded = "budget.exceeded";
inline constexpr std::string_view kBudgetExtensionRequested = "budget.extension_requested";
inline constexpr std::string_view kBudgetExtensionDecided = "budget.extension_decided";
inline constexpr std::string_view kPlacementDecided = "placement.decided";
inline constexpr std::string_view kFailover = "failover";
inline constexpr std::string_view kDowngrade = "downgrade";
inline constexpr std::string_view kAgentChanged = "agent.changed";
inline constexpr std::string_view kReward = "reward";
inline constexpr std::string_view kPurge = "purge";
}  // namespace kind
bool is_known_kind(std::string_view kind);

/// Who caused an event: "user", "agent", "system", "operator", "tool", and which one.
struct Actor {
  std::string type;
  std::string id;
  bool operator==(const Actor&) const = default;
};

struct Event {
  EventId id;
  SessionId session;
  uint64_t sequence = 0;
  WallTime time;
  std::string kind;
  /// The sequence of the event that caused this one; 0 for none.
  uint64_t causation = 0;
  /// Which try at an effect this belongs to; 1 is the first, 0 where it does not apply.
  uint32_t attempt = 0;
  Actor actor;
  /// The data class of what it brings, as text (contract/data_class.h); "" means the session's own.
  std::string data_class;
  /// Payload as JSON text; empty when it stands in the blob store or was purged.
  std::string payload;
  /// Content hash of a payload in the blob store; "" when inline.
  std::string payload_ref;
  /// Random salt of the commitment (hex), and the commitment itself (hex): they stay when the
  /// payload is purged.
  std::string salt;
  std::string commitment;
  /// Chain hash of the predecessor (hex; 64 zeros for the first), and of this event.
  std::string previous_hash;
  std::string hash;
  /// Envelope members this version does not know, as they came.
  Json::Object extra;
};

/// One line of an export, without its line break. Members stand in this order, those without a
/// value left out: id, session, sequence, time, kind, causation, attempt, actor, data_class,
/// payload, payload_ref, salt, commitment, previous_hash, hash, then the unknown ones. The payload
/// stands byte for byte. REQUIRES: the payload is JSON text without line breaks.
std::string encode_event(const Event& event);
/// Reads such a line; the order of members does not matter. A line that encode_event wrote gives
/// the same bytes again. Errors (kInvalidArgument, reason "invalid_event") name the member.
Result<Event> decode_event(std::string_view line);
/// The bytes that the chain hash covers besides the predecessor's hash and the commitment: the
/// line without payload, payload_ref, salt, commitment and hashes, so that a payload can move or
/// be purged. Time counts to the microsecond.
std::string envelope_bytes(const Event& event);

}  // namespace drover::contract
