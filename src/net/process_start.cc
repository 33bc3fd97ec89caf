#include "net/process_start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace drover::net {
namespace {

struct Fd {
  int value = -1;
  Fd() = default;
  explicit Fd(int fd) : value(fd) {}
  Fd(Fd&& o) noexcept : value(std::exchange(o.value, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(value, o.value);
    return *this;
  }
  ~Fd() {
    if (value >= 0) ::close(value);
  }
  int release() { return std::exchange(value, -1); }
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Fd> above_standard(int fd) {
  // Were one of our own standard descriptors closed, a pipe would take its number and the dup2
  // calls of the child would overwrite it.
  if (fd > 2) return Fd(fd);
  Fd low(fd);
  Fd high(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (high.value < 0) return fail(Code::kResourceExhausted, "no file descriptor left");
  return high;
}

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return fail(Code::kResourceExhausted, std::string("cannot make a pipe: ") + strerror(errno));
  }
  Pipe out;
  auto read_end = above_standard(fds[0]);
  auto write_end = above_standard(fds[1]);
  if (!read_end) return fail(read_end.error());
  if (!write_end) return fail(write_end.error());
  out.read = std::move(*read_end);
  out.write = std::move(*write_end);
  return out;
}

bool executable(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_program(const ProcessOptions& options) {
  const std::string& program = options.program;
  if (program.empty()) return fail(Code::kInvalidArgument, "no program to start");
  if (program.find('/') != std::string::npos) return program;
  auto it = options.environment.find("PATH");
  std::string path = it == options.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : it->second;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find(':', start), path.size());
    std::string candidate = path.substr(start, end - start) + "/" + program;
    // An empty part would mean the current directory: nobody wants that by accident.
    if (end > start && executable(candidate)) return candidate;
    start = end + 1;
  }
  return fail(Code::kNotFound, "no program " + program + " in PATH (" + path + ")");
}

/// All that the child needs, laid out before vfork: after it nothing may allocate.
struct ChildPlan {
  const char* path;
  char* const* argv;
  char* const* envp;
  const char* directory;  // nullptr: stay
  int in, out, err;
  /// Where the child says why it could not execute; closed by a successful exec. A pipe and not
  /// shared memory: sanitizers turn vfork into fork.
  int report;
  pid_t parent;
};

struct StartFailure {
  int error = 0;
  bool in_chdir = false;
};

void child_default_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) {
    if (s != SIGKILL && s != SIGSTOP) ::sigaction(s, &standard, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void give_up(const ChildPlan* plan, bool in_chdir) {
  StartFailure failure;
  failure.error = errno;
  failure.in_chdir = in_chdir;
  ssize_t written = ::write(plan->report, &failure, sizeof failure);
  (void)written;
  ::_exit(127);
}

[[noreturn]] void run_child(ChildPlan* plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan->parent) ::_exit(127);  // it died before the line above
  ::setpgid(0, 0);
  ::dup2(plan->in, 0);
  ::dup2(plan->out, 1);
  ::dup2(plan->err, 2);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  if (plan->directory != nullptr && ::chdir(plan->directory) != 0) give_up(plan, true);
  child_default_signals();
  ::execve(plan->path, plan->argv, plan->envp);
  give_up(plan, false);
}

__attribute__((noinline)) pid_t vfork_and_exec(ChildPlan* plan) {
  // No signal may run one of our handlers in the child: it would run on our memory.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = ::vfork();
  if (pid == 0) run_child(plan);
  int err = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = err;
  return pid;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

/// False at the end of the pipe.
bool read_whole(int fd, void* out, size_t size) {
  ssize_t got = 0;
  do {
    got = ::read(fd, out, size);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(size);
}

Error start_error(const ProcessOptions& options, const StartFailure& failure) {
  int err = failure.error;
  if (failure.in_chdir) {
    return Error(Code::kFailedPrecondition,
                 "cannot enter " + options.working_directory + ": " + strerror(err));
  }
  Code code = err == ENOENT    ? Code::kNotFound
              : err == EACCES  ? Code::kPermissionDenied
              : err == ENOEXEC ? Code::kFailedPrecondition
                               : Code::kUnavailable;
  return Error(code, "cannot start " + options.program + ": " + strerror(err));
}

}  // namespace

Result<StartedProcess> start_process(const ProcessOptions& options) {
  TRY(std::string path, find_program(options));
  std::vector<std::string> arguments;
  arguments.push_back(options.program);
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment;
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(environment);
  TRY(Pipe in, make_pipe());
  TRY(Pipe out, make_pipe());
  TRY(Pipe err, make_pipe());
  TRY(Pipe report, make_pipe());

  ChildPlan plan;
  plan.path = path.c_str();
  plan.argv = argv.data();
  plan.envp = envp.data();
  plan.directory = options.working_directory.empty() ? nullptr : options.working_directory.c_str();
  plan.in = in.read.value;
  plan.out = out.write.value;
  plan.err = err.write.value;
  plan.report = report.write.value;
  plan.parent = ::getpid();
  pid_t pid = vfork_and_exec(&plan);
  if (pid < 0) {
    return fail(Code::kResourceExhausted,
                "cannot start " + options.program + ": " + strerror(errno));
  }
  // Ends at the child's exec or its words: from here on it is in its own process group.
  report.write = Fd();
  StartFailure failure;
  if (read_whole(report.read.value, &failure, sizeof failure)) {
    ::waitpid(pid, nullptr, 0);  // it is ending
    return fail(start_error(options, failure));
  }
  StartedProcess started;
  started.pid = pid;
  started.stdin_fd = in.write.release();
  started.stdout_fd = out.read.release();
  started.stderr_fd = err.read.release();
  for (int fd : {started.stdin_fd, started.stdout_fd, started.stderr_fd}) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  return started;
}

}  // namespace drover::net
