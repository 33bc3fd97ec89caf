#include <algorithm>
#include <deque>
#include <map>

#include "async/scope.h"
#include "async/sync.h"
#include "base/limits/tools.h"
#include "base/log.h"
#include "base/secret.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"

namespace drover::tools::mcp {
namespace {

constexpr Duration kStopGrace = 2s;
/// A process that closed its output is given this long to end, for its exit code and last words.
constexpr Duration kLastWordsTime = 200ms;
/// Values of a server's environment shorter than this are no secrets but flags.
constexpr size_t kSecretBytesMin = 6;

class StdioTransport final : public Transport {
 public:
  StdioTransport(const Context& ctx, std::unique_ptr<net::Process> process,
                 const ToolServer& server)
      : process_(std::move(process)), name_(server.name), scope_(ctx.detached()) {
    for (const auto& [key, value] : server.environment) {
      bool ours = key == "PATH" || key == "HOME" || key == "LANG";
      if (!ours && value.size() >= kSecretBytesMin) secrets_.push_back(value);
    }
    scope_.spawn(read_loop(scope_.context()));
    scope_.spawn(write_loop(scope_.context()));
  }

  bool alive() const override { return alive_; }
  bool is_http() const override { return false; }
  uint64_t list_changes() const override { return list_changes_; }

