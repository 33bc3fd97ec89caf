#pragma once
// One HTTP/1.1 connection of the server. Internal to http.
//
// Two tasks at most: run() reads heads and, while a handler works, watches for the client's
// leaving; serve() runs the handler. The handler reads the body itself, straight from the stream;
// run() reads only when the body is complete, so that there is never more than one read. Requests
// that arrive while another is being answered wait in the buffer (bounded) and are served in order.

#include <memory>
#include <optional>
#include <string>

#include "async/scope.h"
#include "http/http1_body.h"
#include "http/http1_head.h"
#include "http/input_buffer.h"
#include "http/lazy_timer.h"
#include "http/server_core.h"

namespace drover::http {

class Http1Connection final : public Connection, private ServerRequest, private ServerResponse {
 public:
  Http1Connection(ServerCore& core, const Context& parent, std::unique_ptr<net::Stream> stream);

  Task<void> run() override;
  void drain() override;
  void drop() override;

  /// After run(): the client spoke HTTP/2 with prior knowledge; the stream is open and handed over.
  bool wants_http2() const { return wants_http2_; }
  std::unique_ptr<net::Stream> take_stream() { return std::move(stream_); }
  std::string take_input() { return std::string(in_.pending()); }

 private:
  enum class Outcome { kRequest, kClosed, kHttp2 };
  struct Refusal {
    int status = 0;
    const char* why = "";
  };

  // ServerRequest
  const RequestHead& head() const override { return head_; }
  const net::Endpoint& remote() const override { return stream_->remote(); }
  bool is_tls() const override { return stream_->is_tls(); }
  Task<Result<std::string_view>> read_some(Context ctx) override;
  Task<Result<std::string>> read_all(Context ctx, size_t max_bytes) override;
  std::optional<std::string> take_buffered(size_t max_bytes) override;

  // ServerResponse
  Task<Result<void>> respond(Context ctx, ResponseHead head, std::string body) override;
  void prepare(ResponseHead head, std::string body) override;
  void tell_prepared() override;
  Task<Result<void>> respond_prepared(Context ctx) override;
  Task<Result<void>> start(Context ctx, ResponseHead head, std::string_view first) override;
  Task<Result<void>> write(Context ctx, std::string_view data) override;
  Task<Result<void>> finish(Context ctx, std::string_view last) override;
  void abort() override;
  bool started() const override { return answer_ != Answer::kNone; }

  // Tasks are run() and serve(): what they only call keeps its variables out of their frames, and
  // this connection in a register.

  // http1_connection.cc
  [[gnu::noinline]] bool head_is_here();
  Task<Outcome> read_head();
  Task<Result<size_t>> read_more(Context ctx, bool may_move);
  std::optional<Result<size_t>> read_now(bool may_move);
  Refusal accept_head(std::string_view raw);
  Task<void> serve();
  void end_request();
  bool may_watch();
  void watched(bool more);
  Task<void> wait_progress();
  Task<void> refuse(int status, std::string why);
  Task<Result<void>> respond_fault(int status, std::string_view why);
  Task<void> linger();
  void client_left();

  // http1_body_io.cc
  /// The handler will not need to read from the stream any more.
  bool body_buffered() const {
    return body_.done() || (body_.has_length() && body_.remaining() <= in_.size());
  }
  Task<Result<size_t>> read_body_bytes(Context ctx, std::span<char> room);
  Failure body_failed(int status, Code code, std::string reason, std::string message);

  // http1_response.cc
  /// What of the body belongs behind that head.
  std::string_view body_sent(const ResponseHead& head, std::string_view body) const;
  /// A complete answer's head, to where there is room for it; gives the place behind it.
  char* put_answer(char* to, const ResponseHead& head, size_t body_size);
  /// The head but for the empty line that ends it.
  char* put_head(char* to, const ResponseHead& head, std::string_view framing);
  void put_chunk(std::string_view data);
  void begin_output(size_t bytes);
  void end_output();
  void drop_prepared();
  void decide_keep_alive(bool may_skip_body);
  Result<void> send_now(const Context& ctx, std::string_view& data);
  Result<bool> flush_now(const Context& ctx);
  Result<bool> send_output(const Context& ctx, std::string_view message);
  [[gnu::noinline]] Result<bool> send_answer(const Context& ctx, const ResponseHead& head,
                                             size_t body_size, std::string_view& body);
  Task<Result<void>> flush(Context ctx);
  Task<Result<void>> send(Context ctx, std::string_view data);

  // What each step of a request looks at stands first and together; the large things follow.
  ServerCore& core_;
  std::unique_ptr<net::Stream> stream_;
  InputBuffer in_;
  BodyDecoder body_;

  // The request being served
  bool handling_ = false;
  bool keep_alive_ = false;
  bool send_continue_ = false;
  bool view_lent_ = false;  // a part of the body stands in in_ for the handler to read
  bool is_head_ = false;
  bool prepared_ = false;  // an answer stands in out_ that was put there by prepare()
  enum class Answer : uint8_t { kNone, kStreaming, kDone, kAborted };
  Answer answer_ = Answer::kNone;
  enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };
  Framing framing_ = Framing::kNone;

  // The connection
  bool first_ = true;
  bool draining_ = false;
  bool gone_ = false;
  bool linger_ = false;
  bool timed_out_ = false;
  bool watching_ = false;
  bool interrupted_ = false;
  bool wants_http2_ = false;

  int fail_status_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t answer_left_ = 0;
  async::WaitQueue progress_;  // the handler ended or the body is complete
  std::string out_;
  async::Scope scope_;
  std::optional<async::CancelSource> io_;  // for run()'s own reads
  HeadParser parser_;
  RequestHead head_;
  LazyTimer limit_;
};

}  // namespace drover::http
