#pragma once
// Private to the real_*.cc files: signals as calls on the loop. A handler writes the signal's
// number into a pipe that the loop watches. One loop of a process at a time takes signals; when
// that ends, they do again what they do by default.

#include "net/real_impl.h"

namespace drover::net {

std::unique_ptr<Watched> watch_signals(AsioLoop::Impl& loop, std::vector<int> signals,
                                       std::function<void(int)> fn);

}  // namespace drover::net