  Task<Result<Json>> request(Context ctx, std::string method, Json params,
                             CallFacts facts) override {
    if (waiting_ >= limits::kMcpWaitingMax) co_return too_many();
    ++waiting_;
    auto permit = co_await permits_.acquire(ctx);
    --waiting_;
    if (!permit) co_return fail(std::move(permit).error());
    int64_t id = next_id_++;
    http::RpcRequest request;
    request.id = id;
    request.method = method;
    request.params = std::move(params);
    std::string line = http::encode(http::RpcMessage(std::move(request)));
    CO_TRY_VOID(co_await room_for(ctx, line.size()));
    CO_TRY_VOID(enqueue(id, std::move(line)));
    auto slot = std::make_shared<Slot>();
    pending_.emplace(id, slot);
    auto answer = co_await slot->take(ctx);
    pending_.erase(id);
    if (!answer) {
      give_up(id, method);
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
    co_return enqueue(0, http::encode(http::RpcMessage(std::move(notification))));
  }

  Task<Result<void>> listen(Context ctx, CallFacts facts) override {
    if (!facts.modern) co_return fail(Code::kUnimplemented, "it says so without being asked");
    acknowledged_ = false;
    auto ended = co_await request(ctx, "subscriptions/listen", listen_params(), facts);
    if (!ended) co_return fail(std::move(ended).error());
    if (!acknowledged_) co_return fail(Code::kUnimplemented, "it does not tell of changes");
    co_return Result<void>();
  }

  Task<void> close(Context ctx) override {
    end(Error(Code::kUnavailable, "tool server '" + name_ + "' was closed", Retry::kSameTarget)
            .with_reason("gone"));
    co_await process_->stop(ctx, kStopGrace);
    scope_.cancel("the tool server was closed");
    co_await scope_.join();
  }

 private:
  using Slot = async::OneShot<Result<http::RpcResponse>>;
  struct Line {
    int64_t id = 0;  // of a request; 0: none waits for it
    std::string text;
  };

  /// Waits until the server has read enough of what was sent before. One line always has room.
  Task<Result<void>> room_for(Context ctx, size_t bytes) {
    while (alive_ && outbox_bytes_ > 0 && outbox_bytes_ + bytes > limits::kMcpOutboxBytesMax) {
      async::Wake wake = co_await outbox_room_.wait(ctx);
      if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
    co_return Result<void>();
  }

  /// Lines wait in order for one writer, so that a caller who gives up never cuts a line in half,
  /// and a server that does not read holds up nobody but its own callers.
  Result<void> enqueue(int64_t id, std::string text) {
    if (!alive_) return fail(ended_ ? *ended_ : gone());
    // What nobody waited for room with: answers and notices, which are short.
    if (id == 0 && outbox_bytes_ + text.size() > 2 * limits::kMcpOutboxBytesMax) return too_many();
    outbox_bytes_ += text.size();
    Line line;
    line.id = id;
    line.text = std::move(text);
    outbox_.push_back(std::move(line));
    outbox_filled_.wake_one();
    return {};
  }

  Task<void> write_loop(Context ctx) {
    while (alive_) {
      if (outbox_.empty()) {
        async::Wake wake = co_await outbox_filled_.wait(ctx);
        if (wake != async::Wake::kWoken) co_return;
        continue;
      }
      std::string text = std::move(outbox_.front().text);
      outbox_.pop_front();
      outbox_bytes_ -= text.size();
      outbox_room_.wake_all();
      auto written = co_await http::write_line(ctx, process_->stdio(), std::move(text));
      if (written) continue;
      // The reader sees the end too, and knows more about it; unless only the input was closed.
      auto waited = co_await async::sleep_for(ctx, 2 * kLastWordsTime);
      if (waited && alive_) end(gone());
      co_return;
    }
  }

  void give_up(int64_t id, const std::string& method) {
    for (auto it = outbox_.begin(); it != outbox_.end(); ++it) {
      if (it->id != id) continue;
      outbox_bytes_ -= it->text.size();
      outbox_.erase(it);
      outbox_room_.wake_all();
      return;  // it never heard of it
    }
    if (method == "initialize") return;  // must not be cancelled
    http::RpcNotification note;
    note.method = "notifications/cancelled";
    note.params = Json::object().set("requestId", id).set("reason", "the caller gave up");
    auto told = enqueue(0, http::encode(http::RpcMessage(std::move(note))));
    (void)told;  // a courtesy
  }

  Task<void> read_loop(Context ctx) {
    http::LineReader lines(process_->stdio());
    std::optional<Error> why;
    for (;;) {
      auto line = co_await lines.next(ctx);
      if (!line) {
        why = std::move(line).error();
        break;
      }
      if (!line->has_value()) break;
      auto message = http::decode_rpc(**line);
      if (message) {
        on_message(std::move(*message));
      } else {
        // Servers print stray text; the protocol goes on.
        LOG_DEBUG("tool server '{}' wrote a line that is no message", name_);
      }
    }
    if (ctx.cancelled() || !alive_) co_return;
    alive_ = false;
    Error error = gone();
    if (why && why->reason == "line_too_long") {
      // Asked again it would say the same.
      error = Error(Code::kResourceExhausted, "tool server '" + name_ + "': " + why->message)
                  .with_reason("line_too_long");
    } else {
      Context brief = ctx.with_timeout(kLastWordsTime);
      auto status = co_await process_->wait(brief);
      if (status && status->signal != 0) {
        error.message += " (signal " + std::to_string(status->signal) + ")";
      } else if (status) {
        error.message += " (exit code " + std::to_string(status->code) + ")";
      }
      if (std::string words = last_words(); !words.empty()) {
        error.note("its last words: " + words);
      }
    }
    LOG_WARN("{}", error.to_string());
    end(std::move(error));
  }

  void on_message(http::RpcMessage message) {
    if (auto* response = std::get_if<http::RpcResponse>(&message)) {
      const int64_t* id = response->id ? std::get_if<int64_t>(&*response->id) : nullptr;
      auto it = id == nullptr ? pending_.end() : pending_.find(*id);
      if (it != pending_.end()) it->second->set(std::move(*response));
    } else if (auto* request = std::get_if<http::RpcRequest>(&message)) {
      auto sent = enqueue(0, http::encode(http::RpcMessage(answer_to(*request))));
      (void)sent;
    } else if (auto* note = std::get_if<http::RpcNotification>(&message)) {
      if (note->method == "notifications/tools/list_changed") ++list_changes_;
      if (note->method == "notifications/subscriptions/acknowledged") {
        acknowledged_ = acknowledges_list_changes(note->params);
        ++list_changes_;
      }
    }
  }

  Failure too_many() const {
    return fail(Code::kResourceExhausted, "too many calls wait for tool server '" + name_ + "'",
                Retry::kAfter);
  }

  Error gone() const {
    std::string message = "tool server '" + name_ + "' has ended";
    return Error(Code::kUnavailable, std::move(message), Retry::kSameTarget).with_reason("gone");
  }

  /// Its standard error without the secrets it was started with.
  std::string last_words() const {
    std::string out = process_->stderr_tail();
    for (const std::string& secret : secrets_) {
      for (size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at)) {
        out.replace(at, secret.size(), kRedacted);
        at += kRedacted.size();
      }
    }
    while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
    return out;
  }

  /// No more answers: everybody who waits is told why. Only the first call counts.
  void end(Error error) {
    alive_ = false;
    if (!ended_) ended_ = std::move(error);
    std::map<int64_t, std::shared_ptr<Slot>> left;
    left.swap(pending_);
    for (auto& [id, slot] : left) slot->set(fail(*ended_));
    outbox_.clear();
    outbox_bytes_ = 0;
    outbox_filled_.wake_all();
    outbox_room_.wake_all();
  }

  std::unique_ptr<net::Process> process_;
  std::string name_;
  std::vector<std::string> secrets_;
  std::map<int64_t, std::shared_ptr<Slot>> pending_;
  std::deque<Line> outbox_;
  size_t outbox_bytes_ = 0;
  async::WaitQueue outbox_filled_;
  async::WaitQueue outbox_room_;
  async::Semaphore permits_{limits::kMcpPendingMax};
  size_t waiting_ = 0;
  bool acknowledged_ = false;
  int64_t next_id_ = 1;
  uint64_t list_changes_ = 0;
  bool alive_ = true;
  std::optional<Error> ended_;
  async::Scope scope_;
};

}  // namespace

http::RpcResponse answer_to(const http::RpcRequest& request) {
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
  return response;
}

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
      std::make_unique<StdioTransport>(ctx, std::move(*process), server));
}

}  // namespace drover::tools::mcp
