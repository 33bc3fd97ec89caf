#include <algorithm>

#include "async/sync.h"
#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/limits/road.h"
#include "base/limits/session.h"
#include "base/limits/tools.h"
#include "http/sse.h"
#include "tools/http_answer.h"
#include "tools/mcp_headers.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"

namespace drover::tools::mcp {
namespace {

/// For what is said out of courtesy: cancellations and goodbyes.
constexpr Duration kCourtesyTime = 1s;
constexpr Duration kResumePause = 1s;
constexpr Duration kResumePauseMax = 10s;

/// A request under way: what its stream has said so far.
struct Exchange {
  int64_t id = 0;
  std::string method;
  CallFacts facts;
  std::string last_event_id;
  Duration resume_pause = kResumePause;
  /// The server has agreed to tell of changes (`subscriptions/listen`).
  bool acknowledged = false;
};

class HttpTransport final : public Transport {
 public:
  HttpTransport(http::Client& client, ToolServer server, http::Url url, AnswerListener* listener)
      : client_(client), server_(std::move(server)), url_(std::move(url)), listener_(listener) {}

  bool alive() const override { return alive_; }
  bool is_http() const override { return true; }
  uint64_t list_changes() const override { return list_changes_; }

  Task<Result<Json>> request(Context ctx, std::string method, Json params,
                             CallFacts facts) override {
    if (waiting_ >= limits::kMcpWaitingMax) {
      co_return fail(Code::kResourceExhausted, "too many calls wait for " + who(), Retry::kAfter);
    }
    ++waiting_;
    auto permit = co_await permits_.acquire(ctx);
    --waiting_;
    if (!permit) co_return fail(std::move(permit).error());
    Exchange exchange;
    co_return co_await ask(ctx, std::move(method), std::move(params), std::move(facts), &exchange);
  }

  Task<Result<void>> listen(Context ctx, CallFacts facts) override {
    if (!facts.modern) co_return co_await listen_by_get(ctx, std::move(facts));
    Exchange exchange;
    auto ended =
        co_await ask(ctx, "subscriptions/listen", listen_params(), std::move(facts), &exchange);
    bool refused =
        !ended && (ended.error().reason == "rpc_-32601" || ended.error().reason == "http_404" ||
                   ended.error().reason == "http_405");
    if (refused || (ended && !exchange.acknowledged)) {
      co_return fail(Code::kUnimplemented, who() + " does not tell of changes");
    }
    if (!ended) co_return fail(std::move(ended).error());
    co_return Result<void>();
  }
  Task<Result<void>> notify(Context ctx, std::string method, Json params,
                            CallFacts facts) override {
    http::RpcNotification note;
    note.method = method;
    note.params = std::move(params);
    facts.name.clear();
    facts.headers.clear();
    co_return co_await post(ctx, http::RpcMessage(std::move(note)), std::move(method),
                            std::move(facts));
  }

  Task<void> close(Context ctx) override {
    alive_ = false;
    if (session_.empty()) co_return;
    CallFacts facts;
    facts.version = version_;
    http::ClientRequest request = make_request("DELETE", "", facts);
    session_.clear();
    Context brief = ctx.with_timeout(kCourtesyTime);
    auto sent = co_await client_.send(brief, request);
    (void)sent;  // servers drop sessions by themselves
  }

 private:
  http::ClientRequest make_request(std::string http_method, const std::string& method,
                                   const CallFacts& facts) const {
    http::ClientRequest request;
    request.method = std::move(http_method);
    request.url = url_;
    for (const auto& [name, value] : server_.headers) request.headers.set(name, value);
    bool has_body = request.method == "POST";
    if (has_body) request.headers.set("content-type", "application/json");
    request.headers.set("accept",
                        has_body ? "application/json, text/event-stream" : "text/event-stream");
    if (facts.modern) {
      request.headers.set("mcp-protocol-version", std::string(kModernVersion));
      if (!method.empty()) request.headers.set("mcp-method", method);
      if (!facts.name.empty()) request.headers.set("mcp-name", header_value(facts.name));
      for (const auto& [name, value] : facts.headers) request.headers.set(name, value);
    } else {
      if (!facts.version.empty()) request.headers.set("mcp-protocol-version", facts.version);
      if (!session_.empty()) request.headers.set("mcp-session-id", session_);
    }
    request.tls.ca_file = server_.ca_file;
    request.policy.allow = server_.allow_private;
    // The context of the call has the say; a tool may take its time before the first byte.
    request.headers_timeout = std::max(limits::kToolCallTimeout, server_.call_timeout);
    return request;
  }

