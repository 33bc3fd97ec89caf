#pragma once
// What can be made to go wrong at a simulated cloud. Faults wait in a queue; each request takes the
// first one that matches it and whose chance comes up. A fault says what happens, how often, and to
// which requests; `to_json` and `from_json` are the form of POST /_sim/faults.
//
// Loop thread only. Limits: kFaultsMax waiting; more are refused.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "base/time.h"

namespace drover::sim {

inline constexpr size_t kFaultsMax = 10'000;

enum class FaultKind : uint8_t {
  kRefuse,              // the connection is closed before a byte is read
  kStallBeforeHeaders,  // nothing is answered for `duration` (0: until the client leaves)
  kStallFirstToken,     // headers come, the first token does not, for `duration`
  kStallBetweenTokens,  // after `after_events` events nothing comes, for `duration`
  kCutBeforeHeaders,    // the connection is reset before an answer
  kCut,                 // reset in the middle of the answer (after `after_events` events)
  kEarlyEnd,            // the stream ends in order but without its proper end
  kGarbage,             // bytes that are not the protocol's, then an orderly end
  kWrongCrc,            // event stream: a checksum that does not hold; SSE: JSON that is cut off
  kHalfFrame,           // half an event, then an orderly end
  kThrottle,            // 429, with Retry-After in the form `retry_after`
  kError500,
  kError503,
  kErrorInStream,     // the cloud's own error event after `after_events` events
  kMissingUsage,      // a whole answer without usage
  kTrickle,           // every byte a packet of its own, `duration` between them
  kWrongContentType,  // 200 with a page of HTML
};
std::string_view fault_name(FaultKind kind);
std::optional<FaultKind> parse_fault(std::string_view name);

/// The facts of a request that a fault may be meant for.
struct FaultTarget {
  std::string_view region;
  std::string_view model;
  std::string_view path;
  std::string_view session;
  bool stream = false;
};

/// What a member of the control API's requests must be: kName is text that is not empty.
enum class MemberKind : uint8_t { kText, kName, kWhole, kNumber, kFlag, kList };
struct KnownMember {
  std::string_view name;
  MemberKind kind;
};
/// What is asked of the control API: a slip in it would be asked of every region, or of nothing,
/// and a run look like a provider that bears the fault. Unknown members are refused, and those that
/// are of another kind.
Result<void> check_members(const Json& asked, const std::vector<KnownMember>& known);

struct Fault {
  FaultKind kind = FaultKind::kError500;
  int64_t count = 1;       // requests it happens to; -1: every one
  double probability = 1;  // of happening to one that matches
  Duration duration = 0ns;
  int64_t after_events = 1;
  std::string retry_after = "seconds";  // "seconds", "date", "ms", "none"
  std::string error;                    // in-stream errors: the cloud's name for it, or empty
  // Which requests; empty: all.
  std::string region, model, path, session;
  std::optional<bool> stream;

  bool matches(const FaultTarget& target) const;
  Json to_json() const;
  static Result<Fault> from_json(const Json& json);
};

class FaultQueue {
 public:
  explicit FaultQueue(uint64_t seed) : random_(seed) {}
  Result<void> add(Fault fault);
  void clear() { faults_.clear(); }
  /// The fault of a request, used up once. kRefuse is for take_refusal() alone.
  std::optional<Fault> take(const FaultTarget& target);
  /// Whether the next connection of a region is refused.
  bool take_refusal(std::string_view region);
  Json to_json() const;
  uint64_t happened() const { return happened_; }

 private:
  bool use(std::deque<Fault>::iterator fault);
  std::deque<Fault> faults_;
  SeededRandom random_;
  uint64_t happened_ = 0;
};

}  // namespace drover::sim
