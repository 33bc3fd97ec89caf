#include <map>

#include "async/scope.h"
#include "async/sync.h"
#include "base/log.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"

namespace drover::tools::mcp {
namespace {

constexpr size_t kPendingMax = 1024;
constexpr Duration kStopGrace = 2s;

class StdioTransport final : public Transport {
 public:
  StdioTransport(const Context& ctx, std::unique_ptr<net::Process> process, std::string name)
      : process_(std::move(process)),
        name_(std::move(name)),
        scope_(ctx.detached()),
        write_lock_(1) {
    scope_.spawn(read_loop(scope_.context()));
  }

  bool alive() const override { return alive_; }
  uint64_t list_changes() const override { return list_changes_; }

  Task<Result<Json>> request(Context ctx, std::string method, Json params,
                             CallFacts facts) override {
    if (!alive_) co_return gone();
    if (pending_.size() >= kPendingMax) {
      co_return fail(Code::kResourceExhausted,
                     "too many calls wait for tool server '" + name_ + "'", Retry::kAfter);
    }
    int64_t id = next_id_++;
    auto slot = std::make_shared<Slot>();
    pending_.emplace(id, slot);
    http::RpcRequest request;
    request.id = id;
    request.method = method;
    request.params = std::move(params);
    std::string line = http::encode(http::RpcMessage(std::move(request)));
    auto written = co_await send_line(ctx, std::move(line));
    if (!written) {
      pending_.erase(id);
      co_return fail(std::move(written).error());
    }
    auto answer = co_await slot->take(ctx);
    pending_.erase(id);
    if (!answer) {
      co_await tell_cancelled(ctx.detached(), id);
      Error error = std::move(answer).error();
      error.note("waiting for tool server '" + name_ + "'");
      co_return fail(std::move(error));
    }
    if (!*answer) co_return fail(std::move(*answer).error());
    http::RpcResponse response = std::move(**answer);
    if (const http::RpcError* error = response.error()) co_return fail(to_error(*error, method));
    co_return std::get<Json>(std::move(response.outcome));
  }

  Task<Result<void>> notify(Context ctx, std::string method, Json params,
                            CallFacts facts) override {
    http::RpcNotification notification;
    notification.method = std::move(method);
    notification.params = std::move(params);
    std::string line = http::encode(http::RpcMessage(std::move(notification)));
    co_return co_await send_line(ctx, std::move(line));
  }

  Task<void> close(Context ctx) override {
    alive_ = false;
    co_await process_->stop(ctx, kStopGrace);
    scope_.cancel("the tool server was closed");
    co_await scope_.join();
    fail_all();
  }

 private:
  using Slot = async::OneShot<Result<http::RpcResponse>>;

  tl::unexpected<Error> gone() const {
    std::string message = "tool server '" + name_ + "' has ended";
    std::string tail = process_->stderr_tail();
    if (!tail.empty()) message += "; its last words: " + tail;
    return fail(Code::kUnavailable, std::move(message), Retry::kSameTarget);
  }

  Task<Result<void>> send_line(Context ctx, std::string line) {
    CO_TRY(auto permit, co_await write_lock_.acquire(ctx));
    // Half a line would end the conversation: once begun, a write is not cut by its caller.
    Context whole = ctx.detached().with_timeout(limits::kToolCallTimeout);
    auto written = co_await http::write_line(whole, process_->stdio(), std::move(line));
    if (!written) {
      alive_ = false;
      co_return gone();
    }
    co_return Result<void>();
  }

  Task<void> tell_cancelled(Context ctx, int64_t id) {
    if (!alive_) co_return;
    Json params = Json::object().set("requestId", id).set("reason", "the caller gave up");
    Context brief = ctx.with_timeout(1s);
    auto told = co_await notify(brief, "notifications/cancelled", std::move(params), CallFacts());
    (void)told;
  }

  Task<void> read_loop(Context ctx) {
    http::LineReader lines(process_->stdio());
    for (;;) {
      auto line = co_await lines.next(ctx);
      if (!line) {
        if (!ctx.cancelled()) LOG_WARN("tool server '{}': {}", name_, line.error().to_string());
        break;
      }
      if (!line->has_value()) break;
      auto message = http::decode_rpc(**line);
      if (!message) {
        // Servers print stray text; the protocol goes on.
        LOG_DEBUG("tool server '{}' wrote a line that is no message", name_);
        continue;
      }
      co_await on_message(ctx, std::move(*message));
    }
    alive_ = false;
    fail_all();
  }

  Task<void> on_message(Context ctx, http::RpcMessage message) {
    if (auto* response = std::get_if<http::RpcResponse>(&message)) {
      const int64_t* id = response->id ? std::get_if<int64_t>(&*response->id) : nullptr;
      auto it = id == nullptr ? pending_.end() : pending_.find(*id);
      if (it != pending_.end()) it->second->set(std::move(*response));
    } else if (auto* request = std::get_if<http::RpcRequest>(&message)) {
      co_await answer_server(ctx, *request);
    } else if (auto* note = std::get_if<http::RpcNotification>(&message)) {
      if (note->method == "notifications/tools/list_changed") ++list_changes_;
    }
  }

  /// A legacy server may ask us things: ping is answered, the rest is refused by name.
  Task<void> answer_server(Context ctx, const http::RpcRequest& request) {
    http::RpcResponse response;
    response.id = request.id;
    if (request.method == "ping") {
      response.outcome = Json::object();
    } else {
      http::RpcError error;
      error.code = http::kRpcMethodNotFound;
      error.message = "drover does not offer " + request.method;
      response.outcome = std::move(error);
    }
    std::string line = http::encode(http::RpcMessage(std::move(response)));
    auto sent = co_await send_line(ctx, std::move(line));
    (void)sent;
  }

  void fail_all() {
    std::map<int64_t, std::shared_ptr<Slot>> left;
    left.swap(pending_);
    for (auto& [id, slot] : left) slot->set(gone());
  }

  std::unique_ptr<net::Process> process_;
  std::string name_;
  async::Scope scope_;
  async::Semaphore write_lock_;
  std::map<int64_t, std::shared_ptr<Slot>> pending_;
  int64_t next_id_ = 1;
  uint64_t list_changes_ = 0;
  bool alive_ = true;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_stdio_transport(const Context& ctx,
                                                        net::ProcessSpawner& spawner,
                                                        const ToolServer& server) {
  net::ProcessOptions options;
  options.program = server.command;
  options.arguments = server.arguments;
  options.environment = server.environment;
  auto process = spawner.spawn(std::move(options));
  if (!process) {
    Error error = std::move(process).error();
    error.note("starting tool server '" + server.name + "'");
    return fail(std::move(error));
  }
  return std::unique_ptr<Transport>(
      std::make_unique<StdioTransport>(ctx, std::move(*process), server.name));
}

}  // namespace drover::tools::mcp
