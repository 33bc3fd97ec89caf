#include "http/client.h"

#include <unordered_map>
#include <vector>

#include "async/sim_loop.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "base/text_find.h"
#include "http/client_connection.h"

namespace drover::http {
namespace {

/// Everything that makes a connection usable for another request.
std::string pool_key(const ClientRequest& request) {
  const Url& url = request.url;
  std::string key;
  key.reserve(url.scheme.size() + url.host.size() + 16);
  key += url.scheme;
  key += "://";
  key += url.host;
  key += ':';
  append_decimal(key, url.port);
  if (request.url.is_tls()) {
    key += request.tls.verify ? "|v|" : "|n|";
    key += request.tls.ca_file;
    for (const std::string& protocol : request.tls.alpn) key += "|" + protocol;
  }
  key += request.policy.allow_private ? "|p" : "|q";
  for (const std::string& entry : request.policy.allow) key += "|" + entry;
  return key;
}

bool is_idempotent(const ClientRequest& request) {
  const std::string& m = request.method;
  return m == "GET" || m == "HEAD" || m == "PUT" || m == "DELETE" || m == "OPTIONS" ||
         request.headers.has("idempotency-key");
}

Result<void> check_request(const ClientRequest& request) {
  if (!is_token(request.method) || request.method == "CONNECT") {
    return fail(Code::kInvalidArgument, "the method is not usable");
  }
  const std::string& target = request.url.target;
  const char* end = target.data() + target.size();
  if (find_not_visible(target.data(), end) != end) {
    return fail(Code::kInvalidArgument, "the request target holds a space or control character");
  }
  if (target.empty() || target[0] != '/') {
    return fail(Code::kInvalidArgument, "the request target does not begin with a slash");
  }
  return request.headers.check();
}

/// Idle connections by key, newest used first; bounded per origin and in total.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  explicit Pool(async::Loop& loop) : loop_(loop), scope_(Context(loop)) {}

  async::Loop& loop() { return loop_; }
  /// The borders of what all requests go through.
  async::Stage sending;
  async::Stage writing;
  async::Stage answered;

  std::shared_ptr<ClientConnection> take(const std::string& key) {
    auto it = idle_.find(key);
    if (it == idle_.end()) return nullptr;
    // An empty list stays until the next sweep: it is about to be filled again.
    if (it->second.empty()) return nullptr;
    std::shared_ptr<ClientConnection> out = std::move(it->second.back());
    it->second.pop_back();
    --total_;
    out->leave_pool();
    return out;
  }

  void put(const std::string& key, std::shared_ptr<ClientConnection> connection) {
    if (stopped_) {
      connection->close();
      return;
    }
    connection->enter_pool();
    if (!connection->watched_by_pool()) {
      // By weak reference: the watch may end after the pool.
      connection->on_idle_close([pool = weak_from_this(), key, raw = connection.get()] {
        if (std::shared_ptr<Pool> self = pool.lock()) self->forget(key, raw);
      });
    }
    List& list = idle_[key];
    if (list.size() >= limits::kHttpIdlePerOriginMax) close_oldest(list);
    if (total_ >= limits::kHttpIdleTotalMax) close_any_oldest();
    list.push_back(connection);
    ++total_;
    scope_.spawn(ClientConnection::watch(std::move(connection)));
    arm_sweep();
  }

  void clear() {
    auto all = std::move(idle_);
    idle_.clear();
    total_ = 0;
    for (auto& [key, list] : all) {
      for (auto& connection : list) connection->close();
    }
  }
  size_t idle() const { return total_; }

  /// No connection is kept any more; the watches end on the loop.
  static void stop(std::shared_ptr<Pool> self) {
    self->stopped_ = true;
    self->clear();
    if (self->timer_ != 0) self->loop_.cancel_timer(std::exchange(self->timer_, 0));
    if (self->scope_.running() > 0) async::detail::start_detached(reap(self));
  }

