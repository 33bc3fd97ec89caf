// The disk's own time under bench/durable: a write of BYTES and its fdatasync, COUNT times each
// way.
//
//   bench_durable_sync FOLDER BYTES COUNT
//
// One JSON object goes to standard output. It links nothing of Drover.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_durable_sync: %s\n", why.c_str());
  std::exit(1);
}

double at(std::vector<double>& sorted, double q) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

/// Where a commit's sync begins: after a rest, in which the processor went to sleep and the disk
/// had nothing to do, as it is between the steps of one session at a time.
constexpr auto kRest = std::chrono::microseconds(100);

/// The floor under a commit: a write of that size and its sync, into space that is there already
/// (as a preallocated journal has it), one right after another and with a rest between them, and at
/// the end of a growing file.
void measure_sync(const std::string& folder, size_t bytes, int count) {
  enum { kThere, kRested, kGrowing, kWays };
  const std::string path = folder + "/sync-probe";
  const std::string data(bytes, 'x');
  double p50[kWays], p99 = 0;
  for (int way = kThere; way < kWays; ++way) {
    const bool growing = way == kGrowing;
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) die(path + ": " + std::strerror(errno));
    for (int i = 0; !growing && i < count; ++i) {
      if (::write(fd, data.data(), bytes) != static_cast<ssize_t>(bytes)) die("write to " + path);
    }
    if (::fsync(fd) != 0 || ::lseek(fd, 0, SEEK_SET) != 0) die("sync of " + path);
    std::vector<double> times_ms;
    for (int i = 0; i < count; ++i) {
      if (way == kRested) std::this_thread::sleep_for(kRest);
      const auto start = Clock::now();
      if (::write(fd, data.data(), bytes) != static_cast<ssize_t>(bytes)) die("write to " + path);
      if (::fdatasync(fd) != 0) die("fdatasync of " + path);
      times_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    ::close(fd);
    ::unlink(path.c_str());
    p50[way] = at(times_ms, 0.5);
    if (way == kThere) p99 = at(times_ms, 0.99);
  }
  std::printf(R"({"p50_ms":%.4f,"p99_ms":%.4f,"rested_p50_ms":%.4f,"growing_p50_ms":%.4f})"
              "\n",
              p50[kThere], p99, p50[kRested], p50[kGrowing]);
}

}  // namespace

int main(int argc, char** argv) {
  const int bytes = argc == 4 ? std::atoi(argv[2]) : 0;
  const int count = argc == 4 ? std::atoi(argv[3]) : 0;
  if (bytes < 1 || count < 1) {
    std::fprintf(stderr, "usage: bench_durable_sync FOLDER BYTES COUNT\n");
    return 2;
  }
  measure_sync(argv[1], static_cast<size_t>(bytes), count);
}
