#pragma once
// Health: what calls have learnt of endpoints and credentials. A circuit each: closed (use it),
// open (leave it alone until a time), half-open (the time is over: one probe decides).
//
// What opens a circuit:
//   an endpoint    failures in a row that are its own (unreachable, cut, timed out, 5xx, garbage),
//                  or one answer that says so: 429 (for Retry-After), model or deployment missing
//   an account     of an endpoint with several keys: what is about one of them, 429 and 403
//   a credential   401, and an exhausted quota: every endpoint that uses it is left alone
// The caller's own faults (400, content filter, cancelled) say nothing about health, and missing
// evidence of what an endpoint runs says nothing about its service.
//
// The time is handed in; a pause grows with failed probes (limits::kCircuitPause doubling up to
// kCircuitPauseMax); Retry-After is honoured up to kRetryAfterMax. Nothing is stored: a restart
// begins with everyone healthy. Bounded by limits::kHealthEntriesMax. Loop thread only.

#include <array>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/limits/catalog.h"
#include "base/result.h"
#include "base/time.h"
#include "catalog/endpoint.h"

namespace drover::catalog {

enum class Circuit : uint8_t { kClosed, kHalfOpen, kOpen };
std::string_view circuit_name(Circuit circuit);

/// Whose failure an error is.
enum class Blame : uint8_t { kNobody, kEndpoint, kCredential };
Blame blame_of(const Error& error);

/// May this endpoint be used now?
struct Verdict {
  Circuit circuit = Circuit::kClosed;
  /// While open: how long still.
  Duration wait{};
  /// Why it is not closed: "rate_limited", "3 failures in a row: connection refused".
  std::string reason;
  bool usable() const { return circuit != Circuit::kOpen; }
};

class Health {
 public:
  /// `clock` outlives this.
  explicit Health(Clock& clock) : clock_(&clock) {}

  Verdict check(const Endpoint& endpoint) const;
  /// Before an attempt: on a half-open circuit it takes the one probe, so that others wait for its
  /// outcome. Every started attempt ends with succeeded() or failed().
  void started(const Endpoint& endpoint);
  void succeeded(const Endpoint& endpoint);
  /// True if this failure opened a circuit.
  bool failed(const Endpoint& endpoint, const Error& error);

  size_t size() const { return entries_.size(); }

  // For those who keep a picture of it (road/board.h): what changed, by key.
  /// Of an endpoint's circuits: the place's, its account's there, its credential's. Empty: it has
  /// none.
  using Keys = std::array<std::string, 3>;
  static Keys keys_of(const Endpoint& endpoint);
  /// Grows with each change of any circuit.
  uint64_t version() const { return version_; }
  /// The key of a change, from 1 to version(); only the last kChangesKept are known.
  static constexpr size_t kChangesKept = 64;
  const std::string& change(uint64_t version) const { return changes_[version % kChangesKept]; }
  /// Until when that circuit is open, should nothing change: MonoTime::min() if it is not.
  MonoTime open_until(const std::string& key) const;

 private:
  struct Entry {
    std::string key;
    int failures = 0;  // in a row
    int openings = 0;  // in a row without a success between
    MonoTime open_until{};
    bool open = false;
    bool probing = false;
    MonoTime probe_started{};
    std::string reason;
  };
  using List = std::list<Entry>;

  void changed(const std::string& key) { changes_[++version_ % kChangesKept] = key; }
  const Entry* find(const std::string& key) const;
  Entry& touch(const std::string& key);
  Verdict check(const Entry& entry) const;
  void open(Entry& entry, Duration pause, std::string reason);
  void probe(const std::string& key);
  /// Lets others probe; all circuits but one.
  void unprobe(const Keys& keys, const std::string& but);
  void heal(const std::string& key);

  Clock* clock_;
  List order_;  // most recently touched first
  std::unordered_map<std::string, List::iterator> entries_;
  uint64_t version_ = 0;
  std::array<std::string, kChangesKept> changes_;
};

}  // namespace drover::catalog