 private:
  using List = std::vector<std::shared_ptr<ClientConnection>>;

  static Task<void> reap(std::shared_ptr<Pool> self) { co_await self->scope_.join(); }

  void forget(const std::string& key, ClientConnection* raw) {
    auto it = idle_.find(key);
    if (it == idle_.end()) return;
    total_ -= std::erase_if(it->second, [raw](const auto& c) { return c.get() == raw; });
  }
  void close_oldest(List& list) {
    if (list.empty()) return;
    list.front()->leave_pool();
    list.front()->close();
    list.erase(list.begin());
    --total_;
  }
  void close_any_oldest() {
    auto oldest = idle_.end();
    for (auto it = idle_.begin(); it != idle_.end(); ++it) {
      if (it->second.empty()) continue;
      if (oldest == idle_.end() ||
          it->second.front()->idle_since() < oldest->second.front()->idle_since()) {
        oldest = it;
      }
    }
    if (oldest != idle_.end()) close_oldest(oldest->second);
  }
  /// One timer for the pool: connections idle for too long are closed.
  void arm_sweep() {
    if (timer_ != 0) return;
    timer_ = loop_.call_after(limits::kHttpClientIdleTimeout, [this] {
      timer_ = 0;
      sweep();
      if (!idle_.empty()) arm_sweep();
    });
  }
  void sweep() {
    MonoTime limit = loop_.mono() - limits::kHttpClientIdleTimeout;
    for (auto it = idle_.begin(); it != idle_.end();) {
      while (!it->second.empty() && it->second.front()->idle_since() <= limit) {
        close_oldest(it->second);
      }
      it = it->second.empty() ? idle_.erase(it) : std::next(it);
    }
  }

  async::Loop& loop_;
  async::Scope scope_;
  std::unordered_map<std::string, List> idle_;
  size_t total_ = 0;
  bool stopped_ = false;
  async::Loop::TimerId timer_ = 0;
};

class Response final : public ClientResponse {
 public:
  Response(std::shared_ptr<Pool> pool, std::string key,
           std::shared_ptr<ClientConnection> connection, ResponseHead head, ClientTiming timing)
      : pool_(std::move(pool)),
        key_(std::move(key)),
        connection_(std::move(connection)),
        head_(std::move(head)),
        timing_(timing) {
    give_back();
  }
  ~Response() override { abort(); }

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
    std::shared_ptr<ClientConnection> connection = std::move(connection_);
    connection_ = nullptr;
    if (connection->reusable()) {
      pool_->put(key_, std::move(connection));
    } else {
      connection->close();
    }
  }

  std::shared_ptr<Pool> pool_;
  std::string key_;
  std::shared_ptr<ClientConnection> connection_;
  ResponseHead head_;
  ClientTiming timing_;
  bool aborted_ = false;
};

class ClientImpl final : public Client {
 public:
  ClientImpl(async::Loop& loop, net::Dialer& dialer)
      : dialer_(dialer), pool_(std::make_shared<Pool>(loop)) {}
  ~ClientImpl() override { Pool::stop(pool_); }

  Task<Result<std::unique_ptr<ClientResponse>>> send(Context ctx, ClientRequest request) override;
  void clear_idle() override { pool_->clear(); }
  size_t idle_connections() const override { return pool_->idle(); }

 private:
  struct Attempt {
    Result<ResponseHead> head = ResponseHead();
    bool may_repeat = false;
  };
  Task<Result<std::shared_ptr<ClientConnection>>> dial(Context ctx, const ClientRequest& request);
  Task<Attempt> attempt(Context ctx, const ClientRequest& request,
                        std::shared_ptr<ClientConnection> connection, ClientTiming* timing);

