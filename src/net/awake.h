#pragma once
// Processors that stay awake while requests come. Whoever asks one thing at a time has its
// processor rest between question and answer, and on a virtual machine a processor at rest is
// halted: each wake is a way through the hypervisor, some 50 us, longer than all that Drover does
// for a step. While something came within the last moments, no processor of this machine rests more
// deeply than by looking; then all may again. It costs their idle time meanwhile, so somebody must
// have asked for it (`low_latency`).
//
// Linux, PM Quality of Service: who holds /dev/cpu_dma_latency open says in it how many
// microseconds a processor may take to wake (Documentation/power/pm_qos_interface.rst); the kernel
// forgets it when the file is closed, also by a crash. Loop thread only.

#include <memory>
#include <string>

#include "async/loop.h"
#include "base/result.h"

namespace drover::net {

class AwakeProcessors final : private async::Turn {
 public:
  static constexpr const char* kDevice = "/dev/cpu_dma_latency";

  /// They stay awake for `hold` after the last touch(). kUnavailable where the device cannot be
  /// opened for writing (it belongs to root, and many containers have none).
  static Result<std::unique_ptr<AwakeProcessors>> open(async::Loop& loop, Duration hold,
                                                       const std::string& device = kDevice);
  ~AwakeProcessors();
  AwakeProcessors(const AwakeProcessors&) = delete;
  AwakeProcessors& operator=(const AwakeProcessors&) = delete;

  /// Something came, and more is likely to follow. Costs two system calls for a whole burst.
  void touch();

 private:
  AwakeProcessors(async::Loop& loop, Duration hold, int fd) : loop_(loop), hold_(hold), fd_(fd) {}
  void say(int32_t wake_us_max);
  /// The last touch() was `hold` ago, or another came since.
  void on_turn() override;

  async::Loop& loop_;
  const Duration hold_;
  const int fd_;
  MonoTime last_{};
  async::Loop::TimerId timer_ = 0;  // while they are awake
};

}  // namespace drover::net
