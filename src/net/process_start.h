#pragma once
// Starts a program by vfork and exec: no shell, no descriptor but the three given, default signals,
// a process group of its own, and death with the thread that started it. No event loop here.
//
// vfork and not posix_spawn: the latter has no way to ask for the parent-death signal.

#include <sys/types.h>

#include "net/process.h"

namespace drover::net {

struct StartedProcess {
  pid_t pid = -1;
  // Our ends, non-blocking and close-on-exec; the caller owns them.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
};

/// kNotFound if there is no such program, kPermissionDenied if it cannot be executed.
Result<StartedProcess> start_process(const ProcessOptions& options);

}  // namespace drover::net
