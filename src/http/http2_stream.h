#pragma once
// One request and its answer on an HTTP/2 connection. Owned by the connection until both its
// handler and the protocol's stream have ended. Internal to http.

#include <string>

#include "async/context.h"
#include "http/http2_connection.h"

namespace drover::http {

class Http2Stream final : public ServerRequest, public ServerResponse {
 public:
  Http2Stream(Http2Connection& connection, int32_t id);

  // ServerRequest
  const RequestHead& head() const override { return head_; }
  const net::Endpoint& remote() const override { return connection_.stream_->remote(); }
  bool is_tls() const override { return connection_.stream_->is_tls(); }
  Task<Result<std::string_view>> read_some(Context ctx) override;
  Task<Result<std::string>> read_all(Context ctx, size_t max_bytes) override;

  // ServerResponse
  Task<Result<void>> respond(Context ctx, ResponseHead head, std::string body) override;
  Task<Result<void>> start(Context ctx, ResponseHead head, std::string_view first) override;
  Task<Result<void>> write(Context ctx, std::string_view data) override;
  Task<Result<void>> finish(Context ctx, std::string_view last) override;
  void abort() override { reset(NGHTTP2_INTERNAL_ERROR); }
  bool started() const override { return answer_ != Answer::kNone; }

 private:
  friend class Http2Connection;
  friend struct Http2Connection::Callbacks;
  enum class Answer { kNone, kStreaming, kDone, kAborted };

  void add_header(std::string_view name, std::string_view value);
  void take_data(std::string_view data);
  void end_input();
  void on_closed();
  void reset(uint32_t code);
  /// Nobody will read the body any more: gives the windows back for what has come and for what
  /// comes.
  void discard_input();
  Result<void> submit(const ResponseHead& head, const std::string* content_length, bool with_body);
  bool all_sent() const {
    return pending_.empty() && (!end_ || end_sent_) && connection_.writes_done_ >= in_write_;
  }
  Task<Result<void>> wait_sent(Context ctx);
  Failure body_failed(int status, Code code, std::string reason, std::string message);

  Http2Connection& connection_;
  const int32_t id_;
  async::CancelSource cancel_;
  RequestHead head_;
  size_t header_bytes_ = 0;
  int refusal_ = 0;  // status to answer instead of calling the handler
  int fail_status_ = 0;

  std::string in_;    // arrived, not handed to the handler
  std::string view_;  // what the handler looks at
  uint64_t body_bytes_ = 0;
  bool in_ended_ = false;
  bool discarding_ = false;
  uint64_t discarded_ = 0;
  async::WaitQueue readable_;

  std::string_view pending_;  // to be framed
  bool end_ = false;          // the answer ends after pending_
  bool end_sent_ = false;
  uint64_t in_write_ = 0;  // the socket write that carries what was framed last
  bool spawned_ = false;
  bool reset_ = false;
  bool closed_ = false;
  bool handler_done_ = false;
  Answer answer_ = Answer::kNone;
  async::WaitQueue writable_;
};

}  // namespace drover::http
