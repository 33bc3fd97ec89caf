#include "http/client.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "base/memory_pool.h"
#include "base/text_find.h"
#include "http/client_head.h"
#include "http/client_pool.h"

namespace drover::http {
namespace {

constexpr std::string_view kIdempotencyKey = "idempotency-key";

bool is_idempotent(const RequestTarget& target, const RequestCall& call) {
  const std::string& m = target.method;
  return m == "GET" || m == "HEAD" || m == "PUT" || m == "DELETE" || m == "OPTIONS" ||
         target.headers.has(kIdempotencyKey) ||
         std::any_of(call.more_headers.begin(), call.more_headers.end(),
                     [](const auto& field) { return iequals(field.name, kIdempotencyKey); });
}

Result<void> check_target(const RequestTarget& target) {
  if (!is_token(target.method) || target.method == "CONNECT") {
    return fail(Code::kInvalidArgument, "the method is not usable");
  }
  const std::string& path = target.url.target;
  const char* end = path.data() + path.size();
  if (find_not_visible(path.data(), end) != end) {
    return fail(Code::kInvalidArgument, "the request target holds a space or control character");
  }
  if (path.empty() || path[0] != '/') {
    return fail(Code::kInvalidArgument, "the request target does not begin with a slash");
  }
  return target.headers.check();
}

Result<void> check_request(const RequestTarget& target, const RequestCall& call) {
  if (target.prepared.empty()) TRY_VOID(check_target(target));
  for (const RequestCall::Field& field : call.more_headers) {
    if (!is_field_value(field.value)) {
      return fail(Code::kInvalidArgument,
                  "the value of header " + std::string(field.name) + " holds a control character");
    }
  }
  return {};
}

/// A call and then its answer: what belongs to it lies together, and is moved no more.
class Call final : public ClientResponse, public Pooled {
 public:
  Call(LocalPtr<ClientPool> pool, const RequestTarget& target)
      : pool_(std::move(pool)), origin_(pool_->enter(target)) {}
  ~Call() override {
    abort();
    pool_->leave(origin_);
  }

  // Until the answer's head is here:
  ClientPool& pool() { return *pool_; }
  /// False if there is no idle connection.
  bool take_idle() {
    connection_ = pool_->take(origin_);
    return connection_ != nullptr;
  }
  void take(ClientPool::ConnectionPtr connection) { connection_ = std::move(connection); }
  ClientConnection* connection() { return connection_.get(); }
  ClientConnection::Asked asked(std::string_view method) {
    return ClientConnection::Asked{method == "HEAD", &head_, &timing_.first_byte};
  }
  ClientTiming& times() { return timing_; }
  /// This connection is of no use.
  void give_up() {
    connection_->close();
    connection_ = nullptr;
  }
  /// The head is here, and where there is no body all of it.
  void begin_answer() { give_back(); }

  const ResponseHead& head() const override { return head_; }
  const ClientTiming& timing() const override { return timing_; }

  // Not a coroutine: a stream spends its life in here.
  Task<Result<std::string_view>> read_some(Context ctx) override {
    // Whoever asks again looks no longer at the part before, which lives in the connection.
    if (connection_ != nullptr) give_back();
    if (connection_ == nullptr) return nothing(aborted_);
    return connection_->read_some(std::move(ctx));
  }

  Task<Result<std::string>> read_all(Context ctx, size_t max_bytes) override {
    if (connection_ == nullptr) {
      if (aborted_) co_return fail(Code::kFailedPrecondition, "the answer was given up");
      co_return std::string();
    }
    Result<std::string> body = co_await connection_->read_all(std::move(ctx), max_bytes);
    if (body) give_back();
    co_return body;
  }

  std::optional<std::string> take_buffered(size_t max_bytes) override {
    if (connection_ == nullptr) return std::nullopt;
    std::optional<std::string> body = connection_->take_buffered(max_bytes);
    if (body) give_back();
    return body;
  }

  void abort() override {
    if (connection_ == nullptr) return;
    aborted_ = true;
    // All of it was read, only the end was not asked for: that is no reason to lose the connection.
    if (!connection_->reusable()) connection_->close();
    release();
  }

 private:
  static Task<Result<std::string_view>> nothing(bool aborted) {
    if (aborted) co_return fail(Code::kFailedPrecondition, "the answer was given up");
    co_return std::string_view();
  }
  void give_back() {
    if (connection_->answer_complete()) release();
  }
  void release() {
    ClientPool::ConnectionPtr connection = std::move(connection_);
    if (connection->reusable()) {
      pool_->put(origin_, std::move(connection));
    } else {
      connection->close();
    }
  }

  LocalPtr<ClientPool> pool_;
  ClientPool::Origin& origin_;
  ClientPool::ConnectionPtr connection_;
  bool aborted_ = false;
  ResponseHead head_;
  ClientTiming timing_;
};

class ClientImpl final : public Client {
 public:
  ClientImpl(async::Loop& loop, net::Dialer& dialer)
      : dialer_(dialer), pool_(LocalPtr<ClientPool>::make(loop)) {}
  ~ClientImpl() override { ClientPool::stop(pool_); }

  Task<Result<std::unique_ptr<ClientResponse>>> send_to(Context ctx, const RequestTarget& target,
                                                        const RequestCall& call) override;
  void clear_idle() override { pool_->clear(); }
  size_t idle_connections() const override { return pool_->idle(); }

 private:
  /// The context is the caller's, who waits.
  Task<Result<ClientPool::ConnectionPtr>> dial(const Context& ctx, const RequestTarget& to,
                                               Duration timeout);

