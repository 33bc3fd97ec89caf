#pragma once
// Child processes (stdio tools, simulators): started without a shell, with the environment given
// and nothing inherited but the three standard streams. A child never outlives its handle: close()
// ends it (SIGTERM, then SIGKILL after a grace) and reaps it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/stream.h"

namespace drover::net {

struct ProcessOptions {
  std::string program;  // looked up in PATH of `environment` if it has no slash
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::string working_directory;
};

struct ExitStatus {
  int code = -1;   // exit code, or -1
  int signal = 0;  // the signal that ended it, or 0
  bool ok() const { return code == 0; }
};

class Process {
 public:
  virtual ~Process() = default;
  /// Reads the child's standard output, writes its standard input.
  virtual Stream& stdio() = 0;
  /// The newest part (bounded) of its standard error, for messages.
  virtual std::string stderr_tail() const = 0;
  virtual int pid() const = 0;
  virtual Task<Result<ExitStatus>> wait(Context ctx) = 0;
  /// Closes its input, waits `grace`, then SIGTERM, then SIGKILL; reaps it.
  virtual Task<void> stop(Context ctx, Duration grace) = 0;
};

class ProcessSpawner {
 public:
  virtual ~ProcessSpawner() = default;
  virtual Result<std::unique_ptr<Process>> spawn(ProcessOptions options) = 0;
};

}  // namespace drover::net
