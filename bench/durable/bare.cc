// The floor of bench/durable: a server that does for each request what a durable one cannot leave
// out, and nothing else. It reads the request, writes its bytes into space that is there already,
// syncs them, and answers with a text of some size, on one thread that does not sleep between the
// requests of a session. What a session takes above its syncs here is this machine's own: system
// calls, loopback, and waking the client.
//
//   bench_durable_bare PORT FILE
//
// It links nothing of Drover. It ends with SIGTERM.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

constexpr size_t kFileBytes = 64 << 20;  // written anew from its front when it is full
constexpr size_t kPartBytes = 1 << 20;
constexpr size_t kReceiveBytes = 64 * 1024;
constexpr size_t kAnswerBytes = 500;  // about what an answer that hands out work has
constexpr int kEventsMax = 64;
// Looked for in vain so often, it sleeps: beside others it must leave them the processor.
constexpr int kLooksMax = 1000;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_durable_bare: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int open_file(const char* path) {
  const int fd = ::open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) die(path);
  const std::string part(kPartBytes, '\0');
  for (size_t at = 0; at < kFileBytes; at += kPartBytes) {
    if (::pwrite(fd, part.data(), part.size(), static_cast<off_t>(at)) < 0) die(path);
  }
  if (::fsync(fd) != 0) die("fsync");
  return fd;
}

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(fd, SOMAXCONN) != 0) die("listen");
  return fd;
}

/// Whether a whole request is there: its head, and as much body as that says.
bool is_whole(const std::string& in) {
  const size_t head = in.find("\r\n\r\n");
  const size_t length = in.find("\r\ncontent-length: ");
  if (head == std::string::npos || length > head) return false;
  return in.size() >= head + 4 + static_cast<size_t>(std::atoi(in.c_str() + length + 18));
}

class Server {
 public:
  Server(int port, const char* path)
      : file_(open_file(path)), listener_(listen_on(port)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_);
    answer_ = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
              std::to_string(kAnswerBytes) + "\r\n\r\n" + std::string(kAnswerBytes, 'x');
  }

  [[noreturn]] void run() {
    epoll_event events[kEventsMax];
    for (int in_vain = 0;;) {
      const int n = ::epoll_wait(poll_, events, kEventsMax, in_vain < kLooksMax ? 0 : -1);
      in_vain = n > 0 ? 0 : in_vain + 1;
      for (int i = 0; i < n; ++i) {
        if (events[i].data.fd == listener_) {
          const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
          if (fd >= 0) watch(fd);
        } else {
          serve(events[i].data.fd);
        }
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }

  void serve(int fd) {
    std::string& in = requests_[fd];
    const ssize_t n = ::recv(fd, received_, sizeof received_, 0);
    if (n <= 0) {
      requests_.erase(fd);
      ::close(fd);
      return;
    }
    in.append(received_, static_cast<size_t>(n));
    if (!is_whole(in)) return;
    if (at_ + in.size() > kFileBytes) at_ = 0;
    if (::pwrite(file_, in.data(), in.size(), static_cast<off_t>(at_)) < 0) die("write");
    if (::fdatasync(file_) != 0) die("fdatasync");
    at_ += in.size();
    in.clear();
    if (::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) ::close(fd);
  }

  int file_, listener_, poll_;
  size_t at_ = 0;
  std::string answer_;
  std::map<int, std::string> requests_;
  char received_[kReceiveBytes];
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_durable_bare PORT FILE\n");
    return 2;
  }
  static Server server(std::atoi(argv[1]), argv[2]);
  server.run();
}
