#include "sim/mcp_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "async/scope.h"
#include "async/sync.h"

namespace drover::sim {

namespace {

using http::RpcError;
using http::RpcId;
using http::RpcRequest;

constexpr std::string_view kModern = "2026-07-28";
constexpr std::string_view kLegacy[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
constexpr int64_t kUnsupportedVersion = -32022;
/// Lists never change while the process lives.
constexpr int64_t kListTtlMs = 3'600'000;

RpcError rpc_error(int64_t code, std::string message, Json data = {}) {
  RpcError error;
  error.code = code;
  error.message = std::move(message);
  error.data = std::move(data);
  return error;
}

Json capabilities() { return Json::object().set("tools", Json::object()); }

class McpSession {
 public:
  McpSession(async::Context ctx, net::Stream& stream, McpTools& tools)
      : scope_(ctx), stream_(stream), tools_(tools), calls_(kMcpCallsMax), writing_(1) {}

  async::Task<Result<void>> run() {
    http::LineReader lines(stream_);
    Result<void> out;
    while (true) {
      Result<std::optional<std::string>> line = co_await lines.next(scope_.context());
      if (!line) {
        out = fail(std::move(line).error());
        break;
      }
      if (!line->has_value()) break;
      co_await take_line(std::move(**line));
    }
    // Who has left does not wait for answers.
    scope_.cancel("the client has left");
    co_await scope_.join();
    co_return out;
  }

 private:
  async::Task<void> take_line(std::string line) {
    Result<http::RpcMessage> message = http::decode_rpc(line);
    if (!message) {
      http::RpcResponse response;
      bool json = Json::parse(line).has_value();
      response.outcome = rpc_error(json ? http::kRpcInvalidRequest : http::kRpcParseError,
                                   message.error().message);
      co_await write(std::move(response));
      co_return;
    }
    if (auto* note = std::get_if<http::RpcNotification>(&*message)) {
      if (note->method == "notifications/cancelled") cancel(note->params);
      co_return;
    }
    if (auto* request = std::get_if<RpcRequest>(&*message)) {
      // A full house lets further lines wait, and with them the client.
      Result<async::Semaphore::Permit> permit = co_await calls_.acquire(scope_.context());
      if (!permit) co_return;
      scope_.spawn(answer(this, std::move(*request), std::move(*permit)));
    }
  }

  void cancel(const Json& params) {
    const Json* id = params.find("requestId");
    auto found = id == nullptr ? running_.end() : running_.find(id->dump());
    if (found != running_.end()) found->second->cancel("cancelled by the client");
  }

  static async::Task<void> answer(McpSession* self, RpcRequest request,
                                  async::Semaphore::Permit permit) {
    std::string key = http::to_string(request.id);
    auto cancel = std::make_shared<async::CancelSource>(self->scope_.context());
    self->running_[key] = cancel;
    RpcId id = request.id;
    auto outcome = co_await self->outcome_of(cancel->context(), std::move(request));
    auto found = self->running_.find(key);
    if (found != self->running_.end() && found->second == cancel) self->running_.erase(found);
    if (cancel->cancelled()) co_return;  // a cancelled request is not answered
    http::RpcResponse response;
    response.id = std::move(id);
    response.outcome = std::move(outcome);
    co_await self->write(std::move(response));
  }

  async::Task<void> write(http::RpcResponse response) {
    Result<async::Semaphore::Permit> turn = co_await writing_.acquire(scope_.context());
    if (!turn) co_return;
    std::string text = http::encode(http::RpcMessage(std::move(response)));
    Result<void> written = co_await http::write_line(scope_.context(), stream_, std::move(text));
    if (!written) scope_.cancel("the client has left");
  }

  /// The era of a request, or what is wrong with it.
  std::optional<RpcError> check_era(const RpcRequest& request, bool& modern) const {
    const Json* meta = request.params.find("_meta");
    const Json* version = meta == nullptr ? nullptr : meta->find(kVersionKey);
    modern = version != nullptr;
    if (!modern) {
      if (request.method == "initialize" || request.method == "ping" || initialized_) {
        return std::nullopt;
      }
      return rpc_error(http::kRpcInvalidParams,
                       fmt::format("_meta needs {} (or say initialize first)", kVersionKey));
    }
    if (version->string() == nullptr || *version->string() != kModern) {
      Json data = Json::object().set("supported", Json::array().push(kModern));
      data.set("requested", *version);
      return rpc_error(kUnsupportedVersion, "this revision is not served", std::move(data));
    }
    const Json* client = meta->find(kCapabilitiesKey);
    if (client == nullptr || !client->is_object()) {
      return rpc_error(http::kRpcInvalidParams, fmt::format("_meta needs {}", kCapabilitiesKey));
    }
    return std::nullopt;
  }

  async::Task<std::variant<Json, RpcError>> outcome_of(async::Context ctx, RpcRequest request) {
    std::variant<Json, RpcError> out;
    bool modern = false;
    if (std::optional<RpcError> wrong = check_era(request, modern)) {
      out = std::move(*wrong);
      co_return out;
    }
    Json result = Json::object();
    if (modern) result.set("resultType", "complete");
    const std::string& method = request.method;
    if (method == "initialize" && !modern) {
      out = initialize(request.params);
    } else if (method == "ping" && !modern) {
      out = std::move(result);
    } else if (method == "server/discover" && modern) {
      result.set("supportedVersions", Json::array().push(kModern));
      result.set("capabilities", capabilities()).set("serverInfo", server_info());
      result.set("ttlMs", kListTtlMs).set("cacheScope", "public");
      out = std::move(result);
    } else if (method == "tools/list") {
      result.set("tools", list());
      if (modern) result.set("ttlMs", kListTtlMs).set("cacheScope", "public");
      out = std::move(result);
    } else if (method == "tools/call") {
      out = co_await call_tool(std::move(ctx), std::move(request.params), std::move(result));
    } else {
      out = rpc_error(http::kRpcMethodNotFound, "no such method: " + method);
    }
    co_return out;
  }

  Json server_info() const {
    return Json::object().set("name", tools_.name()).set("version", "1.0.0");
  }

  std::variant<Json, RpcError> initialize(const Json& params) {
    std::string_view asked = params.get_string("protocolVersion").value_or("");
    bool known = std::find(std::begin(kLegacy), std::end(kLegacy), asked) != std::end(kLegacy);
    initialized_ = true;
    Json result = Json::object();
    result.set("protocolVersion", known ? asked : kLegacy[0]);
    result.set("capabilities", capabilities()).set("serverInfo", server_info());
    return result;
  }

  Json list() const {
    Json out = Json::array();
    for (McpTool& tool : tools_.list()) {
      Json one = Json::object();
      one.set("name", std::move(tool.name)).set("description", std::move(tool.description));
      one.set("inputSchema", std::move(tool.input_schema));
      out.push(std::move(one));
    }
    return out;
  }

  async::Task<std::variant<Json, RpcError>> call_tool(async::Context ctx, Json params,
                                                      Json result) {
    std::variant<Json, RpcError> out;
    McpCall call;
    call.name = params.get_string("name").value_or("");
    const Json* arguments = params.find("arguments");
    call.arguments = arguments == nullptr ? Json::object() : *arguments;
    const Json* meta = params.find("_meta");
    if (meta != nullptr) call.meta = *meta;
    std::vector<McpTool> known = tools_.list();
    bool found = std::any_of(known.begin(), known.end(),
                             [&](const McpTool& tool) { return tool.name == call.name; });
    if (!found || !call.arguments.is_object()) {
      out = rpc_error(http::kRpcInvalidParams,
                      found ? "arguments must be an object" : "no such tool: " + call.name);
      co_return out;
    }
    Result<McpResult> answer = co_await tools_.call(std::move(ctx), std::move(call));
    if (!answer) {
      Json data = Json::object().set("reason", answer.error().reason);
      out = rpc_error(http::kRpcInvalidParams, answer.error().message, std::move(data));
      co_return out;
    }
    Json text = Json::object();
    text.set("type", "text").set("text", std::move(answer->text));
    result.set("content", Json::array().push(std::move(text)));
    if (answer->is_error) result.set("isError", true);
    out = std::move(result);
    co_return out;
  }

  async::Scope scope_;
  net::Stream& stream_;
  McpTools& tools_;
  async::Semaphore calls_;
  async::Semaphore writing_;
  std::map<std::string, std::shared_ptr<async::CancelSource>> running_;
  bool initialized_ = false;
};

}  // namespace

async::Task<Result<void>> serve_mcp(async::Context ctx, net::Stream& stream, McpTools& tools) {
  McpSession session(ctx, stream, tools);
  Result<void> out = co_await session.run();
  co_return out;
}

}  // namespace drover::sim
