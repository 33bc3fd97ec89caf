#include "base/bytes.h"
#include "http/sse.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"

namespace drover::tools::mcp {
namespace {

/// Header values are ASCII; other names travel as =?base64?…?= (2026-07-28, "Mirror headers").
std::string header_text(const std::string& text) {
  for (char c : text) {
    if (c < 0x20 || c > 0x7e) return "=?base64?" + to_base64(text) + "?=";
  }
  return text;
}

bool is_type(const http::ResponseHead& head, std::string_view type) {
  auto value = head.headers.get("content-type");
  return value && iequals(value->substr(0, type.size()), type);
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(http::Client& client, ToolServer server, http::Url url)
      : client_(client), server_(std::move(server)), url_(std::move(url)) {}

  bool alive() const override { return alive_; }

  Task<Result<Json>> request(Context ctx, std::string method, Json params,
                             CallFacts facts) override {
    http::RpcRequest rpc;
    int64_t id = next_id_++;
    rpc.id = id;
    rpc.method = method;
    rpc.params = std::move(params);
    http::ClientRequest request =
        make_request(http::encode(http::RpcMessage(std::move(rpc))), method, facts);
    CO_TRY(auto response, co_await client_.send(ctx, std::move(request)));
    const http::ResponseHead& head = response->head();
    if (auto session = head.headers.get("mcp-session-id"); session && !facts.modern) {
      session_ = std::string(*session);
    }
    if (head.status >= 200 && head.status < 300 && is_type(head, "text/event-stream")) {
      co_return co_await read_stream(ctx, *response, id, method);
    }
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    auto rpc_answer = http::decode_rpc(body);
    if (rpc_answer) {
      if (auto* answer = std::get_if<http::RpcResponse>(&*rpc_answer)) {
        co_return unwrap(std::move(*answer), method);
      }
    }
    co_return http_error(head.status);
  }

  Task<Result<void>> notify(Context ctx, std::string method, Json params,
                            CallFacts facts) override {
    http::RpcNotification note;
    note.method = method;
    note.params = std::move(params);
    http::ClientRequest request =
        make_request(http::encode(http::RpcMessage(std::move(note))), method, facts);
    CO_TRY(auto response, co_await client_.send(ctx, std::move(request)));
    int status = response->head().status;
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    if (status >= 300) co_return http_error(status);
    co_return Result<void>();
  }

  Task<void> close(Context ctx) override {
    alive_ = false;
    if (session_.empty()) co_return;
    CallFacts facts;
    http::ClientRequest request = make_request("", "", facts);
    request.method = "DELETE";
    Context brief = ctx.with_timeout(1s);
    auto sent = co_await client_.send(brief, std::move(request));
    (void)sent;  // a courtesy: servers drop sessions by themselves
  }

 private:
  http::ClientRequest make_request(std::string body, const std::string& method,
                                   const CallFacts& facts) const {
    http::ClientRequest request;
    request.url = url_;
    request.body = std::move(body);
    request.headers.add("content-type", "application/json");
    request.headers.add("accept", "application/json, text/event-stream");
    if (facts.modern) {
      request.headers.add("mcp-protocol-version", std::string(kModernVersion));
      if (!method.empty()) request.headers.add("mcp-method", method);
      if (!facts.name.empty()) request.headers.add("mcp-name", header_text(facts.name));
    } else {
      if (!facts.version.empty()) request.headers.add("mcp-protocol-version", facts.version);
      if (!session_.empty()) request.headers.add("mcp-session-id", session_);
    }
    for (const auto& [name, value] : server_.headers) request.headers.set(name, value);
    request.tls.ca_file = server_.ca_file;
    request.policy.allow = server_.allow_private;
    request.headers_timeout = limits::kToolCallTimeout;
    return request;
  }

  Result<Json> unwrap(http::RpcResponse response, const std::string& method) {
    if (const http::RpcError* error = response.error()) return fail(to_error(*error, method));
    return std::get<Json>(std::move(response.outcome));
  }

  tl::unexpected<Error> http_error(int status) {
    std::string who = "tool server '" + server_.name + "'";
    if (status == 404 && !session_.empty()) {
      alive_ = false;  // the session is gone: begin a new one
      return fail(Code::kUnavailable, who + " has forgotten the session", Retry::kSameTarget);
    }
    std::string message = who + " answered HTTP " + std::to_string(status);
    Error error(Code::kInternal, message, Retry::kNever);
    if (status == 401)
      error = Error(Code::kUnauthenticated, message + ": check its credentials");
    else if (status == 403)
      error = Error(Code::kPermissionDenied, message);
    else if (status == 429)
      error = Error(Code::kResourceExhausted, message, Retry::kAfter);
    else if (status >= 500)
      error = Error(Code::kUnavailable, message, Retry::kSameTarget);
    else if (status >= 300 && status < 400)
      error.message += ": redirects are not followed";
    error.reason = "http_" + std::to_string(status);
    return fail(std::move(error));
  }

  Task<Result<Json>> read_stream(Context ctx, http::ClientResponse& response, int64_t id,
                                 std::string method) {
    http::SseParser parser;
    for (;;) {
      CO_TRY(std::string_view chunk, co_await response.read_some(ctx));
      if (chunk.empty()) break;
      parser.feed(chunk);
      for (;;) {
        CO_TRY(const http::SseEvent* event, parser.next());
        if (event == nullptr) break;
        auto message = http::decode_rpc(event->data);
        if (!message) continue;
        auto* answer = std::get_if<http::RpcResponse>(&*message);
        if (answer == nullptr || !answer->id) continue;
        const int64_t* theirs = std::get_if<int64_t>(&*answer->id);
        if (theirs == nullptr || *theirs != id) continue;
        response.abort();  // nothing of use follows the answer
        co_return unwrap(std::move(*answer), method);
      }
    }
    co_return fail(Code::kUnavailable,
                   "tool server '" + server_.name + "' ended its stream without an answer",
                   Retry::kSameTarget);
  }

  http::Client& client_;
  ToolServer server_;
  http::Url url_;
  std::string session_;
  int64_t next_id_ = 1;
  bool alive_ = true;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_http_transport(http::Client& client,
                                                       const ToolServer& server) {
  auto url = http::Url::parse(server.url);
  if (!url) {
    Error error = std::move(url).error();
    error.note("the URL of tool server '" + server.name + "'");
    return fail(std::move(error));
  }
  return std::unique_ptr<Transport>(
      std::make_unique<HttpTransport>(client, server, std::move(*url)));
}

}  // namespace drover::tools::mcp
