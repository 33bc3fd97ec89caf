#include "road/tries.h"

#include <algorithm>

#include "base/limits/road.h"

namespace drover::road {
namespace {

/// The pause before a second try at the same endpoint, before jitter.
constexpr Duration kSameTargetPause = 100ms;

}  // namespace

std::string Tries::credential(const catalog::Endpoint& endpoint) {
  return endpoint.provider + "|" + endpoint.credentials.source;
}

bool Tries::refused(const catalog::Endpoint& endpoint) const {
  return !refused_.empty() && refused_.contains(credential(endpoint));
}

NextTry Tries::take(const catalog::Endpoint* endpoint, Duration pause, Duration remaining) {
  NextTry out;
  if (pause >= remaining) return out;
  ++attempts_;
  current_ = endpoint;
  on_last_resort_ = false;
  out.endpoint = endpoint;
  out.pause = pause;
  return out;
}

NextTry Tries::first() {
  if (placement_.endpoints.empty()) return NextTry();
  return take(placement_.endpoints[position_++], Duration::zero(), Duration::max());
}

NextTry Tries::next(const Error& error, bool visible, MonoTime now, Duration remaining) {
  bool about_credentials = error.code == Code::kUnauthenticated;
  if (visible || attempts_ >= limits::kAttemptsMax || error.code == Code::kCancelled) {
    return NextTry();
  }
  if (error.retry == Retry::kNever && !about_credentials) return NextTry();
  if (about_credentials) refused_.insert(credential(*current_));
  Duration asked = error.retry_after.value_or(Duration::zero());

  // A last resort gets no second chance in the same call.
  if (on_last_resort()) {
    asked = Duration::zero();
  } else if (error.retry == Retry::kSameTarget && !about_credentials &&
             asked <= limits::kRetryWaitMax && repeated_.insert(current_).second) {
    // Half to one and a half times: calls that failed together do not come back together.
    auto jittered = Duration(static_cast<int64_t>(static_cast<double>(kSameTargetPause.count()) *
                                                  (0.5 + random_.unit())));
    return take(current_, std::max(jittered, asked), remaining);
  }
  if (error.retry == Retry::kAfter && asked > Duration::zero()) {
    waiting_.push_back(Waiting{current_, now + asked});
  }
  while (position_ < placement_.endpoints.size()) {
    const catalog::Endpoint* endpoint = placement_.endpoints[position_++];
    if (!refused(*endpoint)) return take(endpoint, Duration::zero(), remaining);
  }
  NextTry waited = take_waiting(now, remaining);
  if (waited.endpoint != nullptr) return waited;
  while (last_position_ < last_resort_.size()) {
    const catalog::Endpoint* endpoint = last_resort_[last_position_++];
    if (refused(*endpoint)) continue;
    NextTry out = take(endpoint, Duration::zero(), remaining);
    on_last_resort_ = out.endpoint != nullptr;
    return out;
  }
  return NextTry();
}

/// The one that asked for the shortest pause, if that can be waited for.
NextTry Tries::take_waiting(MonoTime now, Duration remaining) {
  const catalog::Endpoint* soonest = nullptr;
  MonoTime ready = MonoTime::max();
  for (const Waiting& w : waiting_) {
    if (w.ready < ready && !repeated_.contains(w.endpoint) && !refused(*w.endpoint)) {
      ready = w.ready;
      soonest = w.endpoint;
    }
  }
  if (soonest == nullptr) return NextTry();
  Duration pause = std::max<Duration>(ready - now, Duration::zero());
  if (pause > limits::kRetryWaitMax || pause >= remaining) return NextTry();
  repeated_.insert(soonest);
  return take(soonest, pause, remaining);
}

}  // namespace drover::road
