// Child processes on the loop: pipes as a stream, standard error kept as a tail, the end seen
// through a pidfd.

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "async/sync.h"
#include "base/assert.h"
#include "base/limits/net.h"
#include "base/log.h"
#include "net/process_start.h"
#include "net/real_impl.h"

namespace drover::net {
namespace {

// Where the kernel has no pidfd (before 5.3, some sandboxes), the child's end is polled for.
constexpr Duration kReapPoll = 20ms;

/// A descriptor that belongs to a child and tells it of each change.
class ChildFd final : public Watched {
 public:
  ChildFd(AsioLoop& loop, std::function<void()> changed)
      : loop_(&loop), changed_(std::move(changed)) {}
  ~ChildFd() override { close(); }
  ChildFd(const ChildFd&) = delete;
  ChildFd& operator=(const ChildFd&) = delete;

  void open(int fd) {
    fd_ = fd;
    bool watched = loop_->impl().watch(fd, this);
    DROVER_ASSERT(watched);
  }
  void close() {
    if (fd_ < 0) return;
    loop_->impl().unwatch(fd_);
    ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }
  void on_ready(uint32_t events) override {
    if (fd_ >= 0) changed_();
  }

 private:
  AsioLoop* loop_;
  int fd_ = -1;
  std::function<void()> changed_;
};

/// What outlives the handle: the child until it is reaped. Kept by the loop until then.
class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(AsioLoop& loop, const StartedProcess& started, std::shared_ptr<size_t> running)
      : loop_(&loop),
        pid_(started.pid),
        err_(loop, [this] { read_stderr(); }),
        pidfd_(loop, [this] { try_reap(); }),
        running_(std::move(running)) {
    ++*running_;
    err_.open(started.stderr_fd);
  }
  ~Child() {
    // The loop went first: nobody is left to wait for it.
    if (!exit_.ready()) {
      signal(SIGKILL);
      ::waitpid(pid_, nullptr, WNOHANG);
    }
    --*running_;
  }

  void watch() {
    loop_->impl().keep(shared_from_this());
    // By number: the header of glibc 2.36 lacks C linkage for C++.
    int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (fd < 0) return poll_end();
    pidfd_.open(fd);
  }

  /// To the child and all that it started and left in its group.
  void signal(int number) {
    if (!exit_.ready()) ::kill(-pid_, number);
  }

  pid_t pid() const { return pid_; }
  const std::string& tail() const { return tail_; }
  async::OneShot<ExitStatus>& exit() { return exit_; }

 private:
  void read_stderr() {
    char buffer[4096];
    // A few rounds at a time: a child that floods its standard error must not hold the loop.
    for (int i = 0; i < 16; ++i) {
      if (err_.fd() < 0) return;
      ssize_t n = ::read(err_.fd(), buffer, sizeof buffer);
      if (n > 0) {
        tail_.append(buffer, static_cast<size_t>(n));
        if (tail_.size() > limits::kProcessStderrBytesMax) {
          tail_.erase(0, tail_.size() - limits::kProcessStderrBytesMax);
        }
        continue;
      }
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      err_.close();
      return;
    }
    // There is more, and no event will say so again.
    loop_->post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->read_stderr();
    });
  }

  void poll_end() {
    if (try_reap()) return;
    loop_->call_after(kReapPoll, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->poll_end();
    });
  }

  bool try_reap() {
    siginfo_t info{};
    // First only look: while it is a zombie its group's number cannot be reused.
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0) {
      return false;
    }
    signal(SIGKILL);
    int status = 0;
    ExitStatus out;
    if (::waitpid(pid_, &status, 0) == pid_) {
      if (WIFEXITED(status)) out.code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) out.signal = WTERMSIG(status);
    }
    read_stderr();
    pidfd_.close();
    exit_.set(out);
    // Not at once: the loop may be about to tell this child of another event.
    loop_->post([self = shared_from_this()] { self->loop_->impl().release(self); });
    return true;
  }

  AsioLoop* loop_;
  pid_t pid_;
  ChildFd err_;
  ChildFd pidfd_;
  std::shared_ptr<size_t> running_;
  std::string tail_;
  async::OneShot<ExitStatus> exit_;
};

