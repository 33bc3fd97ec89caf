#include "catalog/health.h"

#include <algorithm>

#include "base/limits/catalog.h"
#include "base/limits/road.h"

namespace drover::catalog {
namespace {

/// A probe that never reported back (its call was dropped) frees the circuit after this time.
constexpr Duration kProbeMax = limits::kCallTimeout;

Duration pause_after(int openings) {
  Duration pause = limits::kCircuitPause;
  for (int i = 1; i < openings && pause < limits::kCircuitPauseMax; ++i) pause *= 2;
  return std::min(pause, limits::kCircuitPauseMax);
}

// Places in Health::Keys.
constexpr size_t kPlace = 0;
constexpr size_t kAccount = 1;
constexpr size_t kCredential = 2;

/// Which of an endpoint's circuits a failure counts against.
size_t circuit_of(const std::array<std::string, 3>& keys, Blame blame, const Error& error) {
  if (blame == Blame::kCredential && !keys[kCredential].empty()) return kCredential;
  bool one_account =
      error.code == Code::kResourceExhausted || error.code == Code::kPermissionDenied;
  return one_account && !keys[kAccount].empty() ? kAccount : kPlace;
}

/// One answer of this kind is enough; more tries would give the same.
bool opens_at_once(const Error& error) {
  return error.code == Code::kNotFound || error.code == Code::kPermissionDenied ||
         error.code == Code::kUnauthenticated || error.code == Code::kResourceExhausted ||
         error.retry_after.has_value();
}

}  // namespace

std::string_view circuit_name(Circuit circuit) {
  switch (circuit) {
    case Circuit::kClosed:
      return "closed";
    case Circuit::kHalfOpen:
      return "half_open";
    case Circuit::kOpen:
      return "open";
  }
  return "closed";
}

Blame blame_of(const Error& error) {
  // Evidence is missing, not the service: placement leaves it out while that is so.
  if (error.reason == "attestation") return Blame::kNobody;
  switch (error.code) {
    case Code::kUnauthenticated:
      return Blame::kCredential;
    case Code::kResourceExhausted:
      return error.reason == "insufficient_quota" ? Blame::kCredential : Blame::kEndpoint;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kDataLoss:
    case Code::kInternal:
    case Code::kAborted:
    case Code::kNotFound:
    case Code::kPermissionDenied:
      return Blame::kEndpoint;
    case Code::kCancelled:
    case Code::kInvalidArgument:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
    case Code::kUnimplemented:
      return Blame::kNobody;
  }
  return Blame::kNobody;
}

Health::Keys Health::keys_of(const Endpoint& endpoint) {
  Keys out;
  out[kPlace] = "e:" + endpoint.place();
  if (!endpoint.site.empty()) out[kAccount] = "a:" + endpoint.id;
  // The same key at two providers is two credentials.
  const std::string& source = endpoint.credentials.source;
  if (!source.empty()) out[kCredential] = "c:" + endpoint.provider + "|" + source;
  return out;
}

const Health::Entry* Health::find(const std::string& key) const {
  auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &*it->second;
}

Health::Entry& Health::touch(const std::string& key) {
  auto it = entries_.find(key);
  if (it != entries_.end()) {
    order_.splice(order_.begin(), order_, it->second);
    return *it->second;
  }
  if (entries_.size() >= limits::kHealthEntriesMax) {
    changed(order_.back().key);
    entries_.erase(order_.back().key);
    order_.pop_back();
  }
  order_.emplace_front().key = key;
  entries_[key] = order_.begin();
  return order_.front();
}

Verdict Health::check(const Entry& entry) const {
  Verdict out;
  if (!entry.open) return out;
  out.reason = entry.reason;
  MonoTime now = clock_->mono();
  if (now < entry.open_until) {
    out.circuit = Circuit::kOpen;
    out.wait = entry.open_until - now;
  } else if (entry.probing && now < entry.probe_started + kProbeMax) {
    out.circuit = Circuit::kOpen;
    out.wait = Duration::zero();
    out.reason = "a probe is under way (" + entry.reason + ")";
  } else {
    out.circuit = Circuit::kHalfOpen;
  }
  return out;
}

Verdict Health::check(const Endpoint& endpoint) const {
  if (entries_.empty()) return Verdict();
  Verdict out;
  for (const std::string& key : keys_of(endpoint)) {
    const Entry* entry = key.empty() ? nullptr : find(key);
    if (entry == nullptr) continue;
    Verdict other = check(*entry);
    bool worse =
        other.circuit > out.circuit || (other.circuit == out.circuit && other.wait > out.wait);
    if (worse) out = std::move(other);
  }
  return out;
}

MonoTime Health::open_until(const std::string& key) const {
  const Entry* entry = find(key);
  if (entry == nullptr || !entry->open) return MonoTime::min();
  MonoTime until = entry->open_until;
  return entry->probing ? std::max(until, entry->probe_started + kProbeMax) : until;
}

void Health::probe(const std::string& key) {
  auto it = entries_.find(key);
  if (it == entries_.end() || !it->second->open) return;
  // Before its time an attempt is somebody's last resort: it may heal, but its failure says nothing
  // new and must not make the pause longer.
  if (clock_->mono() < it->second->open_until) return;
  it->second->probing = true;
  it->second->probe_started = clock_->mono();
  changed(key);
}

void Health::started(const Endpoint& endpoint) {
  if (entries_.empty()) return;
  for (const std::string& key : keys_of(endpoint)) probe(key);
}

void Health::heal(const std::string& key) {
  // Healthy is the same as unknown: nothing to remember.
  auto it = entries_.find(key);
  if (it == entries_.end()) return;
  order_.erase(it->second);
  entries_.erase(it);
  changed(key);
}

void Health::succeeded(const Endpoint& endpoint) {
  if (entries_.empty()) return;
  for (const std::string& key : keys_of(endpoint)) heal(key);
}

void Health::unprobe(const Keys& keys, const std::string& but) {
  for (const std::string& key : keys) {
    auto it = entries_.find(key);
    if (it == entries_.end() || key == but) continue;
    it->second->probing = false;
    changed(key);
  }
}

void Health::open(Entry& entry, Duration pause, std::string reason) {
  entry.open = true;
  entry.probing = false;
  entry.open_until = clock_->mono() + pause;
  entry.reason = std::move(reason);
  changed(entry.key);
}

bool Health::failed(const Endpoint& endpoint, const Error& error) {
  Blame blame = blame_of(error);
  const Keys keys = keys_of(endpoint);
  if (blame == Blame::kNobody) {
    // The endpoint answered, if only to say no; and an unfinished probe proves nothing: let the
    // next one try.
    if (entries_.empty()) return false;
    unprobe(keys, "");
    return false;
  }
  const std::string& key = keys[circuit_of(keys, blame, error)];
  Entry& entry = touch(key);
  bool was_open = entry.open;
  ++entry.failures;
  // Calls that were under way when it opened tell nothing new: only a failed probe makes the pause
  // longer, or an answer that says how long to wait.
  if (was_open && !entry.probing && !error.retry_after) return false;
  if (!was_open && entry.failures < limits::kCircuitFailures && !opens_at_once(error)) return false;
  ++entry.openings;
  Duration pause = pause_after(entry.openings);
  if (error.retry_after) {
    pause = std::clamp(*error.retry_after, Duration::zero(), limits::kRetryAfterMax);
  }
  std::string reason = error.reason.empty() ? std::string(code_name(error.code)) : error.reason;
  if (entry.failures > 1) reason = std::to_string(entry.failures) + " failures in a row: " + reason;
  open(entry, pause, std::move(reason));
  // The probes of its other circuits did not decide anything.
  unprobe(keys, key);
  return !was_open;
}

}  // namespace drover::catalog
