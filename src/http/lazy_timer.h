#pragma once
// A time limit that is moved often and reached rarely. Moving it later costs no timer operation:
// the timer that is set fires, sees that the limit has moved, and sets itself again. Loop thread
// only.

#include <functional>

#include "async/context.h"

namespace drover::http {

class LazyTimer {
 public:
  LazyTimer(async::Loop& loop, std::function<void()> on_limit)
      : loop_(loop), on_limit_(std::move(on_limit)) {}
  LazyTimer(const LazyTimer&) = delete;
  LazyTimer& operator=(const LazyTimer&) = delete;
  ~LazyTimer() {
    if (timer_ != 0) loop_.cancel_timer(timer_);
  }

  void set(Duration d) {
    limit_ = loop_.mono() + d;
    if (timer_ != 0 && fires_at_ <= limit_) return;
    if (timer_ != 0) loop_.cancel_timer(timer_);
    start();
  }
  void clear() { limit_ = async::Context::kNoDeadline; }

 private:
  void start() {
    fires_at_ = limit_;
    timer_ = loop_.call_at(limit_, [this] { fire(); });
  }
  void fire() {
    timer_ = 0;
    if (limit_ == async::Context::kNoDeadline) return;
    if (loop_.mono() < limit_) {
      start();
    } else {
      on_limit_();
    }
  }

  async::Loop& loop_;
  std::function<void()> on_limit_;
  MonoTime limit_ = async::Context::kNoDeadline;
  MonoTime fires_at_{};
  async::Loop::TimerId timer_ = 0;
};

}  // namespace drover::http