  Task<Result<Json>> ask(Context ctx, std::string method, Json params, CallFacts facts,
                         Exchange* exchange) {
    exchange->id = next_id_++;
    exchange->method = std::move(method);
    exchange->facts = std::move(facts);
    if (!exchange->facts.modern) version_ = exchange->facts.version;
    http::RpcRequest rpc;
    rpc.id = exchange->id;
    rpc.method = exchange->method;
    rpc.params = std::move(params);
    http::ClientRequest request = make_request("POST", exchange->method, exchange->facts);
    request.body = http::encode(http::RpcMessage(std::move(rpc)));
    auto answer = co_await exchange_messages(ctx, std::move(request), exchange);
    // In the modern era the closed connection says it.
    bool over = !ctx.check().has_value();
    if (!answer && over && !exchange->facts.modern && exchange->method != "initialize") {
      Json note = Json::object();
      note.set("requestId", exchange->id).set("reason", "the caller gave up");
      Context brief = ctx.detached().with_timeout(kCourtesyTime);
      auto told =
          co_await notify(brief, "notifications/cancelled", std::move(note), exchange->facts);
      (void)told;
    }
    co_return answer;
  }

  /// The handshake era's stream for what no request asked for. Servers without one answer 405.
  Task<Result<void>> listen_by_get(Context ctx, CallFacts facts) {
    Exchange exchange;
    exchange.facts = std::move(facts);
    http::ClientRequest request = make_request("GET", "", exchange.facts);
    auto sent = co_await client_.send(ctx, request);
    if (!sent) co_return fail(std::move(sent).error());
    std::unique_ptr<http::ClientResponse> response = std::move(*sent);
    const http::ResponseHead& head = response->head();
    bool streams = head.status == 200 && is_type(head, "text/event-stream");
    if (!streams && (head.status < 400 || head.status == 405)) {
      co_return fail(Code::kUnimplemented, who() + " does not tell of changes");
    }
    if (!streams) co_return http_error(head, nullptr);
    ++list_changes_;
    auto ended = co_await read_stream(ctx, response.get(), &exchange);
    if (!ended) co_return fail(std::move(ended).error());
    co_return Result<void>();
  }

  Task<Result<Json>> exchange_messages(Context ctx, http::ClientRequest request,
                                       Exchange* exchange) {
    auto sent = co_await client_.send(ctx, request);
    request = http::ClientRequest();  // an answer that streams may take long
    if (!sent) co_return fail(send_error(who(), std::move(sent).error()));
    std::unique_ptr<http::ClientResponse> response = std::move(*sent);
    if (listener_ != nullptr) {
      bool calls = exchange->method == "tools/call";
      listener_->heard(calls ? exchange->facts.name : std::string(), exchange->facts.turn,
                       response->head());
    }
    if (auto session = response->head().headers.get("mcp-session-id");
        session && exchange->method == "initialize") {
      session_ = std::string(*session);
    }
    if (response->head().status == 200 && is_type(response->head(), "text/event-stream")) {
      co_return co_await read_streams(ctx, std::move(response), exchange);
    }
    http::ResponseHead head = response->head();
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    co_return read_body(head, body, *exchange);
  }

  Result<Json> read_body(const http::ResponseHead& head, std::string_view body,
                         const Exchange& exchange) {
    auto message = http::decode_rpc(body);
    auto* answer = message ? std::get_if<http::RpcResponse>(&*message) : nullptr;
    const http::RpcError* error = answer == nullptr ? nullptr : answer->error();
    // What these say does not depend on the body: a forgotten session comes with an error too.
    bool by_status = head.status == 401 || head.status == 403 || head.status == 407 ||
                     head.status == 429 || head.status >= 500 ||
                     (head.status == 404 && !session_.empty());
    if (by_status) return http_error(head, error);
    // An error without an id could not be matched by the server, but it answers this request.
    if (error != nullptr) return fail(to_error(*error, exchange.method));
    if (!head.is_success()) return http_error(head, nullptr);
    const int64_t* id =
        answer == nullptr || !answer->id ? nullptr : std::get_if<int64_t>(&*answer->id);
    if (id == nullptr || *id != exchange.id) return no_answer("answered with something else");
    return std::get<Json>(std::move(answer->outcome));
  }

  /// Reads the answer's stream; a legacy stream with event ids that breaks off is taken up again,
  /// which does not run the tool again.
  Task<Result<Json>> read_streams(Context ctx, std::unique_ptr<http::ClientResponse> response,
                                  Exchange* exchange) {
    for (int resumes = 0;; ++resumes) {
      auto answer = co_await read_stream(ctx, response.get(), exchange);
      if (!answer && !ctx.check().has_value()) co_return fail(std::move(answer).error());
      if (answer && *answer) co_return std::move(**answer);
      if (!answer && answer.error().reason.starts_with("rpc_")) {
        co_return fail(std::move(answer).error());
      }
      bool resumable = !exchange->facts.modern && !exchange->last_event_id.empty();
      if (!resumable || resumes == limits::kMcpResumesMax) {
        if (!answer) co_return fail(std::move(answer).error());
        co_return no_answer("ended its stream without an answer");
      }
      response.reset();
      CO_TRY_VOID(co_await async::sleep_for(ctx, exchange->resume_pause));
      http::ClientRequest request = make_request("GET", "", exchange->facts);
      request.headers.set("last-event-id", exchange->last_event_id);
      auto again = co_await client_.send(ctx, request);
      if (!again) co_return fail(std::move(again).error());
      response = std::move(*again);
      if (response->head().status != 200 || !is_type(response->head(), "text/event-stream")) {
        co_return no_answer("ended its stream without an answer and does not resume it");
      }
    }
  }

