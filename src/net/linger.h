#pragma once
// A loop that looks for what comes next rather than sleep: where the next thing is likely to come
// at once, being put to sleep and woken again costs a thread more time than it has to wait,
// on a virtual machine most of all. It costs processor time instead, so it is for rare moments: for
// so long at most, and after waits that brought nothing more and more rarely.
//
// Loop thread only. Nothing can fail; what comes is served as ever.

#include "net/asio_loop.h"

namespace drover::net {

/// Until then, or until something comes, this loop does not sleep.
void linger(AsioLoop& loop, Duration most);

}  // namespace drover::net
