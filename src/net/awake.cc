#include "net/awake.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace drover::net {
namespace {

// PM_QOS_CPU_LATENCY_DEFAULT_VALUE: nobody has asked for anything.
constexpr int32_t kAnyLatencyUs = 2'000'000'000;

}  // namespace

Result<std::unique_ptr<AwakeProcessors>> AwakeProcessors::open(async::Loop& loop, Duration hold,
                                                               const std::string& device) {
  const int fd = ::open(device.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(Code::kUnavailable, device + ": " + std::strerror(errno));
  std::unique_ptr<AwakeProcessors> out(new AwakeProcessors(loop, hold, fd));
  out->say(kAnyLatencyUs);  // to have it open alone asks for the least
  return out;
}

AwakeProcessors::~AwakeProcessors() {
  loop_.cancel_timer(timer_);
  ::close(fd_);
}

void AwakeProcessors::touch() {
  last_ = loop_.mono();
  if (timer_ != 0) return;
  say(0);
  timer_ = loop_.turn_at(last_ + hold_, *this);
}

void AwakeProcessors::on_turn() {
  const bool more_came = loop_.mono() < last_ + hold_;
  timer_ = more_came ? loop_.turn_at(last_ + hold_, *this) : 0;
  if (!more_came) say(kAnyLatencyUs);
}

void AwakeProcessors::say(int32_t wake_us_max) {
  // The device takes what it is told or is gone; either way requests are served as ever.
  [[maybe_unused]] const ssize_t told = ::write(fd_, &wake_us_max, sizeof wake_us_max);
}

}  // namespace drover::net
