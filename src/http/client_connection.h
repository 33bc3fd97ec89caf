#pragma once
// One HTTP/1.1 connection of the client: writes a request, reads the answer's head and body.
// While idle in the pool it is watched by a pending read, which becomes the read of the next
// answer's first bytes. Internal to http.

#include <memory>
#include <optional>
#include <string>

#include "async/wait.h"
#include "base/local_ptr.h"
#include "base/raw_bytes.h"
#include "http/client.h"
#include "http/http1_body.h"
#include "http/http1_head.h"
#include "http/input_buffer.h"

namespace drover::http {

class ClientConnection final {
 public:
  ClientConnection(async::Loop& loop, std::unique_ptr<net::Stream> stream);
  ~ClientConnection() { close(); }

  void close();
  bool closed() const { return closed_; }
  /// No request can go on it, before anything of one has.
  bool spoiled() const { return closed_ || ended_ || !in_.empty(); }

  // What is done between the waits is not inlined, here and below: the coroutine's frame, which is
  // seldom in the first cache, would hold what such a function needs on its stack.

  // A request is written in two steps, of which mostly the first is all.
  /// Puts it together in `output`, which is room for a request, and writes what goes without
  /// waiting; true if that is all of it. Otherwise `head` and `body` are what has not gone out.
  [[gnu::noinline]] Result<bool> begin_request(const RequestTarget& target,
                                               const RequestCall& request, RawBytes* output,
                                               std::string* head, std::string_view* body);
  /// Writes the rest. The context is the caller's, who waits.
  Task<Result<void>> write_rest(const Context& ctx, std::string head, std::string_view body);
  /// What the head of an answer is read by, and where it goes.
  struct Asked {
    bool head_request;
    ResponseHead* head;
    MonoTime* first_byte;  // set when anything has arrived
  };
  // The final answer's head is read in three steps, of which mostly the first two are all.
  /// The watch of the idle connection is still reading, and what it reads is the answer.
  bool watching() const { return watching_; }
  async::Waiter watch_end(const Context& ctx) { return arrived_.wait(ctx); }
  /// Takes in the head if all of it is here; `wake` is what the wait for the watch's end came to.
  /// Once after each begin_request().
  [[gnu::noinline]] Result<bool> begin_head(async::Wake wake, const Context& ctx,
                                            const Asked& asked);
  /// Reads until it is. The context is the caller's, who waits.
  Task<Result<void>> read_head(const Context& ctx, Asked asked);
  bool answer_begun() const { return answer_begun_; }

  /// Empty at the end of the body.
  Task<Result<std::string_view>> read_some(Context ctx);
  Task<Result<std::string>> read_all(Context ctx, size_t max_bytes);
  std::optional<std::string> take_buffered(size_t max_bytes);
  /// The answer was read to its end and the connection can carry another request.
  bool reusable() const {
    return !closed_ && keep_alive_ && body_.done() && in_.empty() && answer_complete_;
  }
  bool answer_complete() const { return answer_complete_; }

  /// Reads in the background until something arrives or the connection ends; at most one at a time.
  /// Ends with closed() if the peer ended the connection or spoke without being asked.
  static Task<void> watch(LocalPtr<ClientConnection> self);
  /// The connection is in use again: what the watch reads is the answer.
  void leave_pool() { idle_ = answer_complete_ = false; }
  void enter_pool();
  /// What to call when it ends while it is idle; a connection belongs to one pool for life.
  void on_idle_close(std::function<void()> fn) { on_idle_close_ = std::move(fn); }
  bool watched_by_pool() const { return on_idle_close_ != nullptr; }
  MonoTime idle_since() const { return idle_since_; }

 private:
  Task<Result<size_t>> fill(const Context& ctx, size_t room);
  std::optional<Result<size_t>> fill_now(size_t room);
  void took(const Result<size_t>& n);
  /// Nothing is here, and nobody else reads: the buffer can be given back until something is.
  bool can_wait() const { return in_.empty() && !watching_ && !closed_ && !ended_; }
  std::optional<Result<std::string_view>> some_now(const Context& ctx);
  size_t room_for_body() const;
  Result<void> in_body(Result<size_t> n, const Context& ctx);
  Failure failed_in_body(Error error, const Context& ctx);
  Result<std::string_view> take_part();
  [[gnu::noinline]] Result<bool> take_head(const Asked& asked);
  Result<void> accept_head(std::string_view raw, bool head_request, ResponseHead* out);

  // What each step of a call looks at stands first, beside the count of owners: one line of the
  // cache.
  bool idle_ = false;
  bool watching_ = false;
  bool closed_ = false;
  bool ended_ = false;  // the watch saw the end of the stream
  bool keep_alive_ = false;
  bool answer_begun_ = false;
  bool answer_complete_ = false;
  uint8_t interim_ = 0;  // answers before the final one
  async::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  InputBuffer in_;
  async::WaitQueue arrived_;
  BodyDecoder body_;
  MonoTime idle_since_{};
  HeadParser parser_;
  std::string last_head_;  // what the parser has read, up to its last value; none of a large one
  std::function<void()> on_idle_close_;
};

}  // namespace drover::http
