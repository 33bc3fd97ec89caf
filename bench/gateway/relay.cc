// The floor of bench/gateway: bytes from one connection to another and back, without a look at
// them. Each client has a connection of its own to the upstream. One thread, epoll, one read and
// one write a message: what it costs is the kernel's price for passing a message on, which no proxy
// over TCP can get below.
//
//   bench_gateway_relay PORT UPSTREAM_PORT
//
// It links nothing of Drover. It ends with SIGTERM.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kEventsMax = 256;

/// One direction's end: what is read from `fd` goes to `other`.
struct End {
  int fd = -1;
  End* other = nullptr;
  std::string left;  // what `fd` has not taken yet
  bool closed = false;
};

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_gateway_relay: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

sockaddr_in loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int open_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

class Relay {
 public:
  Relay(int port, int upstream) : upstream_(upstream), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_.fd = open_socket();
    const sockaddr_in address = loopback(port);
    if (::bind(listener_.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      die("bind");
    }
    if (::listen(listener_.fd, SOMAXCONN) != 0) die("listen");
    watch(listener_);
  }

  [[noreturn]] void run() {
    epoll_event events[kEventsMax];
    for (;;) {
      const int n = ::epoll_wait(poll_, events, kEventsMax, -1);
      for (int i = 0; i < n; ++i) {
        End& end = *static_cast<End*>(events[i].data.ptr);
        if (&end == &listener_) {
          accept();
          continue;
        }
        if ((events[i].events & EPOLLOUT) != 0 && !end.closed) flush(end);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !end.closed) pass_on(end);
      }
      // Only now: an end may have stood in the list twice.
      for (End* end : gone_) delete end;
      gone_.clear();
    }
  }

 private:
  void watch(End& end) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &end;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, end.fd, &event) != 0) die("epoll_ctl");
  }

  void accept() {
    for (;;) {
      const int fd = ::accept4(listener_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      End* client = new End;
      End* server = new End;
      client->fd = fd;
      client->other = server;
      server->fd = open_socket();
      server->other = client;
      const sockaddr_in address = loopback(upstream_);
      if (::connect(server->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
          errno != EINPROGRESS) {
        die("connect");
      }
      watch(*client);
      watch(*server);
    }
  }

  /// Reads while the other side takes it.
  void pass_on(End& from) {
    while (from.other->left.empty()) {
      const ssize_t n = ::recv(from.fd, bytes_, sizeof bytes_, 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return close(from);
      put(*from.other, std::string_view(bytes_, static_cast<size_t>(n)));
      if (from.closed || static_cast<size_t>(n) < sizeof bytes_) return;
    }
  }

  void put(End& to, std::string_view bytes) {
    const ssize_t n = ::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOTCONN) return close(to);
    bytes.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
    to.left.assign(bytes);
  }

  void flush(End& to) {
    if (to.left.empty()) return;
    const std::string left = std::move(to.left);
    put(to, left);
    if (!to.closed && to.left.empty()) pass_on(*to.other);
  }

  void close(End& end) {
    for (End* one : {&end, end.other}) {
      ::close(one->fd);
      one->closed = true;
      gone_.push_back(one);
    }
  }

  End listener_;
  int upstream_, poll_;
  std::vector<End*> gone_;
  char bytes_[kReadBytes];
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_gateway_relay PORT UPSTREAM_PORT\n");
    return 2;
  }
  static Relay relay(std::atoi(argv[1]), std::atoi(argv[2]));
  relay.run();
}