class PipeStream final : public Stream {
 public:
  PipeStream(AsioLoop& loop, int read_fd, int write_fd)
      : in_(LocalPtr<FdCore>::make(loop, read_fd)), out_(LocalPtr<FdCore>::make(loop, write_fd)) {}
  ~PipeStream() override { close_both(); }
  Task<Result<size_t>> read(Context ctx, std::span<char> buffer) override {
    return fd_read(in_, std::move(ctx), buffer);
  }
  Task<Result<void>> write(Context ctx, std::string_view data) override {
    return fd_write(out_, std::move(ctx), data);
  }
  Task<Result<void>> shutdown_write(Context ctx) override {
    out_->close();
    co_return Result<void>();
  }
  void close() override { close_both(); }
  const Endpoint& remote() const override {
    static const Endpoint kNone;
    return kNone;
  }
  void close_write() { out_->close(); }

 private:
  void close_both() {
    in_->close();
    out_->close();
  }
  FdPtr in_;
  FdPtr out_;
};

class RealProcess final : public Process {
 public:
  RealProcess(AsioLoop& loop, const StartedProcess& started, std::shared_ptr<size_t> running)
      : child_(std::make_shared<Child>(loop, started, std::move(running))),
        stdio_(std::make_shared<PipeStream>(loop, started.stdout_fd, started.stdin_fd)) {
    child_->watch();
  }
  ~RealProcess() override {
    stdio_->close();
    child_->signal(SIGKILL);  // the watch on it reaps
  }

  Stream& stdio() override { return *stdio_; }
  std::string stderr_tail() const override { return child_->tail(); }
  int pid() const override { return child_->pid(); }
  Task<Result<ExitStatus>> wait(Context ctx) override { return wait_for(child_, std::move(ctx)); }
  Task<void> stop(Context ctx, Duration grace) override {
    return stop_child(child_, stdio_, std::move(ctx), grace);
  }

 private:
  static Task<Result<ExitStatus>> wait_for(std::shared_ptr<Child> child, Context ctx) {
    CO_TRY_VOID(co_await child->exit().wait(ctx));
    co_return child->exit().peek();
  }

  static Task<void> stop_child(std::shared_ptr<Child> child, std::shared_ptr<PipeStream> stdio,
                               Context ctx, Duration grace) {
    stdio->close_write();
    auto ended = co_await child->exit().wait(ctx.with_timeout(grace));
    if (!ended) {
      child->signal(SIGTERM);
      ended = co_await child->exit().wait(ctx.with_timeout(grace));
    }
    if (!ended) {
      child->signal(SIGKILL);
      // Reaping is owed even where the caller's context is over.
      Context quiet = ctx.detached().with_timeout(limits::kProcessReapTimeout);
      ended = co_await child->exit().wait(quiet);
      if (!ended) LOG_WARN("process {} does not end even by SIGKILL", child->pid());
    }
    stdio->close();
  }

  std::shared_ptr<Child> child_;
  std::shared_ptr<PipeStream> stdio_;
};

class RealSpawner final : public ProcessSpawner {
 public:
  explicit RealSpawner(AsioLoop& loop) : loop_(&loop) {}

  Result<std::unique_ptr<Process>> spawn(ProcessOptions options) override {
    if (*running_ >= limits::kProcessesMax) {
      return fail(Code::kResourceExhausted, "too many child processes");
    }
    TRY(StartedProcess started, start_process(options));
    return std::make_unique<RealProcess>(*loop_, started, running_);
  }

 private:
  AsioLoop* loop_;
  std::shared_ptr<size_t> running_ = std::make_shared<size_t>(0);
};

}  // namespace

std::unique_ptr<ProcessSpawner> make_process_spawner(AsioLoop& loop) {
  return std::make_unique<RealSpawner>(loop);
}

std::unique_ptr<Stream> make_stdio_stream(AsioLoop& loop) {
  int fds[2] = {STDIN_FILENO, STDOUT_FILENO};
  for (int& fd : fds) {
    // Copies, so that the stream may close what it owns and nothing else loses its descriptor.
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    DROVER_ASSERT(fd >= 0);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  return std::make_unique<PipeStream>(loop, fds[0], fds[1]);
}

}  // namespace drover::net
