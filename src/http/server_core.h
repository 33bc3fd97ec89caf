#pragma once
// What a server's connections share, and a connection as the server sees it. Internal to http.

#include <memory>
#include <string>
#include <string_view>

#include "async/stage.h"
#include "async/wait.h"
#include "http/server.h"

namespace drover::http {

struct ServerCore {
  ServerCore(async::Loop& l, Handler h, ServerOptions o)
      : loop(l), handler(std::move(h)), options(o) {}
  async::Loop& loop;
  Handler handler;
  ServerOptions options;
  bool stopping = false;
  size_t in_flight = 0;
  /// The borders of what all requests go through: heads are read, handlers begin, answers leave.
  async::Stage reading;
  async::Stage serving;
  async::Stage answering;
  /// Answers mostly leave in one write: the memory in which they are put together is everybody's.
  std::string spare_output;
  /// In which answers are put together that leave at once: room, used from its front.
  std::string output;

  /// The Date header's value, made once a second.
  const std::string& date();
  /// The same as a line of HTTP/1.1.
  std::string_view date_line() {
    date();
    return date_line_;
  }

 private:
  int64_t date_second_ = INT64_MIN;
  std::string date_;
  std::string date_line_;
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// Serves until the connection is over; the stream is closed and no handler runs afterwards.
  virtual Task<void> run() = 0;
  /// Ends after what is in flight.
  virtual void drain() = 0;
  /// Ends at once; handlers are cancelled.
  virtual void drop() = 0;
};

/// {"error":{"code":"bad_request","message":"..."}}
std::string error_body(int status, std::string_view message);

}  // namespace drover::http
