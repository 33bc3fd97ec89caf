#include "app/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace drover::app {
namespace {

/// How long stop() may go unnoticed.
constexpr int kLookMillis = 50;

}  // namespace

async::Task<std::optional<std::string>> LineReader::next(async::Context ctx) {
  auto read = [this] { return read_line(); };
  co_return co_await async::run_blocking(ctx, worker_, std::move(read));
}

std::optional<std::string> LineReader::read_line() {
  for (;;) {
    if (auto line = take_line()) return line;
    if (ended_ || stopped_) return std::nullopt;
    pollfd wait{fd_, POLLIN, 0};
    int ready = ::poll(&wait, 1, kLookMillis);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char buffer[4096];
    ssize_t n = ready < 0 ? -1 : ::read(fd_, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n > 0) {
      read_.append(buffer, static_cast<size_t>(n));
    } else {
      ended_ = true;
    }
  }
}

/// A whole line; at the end of the input also what stands without one.
std::optional<std::string> LineReader::take_line() {
  size_t end = read_.find('\n');
  size_t skip = 1;
  if (end == std::string::npos) {
    if (read_.empty() || (!ended_ && read_.size() < kTypedLineBytesMax)) return {};
    end = read_.size();
    skip = 0;
  }
  std::string line = read_.substr(0, end);
  read_.erase(0, end + skip);
  return line;
}

}  // namespace drover::app