  net::Dialer& dialer_;
  LocalPtr<ClientPool> pool_;
};

/// Names what ended: the caller sees which of its time limits it was.
Error name_wait(Error error, const Context& ctx, const char* reason) {
  if (error.code == Code::kDeadlineExceeded) {
    error.reason = reason;
    error.retry = Retry::kOtherTarget;
    error.message = std::string("the time limit passed while waiting (") + reason + ")";
  } else if (error.code == Code::kCancelled && !ctx.cancelled()) {
    // Our own close, not the caller's wish.
    return Error(Code::kUnavailable, "the connection was closed", Retry::kOtherTarget)
        .with_reason("reset");
  } else if (error.code == Code::kUnavailable && error.reason.empty()) {
    error.reason = "reset";
  }
  return error;
}

Task<Result<ClientPool::ConnectionPtr>> ClientImpl::dial(const Context& ctx,
                                                         const RequestTarget& to,
                                                         Duration timeout) {
  net::DialTarget target;
  target.host = to.url.host;
  target.port = to.url.port;
  target.tls = to.tls;
  target.tls.enabled = to.url.is_tls();
  target.policy = to.policy;
  if (target.tls.enabled && target.tls.alpn.empty()) target.tls.alpn.push_back("http/1.1");
  Context bounded = ctx.with_timeout(timeout);
  Result<std::unique_ptr<net::Stream>> stream =
      co_await dialer_.dial(std::move(bounded), std::move(target));
  if (!stream) {
    Error error = std::move(stream).error();
    if (error.code == Code::kUnavailable && error.reason.empty()) error.reason = "connect";
    co_return fail(name_wait(std::move(error), ctx, "connect"));
  }
  co_return LocalPtr<ClientConnection>::make(pool_->loop(), std::move(*stream));
}

/// Not inlined: errors are large, and the coroutine that calls it would have them in its frame.
[[gnu::noinline]] Failure failed_call(Result<void> sent, const Context& ctx) {
  return fail(name_wait(std::move(sent).error(), ctx, "headers"));
}

// Where a call waits for its answer on a connection that was idle there is this frame, no more;
// tasks are named before they are awaited, so that what they were given does not stay in it.
Task<Result<std::unique_ptr<ClientResponse>>> ClientImpl::send_to(Context ctx,
                                                                  const RequestTarget& target,
                                                                  const RequestCall& request) {
  CO_TRY_VOID(check_request(target, request));
  // The pool may outlive this client while an answer is being read.
  auto call = std::make_unique<Call>(pool_, target);
  ClientPool& pool = call->pool();
  ClientTiming& times = call->times();
  times.started = times.connected = pool.loop().mono();
  times.reused = call->take_idle();
  for (;;) {
    if (call->connection() == nullptr) {
      CO_TRY(ClientPool::ConnectionPtr fresh, co_await dial(ctx, target, request.connect_timeout));
      call->take(std::move(fresh));
      times.connected = pool.loop().mono();
    }
    co_await pool.sending.enter(pool.loop());
    ClientConnection& connection = *call->connection();
    Result<void> sent = ctx.check();
    if (sent) {
      // Its server has left since it was taken, or said what nobody asked: nothing has gone out, so
      // that any request may go on another.
      if (times.reused && connection.spoiled()) {
        call->give_up();
        times.reused = false;
        continue;
      }
      std::string head;
      std::string_view body;
      Result<bool> whole = connection.begin_request(target, request, &pool.output, &head, &body);
      if (!whole) {
        sent = fail(std::move(whole).error());
      } else if (!*whole) {
        Task<Result<void>> writing = connection.write_rest(ctx, std::move(head), body);
        sent = co_await std::move(writing);
      }
    }
    times.sent = pool.loop().mono();
    if (sent && request.sent != nullptr) *request.sent = true;
    bool may_repeat = false;
    // A server may answer before it has read all of the body, and close: then writing fails, and
    // the answer, if there is one, is already here. Any other failure is ours to give up: the
    // deadline, or a cancellation.
    if (sent || sent.error().code == Code::kUnavailable) {
      const Context bounded = ctx.with_timeout(sent ? request.headers_timeout : Duration(1s));
      const ClientConnection::Asked asked = call->asked(target.method);
      async::Wake wake = async::Wake::kWoken;
      if (connection.watching()) wake = co_await connection.watch_end(bounded);
      Result<bool> read = connection.begin_head(wake, bounded, asked);
      if (read && !*read) {
        Task<Result<void>> reading = connection.read_head(bounded, asked);
        Result<void> rest = co_await std::move(reading);
        if (!rest) read = fail(std::move(rest).error());
      }
      if (read) {
        co_await pool.answered.enter(pool.loop());
        call->begin_answer();
        std::unique_ptr<ClientResponse> response = std::move(call);
        co_return response;
      }
      may_repeat = !connection.answer_begun() && read.error().code != Code::kDeadlineExceeded &&
                   (!sent || is_idempotent(target, request));
      if (sent) sent = fail(std::move(read).error());
    }
    call->give_up();
    const bool again = times.reused && may_repeat && !ctx.cancelled();
    if (!again) co_return failed_call(std::move(sent), ctx);
    times.reused = false;
  }
}

}  // namespace

void RequestTarget::prepare() {
  prepared.clear();
  if (check_target(*this)) append_beginning(prepared, *this);
}

RequestCall::RequestCall()
    : connect_timeout(limits::kConnectTimeout), headers_timeout(limits::kHeadersTimeout) {}

std::unique_ptr<Client> make_client(async::Loop& loop, net::Dialer& dialer) {
  return std::make_unique<ClientImpl>(loop, dialer);
}

}  // namespace drover::http
