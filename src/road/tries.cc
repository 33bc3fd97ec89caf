#include "road/tries.h"

#include <algorithm>

#include "base/limits/road.h"
#include "policy/policy.h"

namespace drover::road {
namespace {

/// The pause before a second try at the same endpoint, before jitter.
constexpr Duration kSameTargetPause = 100ms;

/// True where another account of the same place may do better.
bool about_account(const Error& error) {
  return catalog::blame_of(error) == catalog::Blame::kCredential ||
         error.code == Code::kResourceExhausted || error.code == Code::kPermissionDenied;
}

}  // namespace

std::string Tries::credential(const catalog::Endpoint& endpoint) {
  return endpoint.provider + "|" + endpoint.credentials.source;
}

bool Tries::passed_over(const catalog::Endpoint& endpoint) const {
  const Failures& f = *failures_;
  if (!f.refused.empty() && f.refused.contains(credential(endpoint))) return true;
  return !f.failed_sites.empty() && f.failed_sites.contains(endpoint.place());
}

bool Tries::visited(const catalog::Endpoint* endpoint) const {
  const std::span<const catalog::Endpoint* const> all = visited();
  return std::find(all.begin(), all.end(), endpoint) != all.end();
}

Duration Tries::jittered(Duration pause) {
  return Duration(
      static_cast<int64_t>(static_cast<double>(pause.count()) * (0.5 + random_.unit())));
}

bool Tries::affordable(const catalog::Endpoint& endpoint, MonoTime now) {
  if (attempts_ == 0) {
    budget_.visited(endpoint, now);
    return true;
  }
  const std::string place = RetryBudget::place_of(endpoint);
  for (const catalog::Endpoint* before : visited()) {
    if (before != &endpoint && RetryBudget::place_of(*before) != place) continue;
    bool taken = budget_.take(endpoint, now);
    if (!taken) budget_spent_ = true;
    return taken;
  }
  budget_.visited(endpoint, now);
  return true;
}

NextTry Tries::take(const catalog::Endpoint* endpoint, Duration pause, MonoTime now,
                    Duration remaining) {
  NextTry out;
  if (pause >= remaining || !affordable(*endpoint, now)) return out;
  note_visit(endpoint);
  current_ = endpoint;
  on_last_resort_ = false;
  out.endpoint = endpoint;
  out.pause = pause;
  return out;
}

NextTry Tries::first(MonoTime now) {
  if (placement_.endpoints.empty()) return NextTry();
  return take(placement_.endpoints[position_++], Duration::zero(), now, Duration::max());
}

NextTry Tries::next(const Error& error, bool visible, MonoTime now, Duration remaining) {
  bool about_credentials = error.code == Code::kUnauthenticated;
  if (visible || attempts_ >= attempts_max_ || error.code == Code::kCancelled) return NextTry();
  if (error.retry == Retry::kNever && !about_credentials) return NextTry();
  if (catalog::blame_of(error) == catalog::Blame::kCredential) {
    failures_.make().refused.insert(credential(*current_));
  }
  Duration asked = error.retry_after.value_or(Duration::zero());

  // A last resort gets no second chance in the same call.
  if (on_last_resort()) {
    asked = Duration::zero();
  } else if (error.retry == Retry::kSameTarget && !about_credentials &&
             asked <= limits::kRetryWaitMax && failures_.make().repeated.insert(current_).second) {
    NextTry again = take(current_, std::max(jittered(kSameTargetPause), asked), now, remaining);
    if (again.endpoint != nullptr) return again;
  } else if (error.retry == Retry::kAfter) {
    // A little later than asked, never earlier.
    Duration pause =
        asked > Duration::zero() ? asked + jittered(asked / 10) : jittered(limits::kRetryPause);
    failures_.make().waiting.push_back(Waiting{current_, now + pause});
  }
  // Nothing was sent where the rules, or those who could not be asked, kept the call out.
  if (!about_account(error) && !policy::is_denial(error))
    failures_.make().failed_sites.insert(current_->place());
  while (position_ < placement_.endpoints.size()) {
    const catalog::Endpoint* endpoint = placement_.endpoints[position_++];
    if (passed_over(*endpoint) || visited(endpoint)) continue;
    NextTry out = take(endpoint, Duration::zero(), now, remaining);
    if (out.endpoint != nullptr) return out;
  }
  NextTry waited = take_waiting(now, remaining);
  if (waited.endpoint != nullptr) return waited;
  while (last_position_ < last_resort_.size()) {
    const catalog::Endpoint* endpoint = last_resort_[last_position_++];
    if (passed_over(*endpoint)) continue;
    NextTry out = take(endpoint, Duration::zero(), now, remaining);
    if (out.endpoint == nullptr) continue;
    on_last_resort_ = true;
    return out;
  }
  return NextTry();
}

const catalog::Endpoint* Tries::hedge(MonoTime now) {
  if (attempts_ >= attempts_max_ || on_last_resort_) return nullptr;
  const std::string here = RetryBudget::place_of(*current_);
  for (size_t i = position_; i < placement_.endpoints.size(); ++i) {
    const catalog::Endpoint* e = placement_.endpoints[i];
    bool alike = e->zone == current_->zone && e->model == current_->model;
    if (!alike || visited(e) || passed_over(*e) || RetryBudget::place_of(*e) == here) continue;
    if (!budget_.take(*e, now)) return nullptr;
    note_visit(e);
    return e;
  }
  return nullptr;
}

/// The one that asked for the shortest pause, if that can be waited for.
NextTry Tries::take_waiting(MonoTime now, Duration remaining) {
  const catalog::Endpoint* soonest = nullptr;
  MonoTime ready = MonoTime::max();
  const Failures& f = *failures_;
  for (const Waiting& w : f.waiting) {
    bool out = f.repeated.contains(w.endpoint) || f.refused.contains(credential(*w.endpoint));
    if (w.ready < ready && !out) {
      ready = w.ready;
      soonest = w.endpoint;
    }
  }
  if (soonest == nullptr) return NextTry();
  Duration pause = std::max<Duration>(ready - now, Duration::zero());
  if (pause > limits::kRetryWaitMax) return NextTry();
  failures_.make().repeated.insert(soonest);
  return take(soonest, pause, now, remaining);
}

}  // namespace drover::road
