#pragma once
// One HTTP/2 connection of the server, on nghttp2. Internal to http.
//
// run() reads and feeds the session; writer() sends what the session has to say, many frames to a
// write; each stream's handler is a task of its own. Flow control is the handler's: a window opens
// only as the handler reads, and a handler's write returns when its bytes are in a write to the
// socket.
//
// Bounds: concurrent streams (also of handlers whose streams were reset), resets a second, queued
// answers to PING and SETTINGS, header bytes and count. Sources: RFC 9113, RFC 7541.

#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "http/lazy_timer.h"
#include "http/server_core.h"

namespace drover::http {

class Http2Stream;

class Http2Connection final : public Connection {
 public:
  /// `input` is what has been read already.
  Http2Connection(ServerCore& core, const Context& parent, std::unique_ptr<net::Stream> stream,
                  std::string input);
  ~Http2Connection() override;

  Task<void> run() override;
  void drain() override;
  void drop() override;

 private:
  friend class Http2Stream;
  struct Callbacks;

  bool open_session();
  /// False when the session is over.
  bool feed(std::string_view bytes);
  Task<void> writer();
  Task<void> wait_for_room();
  /// Frames for the socket into out_; false when there are none.
  bool collect();
  void kick();
  void client_left(const char* why);
  void start_ready();
  static Task<void> serve(Http2Connection* self, Http2Stream* stream);
  static Task<void> linger(Http2Connection* self, Http2Stream* stream);
  void release(Http2Stream* stream);
  void update_limit();

  ServerCore& core_;
  std::unique_ptr<net::Stream> stream_;
  async::Scope scope_;
  std::string input_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  std::vector<Http2Stream*> ready_;
  size_t running_ = 0;
  std::string out_;
  async::WaitQueue kick_;
  async::WaitQueue sent_;  // a write to the socket has ended
  uint64_t writes_begun_ = 0;
  uint64_t writes_done_ = 0;
  bool dirty_ = false;
  bool writing_ = false;
  bool gone_ = false;
  bool draining_ = false;
  LazyTimer limit_;
};

}  // namespace drover::http