  net::Dialer& dialer_;
  std::shared_ptr<Pool> pool_;
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

Task<Result<std::shared_ptr<ClientConnection>>> ClientImpl::dial(Context ctx,
                                                                 const ClientRequest& request) {
  net::DialTarget target;
  target.host = request.url.host;
  target.port = request.url.port;
  target.tls = request.tls;
  target.tls.enabled = request.url.is_tls();
  target.policy = request.policy;
  if (target.tls.enabled && target.tls.alpn.empty()) target.tls.alpn.push_back("http/1.1");
  Context bounded = ctx.with_timeout(request.connect_timeout);
  Result<std::unique_ptr<net::Stream>> stream =
      co_await dialer_.dial(std::move(bounded), std::move(target));
  if (!stream) {
    Error error = std::move(stream).error();
    if (error.code == Code::kUnavailable && error.reason.empty()) error.reason = "connect";
    co_return fail(name_wait(std::move(error), ctx, "connect"));
  }
  co_return std::make_shared<ClientConnection>(pool_->loop(), std::move(*stream));
}

Task<ClientImpl::Attempt> ClientImpl::attempt(Context ctx, const ClientRequest& request,
                                              std::shared_ptr<ClientConnection> connection,
                                              ClientTiming* timing) {
  Attempt out;
  Result<void> written = co_await connection->write_request(ctx, request, pool_->writing);
  timing->sent = pool_->loop().mono();
  if (written && request.sent != nullptr) *request.sent = true;
  if (!written && written.error().code != Code::kUnavailable) {
    // Ours to give up: the deadline, or a cancellation.
    out.head = fail(name_wait(std::move(written).error(), ctx, "headers"));
    co_return out;
  }
  // A server may answer before it has read all of the body, and close: then writing fails, and the
  // answer, if there is one, is already here.
  Duration limit = written ? request.headers_timeout : Duration(1s);
  Context bounded = ctx.with_timeout(limit);
  out.head = co_await connection->read_head(std::move(bounded), request.method == "HEAD",
                                            &timing->first_byte);
  if (out.head) {
    co_return out;
  }
  out.may_repeat = !connection->answer_begun() &&
                   out.head.error().code != Code::kDeadlineExceeded &&
                   (!written || is_idempotent(request));
  Error error = written ? std::move(out.head).error() : std::move(written).error();
  out.head = fail(name_wait(std::move(error), ctx, "headers"));
  co_return out;
}

Task<Result<std::unique_ptr<ClientResponse>>> ClientImpl::send(Context ctx, ClientRequest request) {
  CO_TRY_VOID(check_request(request));
  std::string key = pool_key(request);
  // The pool may outlive this client while an answer is being read.
  std::shared_ptr<Pool> pool = pool_;
  ClientTiming timing;
  timing.started = pool->loop().mono();
  std::shared_ptr<ClientConnection> connection = pool->take(key);
  timing.reused = connection != nullptr;
  for (;;) {
    if (connection == nullptr) {
      CO_TRY(connection, co_await dial(ctx, request));
      timing.connected = pool->loop().mono();
    } else {
      timing.connected = timing.started;
    }
    co_await pool->sending.enter(pool->loop());
    Attempt result = co_await attempt(ctx, request, connection, &timing);
    if (result.head) {
      co_await pool->answered.enter(pool->loop());
      std::unique_ptr<ClientResponse> response = std::make_unique<Response>(
          pool, std::move(key), std::move(connection), std::move(*result.head), timing);
      co_return response;
    }
    connection->close();
    connection = nullptr;
    bool again = timing.reused && result.may_repeat && !ctx.cancelled();
    if (!again) co_return fail(std::move(result.head).error());
    timing.reused = false;
  }
}

}  // namespace

ClientRequest::ClientRequest()
    : connect_timeout(limits::kConnectTimeout), headers_timeout(limits::kHeadersTimeout) {}

std::unique_ptr<Client> make_client(async::Loop& loop, net::Dialer& dialer) {
  return std::make_unique<ClientImpl>(loop, dialer);
}

}  // namespace drover::http