  /// nullopt: the stream came to its end without the answer.
  Task<Result<std::optional<Json>>> read_stream(Context ctx, http::ClientResponse* response,
                                                Exchange* exchange) {
    http::SseParser parser;
    for (;;) {
      CO_TRY(std::string_view chunk, co_await response->read_some(ctx));
      if (chunk.empty()) co_return std::optional<Json>();
      parser.feed(chunk);
      for (;;) {
        CO_TRY(const http::SseEvent* event, parser.next());
        if (event == nullptr) break;
        exchange->last_event_id = std::string(event->last_id);
        if (auto ms = parser.retry_ms()) {
          exchange->resume_pause =
              std::clamp<Duration>(std::chrono::milliseconds(*ms), 0ms, kResumePauseMax);
        }
        auto message = http::decode_rpc(event->data);
        if (!message) continue;
        if (auto* asked = std::get_if<http::RpcRequest>(&*message)) {
          http::RpcMessage reply = http::RpcMessage(answer_to(*asked));
          auto told = co_await post(ctx, std::move(reply), "", exchange->facts);
          (void)told;  // its wait, not ours
          continue;
        }
        if (auto* note = std::get_if<http::RpcNotification>(&*message)) {
          hear(*note, exchange);
          continue;
        }
        auto* answer = std::get_if<http::RpcResponse>(&*message);
        const int64_t* id = answer->id ? std::get_if<int64_t>(&*answer->id) : nullptr;
        if (id == nullptr || *id != exchange->id) continue;
        response->abort();  // nothing of use follows the answer
        if (const http::RpcError* error = answer->error()) {
          co_return fail(to_error(*error, exchange->method));
        }
        co_return std::optional<Json>(std::get<Json>(std::move(answer->outcome)));
      }
    }
  }

  void hear(const http::RpcNotification& note, Exchange* exchange) {
    if (note.method == "notifications/tools/list_changed") ++list_changes_;
    if (note.method == "notifications/subscriptions/acknowledged") {
      exchange->acknowledged = acknowledges_list_changes(note.params);
      ++list_changes_;
    }
  }

  /// Sends what has no answer.
  Task<Result<void>> post(Context ctx, http::RpcMessage message, std::string method,
                          CallFacts facts) {
    http::ClientRequest request = make_request("POST", method, facts);
    request.body = http::encode(message);
    auto sent = co_await client_.send(ctx, request);
    if (!sent) co_return fail(send_error(who(), std::move(sent).error()));
    std::unique_ptr<http::ClientResponse> response = std::move(*sent);
    http::ResponseHead head = response->head();
    if (!head.is_success()) co_return http_error(head, nullptr);
    // Some servers answer a notification with a stream that they leave open.
    if (!is_type(head, "text/event-stream")) {
      CO_TRY(std::string body, co_await response->read_all(ctx, limits::kErrorAnswerBytesMax));
    }
    co_return Result<void>();
  }

  std::string who() const { return "tool server '" + server_.name + "'"; }

  Failure no_answer(const std::string& what) const {
    // It may have done the work: whoever asks again does so with the same key.
    return fail(
        Error(Code::kUnavailable, who() + " " + what, Retry::kSameTarget).with_reason("no_answer"));
  }

  Failure http_error(const http::ResponseHead& head, const http::RpcError* said) {
    int status = head.status;
    if (status == 404 && !session_.empty()) {
      alive_ = false;  // begin a new session
      session_.clear();
      return fail(
          Error(Code::kUnavailable, who() + " has forgotten the session", Retry::kSameTarget)
              .with_reason("gone"));
    }
    return fail(status_error(who(), head, said == nullptr ? "" : said->message));
  }

  http::Client& client_;
  ToolServer server_;
  http::Url url_;
  AnswerListener* listener_;
  std::string session_;
  std::string version_;
  int64_t next_id_ = 1;
  uint64_t list_changes_ = 0;
  bool alive_ = true;
  async::Semaphore permits_{limits::kMcpHttpPendingMax};
  size_t waiting_ = 0;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_http_transport(http::Client& client,
                                                       const ToolServer& server,
                                                       AnswerListener* listener) {
  auto url = http::Url::parse(server.url);
  if (!url) {
    Error error = std::move(url).error();
    error.note("the URL of tool server '" + server.name + "'");
    return fail(std::move(error));
  }
  return std::unique_ptr<Transport>(
      std::make_unique<HttpTransport>(client, server, std::move(*url), listener));
}

}  // namespace drover::tools::mcp
