#pragma once
// Getting credentials, apart from using them. A Source fetches a fresh value (credentials, a
// token); a Refreshing keeps the last one, renews it before it expires, and lets one fetch serve
// all who wait.
//
//   Refreshing<AwsCredentials> credentials(std::move(source));
//   CO_TRY(auto current, co_await credentials.get(ctx));       // shared_ptr<const AwsCredentials>
//
// Who finds the value due for renewal fetches it, under its own context; the others go on with the
// value while it is good, and wait once it is not. A fetch that fails leaves the old value in use
// until it expires, and is not repeated before a pause. A fetch whose caller was cancelled fails
// nobody else: the next one takes over.
//
// Ownership: outlives its callers. Threads: one loop. Failure: the source's error, with the time
// until the next try in retry_after. Limits: one fetch at a time, each of kCredentialFetchTimeout.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "async/context.h"
#include "async/task.h"
#include "async/wait.h"
#include "base/limits/cloud.h"
#include "base/result.h"
#include "cloud/aws_credentials.h"

namespace drover::cloud {

using async::Context;
using async::Task;

/// Where values of a kind come from. fetch() asks anew each time.
template <typename T>
class Source {
 public:
  virtual ~Source() = default;
  /// For messages: "environment", "profile work".
  virtual std::string name() const = 0;
  /// not_found: there is nothing of this kind here (a chain goes on); any other error: there is,
  /// but it does not work (a chain stops, so that no other identity is used by accident).
  virtual Task<Result<T>> fetch(Context ctx) = 0;
};

using CredentialSource = Source<AwsCredentials>;
using TokenSource = Source<BearerToken>;

struct RefreshPolicy {
  /// Renewed this long before it expires…
  Duration early = 5min;
  /// …and no longer handed out this long before it: a request takes time to arrive.
  Duration margin = 30s;
  /// After a failed fetch; doubles up to the maximum.
  Duration pause_min = 1s;
  Duration pause_max = 60s;
  Duration fetch_timeout = limits::kCredentialFetchTimeout;
};

template <typename T>
class Refreshing {
 public:
  using Value = std::shared_ptr<const T>;

  explicit Refreshing(std::unique_ptr<Source<T>> source, RefreshPolicy policy = {})
      : source_(std::move(source)), policy_(policy) {}
  Refreshing(const Refreshing&) = delete;
  Refreshing& operator=(const Refreshing&) = delete;

  Task<Result<Value>> get(Context ctx);

  /// The cloud refused `value` (expired or revoked early): the next get() fetches. Telling it twice
  /// of the same value, or of an old one, does nothing.
  void invalidate(const Value& value) {
    if (value == value_) value_.reset();
  }

  std::string source_name() const { return source_->name(); }

 private:
  /// Ends the flight also when the fetching coroutine is destroyed half-way.
  struct Flight {
    explicit Flight(Refreshing* o) : owner(o) { owner->in_flight_ = true; }
    Flight(const Flight&) = delete;
    Flight& operator=(const Flight&) = delete;
    ~Flight() {
      owner->in_flight_ = false;
      owner->landed_.wake_all();
    }
    Refreshing* owner;
  };

  bool outlives_margin(const T& value, WallTime now) const {
    return !value.expires || now < *value.expires - policy_.margin;
  }
  bool good(WallTime now) const { return value_ && outlives_margin(*value_, now); }
  bool due(WallTime now) const {
    return !value_ || (value_->expires && now >= *value_->expires - policy_.early);
  }
  Error paused_error(MonoTime now) const {
    Error out = *failure_;
    out.retry = Retry::kAfter;
    out.retry_after = retry_at_ - now;
    return out;
  }
  Task<Result<Value>> fetch(Context ctx);

  const std::unique_ptr<Source<T>> source_;
  const RefreshPolicy policy_;
  Value value_;
  bool in_flight_ = false;
  async::WaitQueue landed_;
  std::optional<Error> failure_;  // of the last fetch, until one succeeds
  Duration pause_{};
  MonoTime retry_at_{};
};

template <typename T>
Task<Result<typename Refreshing<T>::Value>> Refreshing<T>::get(Context ctx) {
  while (true) {
    const WallTime now = ctx.loop().wall();
    const bool paused = failure_ && ctx.loop().mono() < retry_at_;
    if (good(now) && (!due(now) || in_flight_ || paused)) co_return value_;
    if (paused) co_return fail(paused_error(ctx.loop().mono()));
    if (!in_flight_) {
      Result<Value> fetched = co_await fetch(ctx);
      // A failed renewal of what is still good is no failure.
      if (!fetched && good(ctx.loop().wall()) && !ctx.cancelled()) co_return value_;
      co_return fetched;
    }
    const async::Wake wake = co_await landed_.wait(ctx);
    if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
  }
}

template <typename T>
Task<Result<typename Refreshing<T>::Value>> Refreshing<T>::fetch(Context ctx) {
  Flight flight(this);
  const Context bounded = ctx.with_timeout(policy_.fetch_timeout);
  Result<T> fetched = co_await source_->fetch(bounded);
  if (fetched && !outlives_margin(*fetched, ctx.loop().wall())) {
    fetched = fail(Code::kUnauthenticated, "the credentials found have already expired");
  }
  if (fetched) {
    failure_.reset();
    pause_ = Duration();
    value_ = std::make_shared<const T>(std::move(*fetched));
    co_return value_;
  }
  Error error = std::move(fetched).error();
  error.note("while getting credentials from " + source_->name());
  // A caller that went away says nothing about the source.
  if (ctx.check()) {
    failure_ = error;
    pause_ = std::clamp(pause_ * 2, policy_.pause_min, policy_.pause_max);
    retry_at_ = ctx.loop().mono() + pause_;
  }
  co_return fail(std::move(error));
}

}  // namespace drover::cloud
