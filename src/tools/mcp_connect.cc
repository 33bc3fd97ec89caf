// McpClient's way to a connection: which era, the handshake, and pauses between failed starts.

#include <algorithm>

#include "base/limits/tools.h"
#include "base/log.h"
#include "tools/mcp_client.h"

namespace drover::tools::mcp {
namespace {

/// A client error that may mean "I do not know this method".
bool refuses_the_method(const std::string& reason) {
  return reason.starts_with("http_4") && reason != "http_401" && reason != "http_403" &&
         reason != "http_407" && reason != "http_429";
}

}  // namespace

/// Asks in the modern way. A server that answers with an error of its own era, or not at all, is
/// taken as legacy; one that ends at a first message it does not know is started again for that
/// (2026-07-28, "Backward compatibility"). Everything else is a failure of this start.
Task<Result<McpClient::Probe>> McpClient::probe(Context ctx, std::shared_ptr<Transport> transport,
                                                bool* tells) {
  Context brief = ctx.with_timeout(limits::kMcpProbeTimeout);
  CallFacts facts;
  facts.modern = true;
  Json params = Json::object().set("_meta", modern_meta());
  auto found = co_await transport->request(brief, "server/discover", std::move(params), facts);
  if (found) {
    *tells = tells_of_list_changes(*found);
    const Json* versions = found->find("supportedVersions");
    if (versions != nullptr && versions->is_array()) {
      for (const Json& v : *versions->array_items()) {
        if (v.string() != nullptr && *v.string() == kModernVersion) co_return Probe::kModern;
      }
    }
    co_return Probe::kLegacy;
  }
  const Error& error = found.error();
  if (!ctx.check().has_value()) co_return fail(error);
  if (error.reason == "gone" && !transport->is_http()) co_return Probe::kLegacyRestart;
  bool legacy = error.code == Code::kDeadlineExceeded || error.reason.starts_with("rpc_") ||
                error.reason == "no_answer" || refuses_the_method(error.reason);
  if (!legacy) co_return fail(error);
  co_return Probe::kLegacy;
}

Task<Result<void>> McpClient::handshake(Context ctx, ConnectionPtr connection) {
  CallFacts facts;
  Json params = initialize_params();
  CO_TRY(Json result,
         co_await connection->transport->request(ctx, "initialize", std::move(params), facts));
  auto version = result.get_string("protocolVersion");
  if (!version || !is_legacy_version(*version)) {
    co_return fail(Code::kUnimplemented,
                   "tool server '" + server_.name + "' speaks MCP revision '" +
                       std::string(version.value_or("")) + "', which drover does not");
  }
  connection->tells_of_changes = tells_of_list_changes(result);
  connection->facts = CallFacts();
  connection->facts.version = std::string(*version);
  co_return co_await connection->transport->notify(ctx, "notifications/initialized", Json(),
                                                   connection->facts);
}

Result<std::shared_ptr<Transport>> McpClient::make_transport(const Context& ctx) {
  auto made = server_.command.empty()
                  ? make_http_transport(*environment_.client, server_, environment_.listener)
                  : make_stdio_transport(ctx, *environment_.spawner, server_);
  if (!made) return fail(std::move(made).error());
  return std::shared_ptr<Transport>(std::move(*made));
}

/// `transport` is the one in use at the end, also of a failure.
Task<Result<McpClient::ConnectionPtr>> McpClient::negotiate(Context ctx,
                                                            std::shared_ptr<Transport>* transport) {
  auto connection = std::make_shared<Connection>();
  bool modern = false;
  if (server_.protocol != "legacy" && !known_legacy_) {
    CO_TRY(Probe found, co_await probe(ctx, *transport, &connection->tells_of_changes));
    modern = found == Probe::kModern;
    if (!modern && server_.protocol == kModernVersion) {
      co_return fail(Code::kUnimplemented,
                     "tool server '" + server_.name + "' does not speak MCP 2026-07-28");
    }
    if (found == Probe::kLegacyRestart) {
      std::shared_ptr<Transport> ended = std::move(*transport);
      Context quiet = ctx.detached();
      co_await ended->close(quiet);
      CO_TRY(*transport, make_transport(ctx));
    }
  }
  connection->transport = *transport;
  if (modern) {
    connection->facts.modern = true;
    connection->facts.version = std::string(kModernVersion);
  } else {
    CO_TRY_VOID(co_await handshake(ctx, connection));
    // The next start need not wait for a probe that is not answered.
    known_legacy_ = true;
  }
  co_return connection;
}

Task<Result<void>> McpClient::pause(Context ctx) {
  MonoTime now = ctx.loop().mono();
  if (failures_ == 0 || now >= not_before_) co_return Result<void>();
  Duration left = not_before_ - now;
  if (left > limits::kMcpPauseWaitMax) {
    Error error = *last_failure_;
    error.code = Code::kUnavailable;
    error.retry = Retry::kAfter;
    error.retry_after = left;
    error.note("tried " + std::to_string(failures_) + " times, next in " + format_duration(left));
    co_return fail(std::move(error));
  }
  co_return co_await async::sleep_for(ctx, left);
}

void McpClient::note_failure(const Context& ctx, const Error& error) {
  ++failures_;
  Duration wait = limits::kMcpPause * (int64_t{1} << std::min(failures_ - 1, 10));
  not_before_ = ctx.loop().mono() + std::min<Duration>(wait, limits::kMcpPauseMax);
  last_failure_ = error;
}

Task<Result<McpClient::ConnectionPtr>> McpClient::connect_anew(Context ctx) {
  CO_TRY_VOID(co_await pause(ctx));
  auto made = make_transport(ctx);
  if (!made) {
    note_failure(ctx, made.error());
    co_return fail(std::move(made).error());
  }
  std::shared_ptr<Transport> transport = std::move(*made);
  Context bounded = ctx.with_timeout(limits::kMcpConnectTimeout);
  auto ready = co_await negotiate(bounded, &transport);
  if (ready && closed_) {
    ready = fail(Code::kUnavailable, "tool server '" + server_.name + "' was closed");
  }
  if (!ready) {
    if (transport != nullptr) {
      Context quiet = ctx.detached();
      co_await transport->close(quiet);
    }
    Error error = std::move(ready).error();
    if (error.code == Code::kDeadlineExceeded && ctx.check().has_value()) {
      error.message = "tool server '" + server_.name + "' did not answer within " +
                      format_duration(limits::kMcpConnectTimeout);
    }
    error.note("connecting to tool server '" + server_.name + "'");
    // A caller that gave up says nothing about the server.
    if (ctx.check().has_value()) note_failure(ctx, error);
    co_return fail(std::move(error));
  }
  failures_ = 0;
  connection_ = *ready;
  version_ = connection_->facts.version;
  if (connection_->tells_of_changes) {
    connection_->listening = std::make_unique<async::Scope>(ctx.detached());
    connection_->listening->spawn(listen(connection_->listening->context(), connection_.get()));
  }
  co_return connection_;
}

/// Listens for as long as the connection stands, anew when the server or something between ends it.
Task<void> McpClient::listen(Context ctx, Connection* connection) {
  Duration pause = limits::kMcpListenPause;
  while (connection->transport->alive()) {
    MonoTime begun = ctx.loop().mono();
    auto ended = co_await connection->transport->listen(ctx, connection->facts);
    if (ctx.cancelled()) co_return;
    if (!ended && ended.error().code == Code::kUnimplemented) co_return;
    if (!ended) LOG_DEBUG("listening for changes: {}", ended.error().to_string());
    if (ctx.loop().mono() - begun > limits::kMcpListenPauseMax) pause = limits::kMcpListenPause;
    auto slept = co_await async::sleep_for(ctx, pause);
    if (!slept) co_return;
    pause = std::min<Duration>(2 * pause, limits::kMcpListenPauseMax);
  }
}

Task<void> McpClient::end(Context ctx, ConnectionPtr connection) {
  if (connection->listening != nullptr) {
    connection->listening->cancel("the tool server is let go");
    co_await connection->listening->join();
  }
  co_await connection->transport->close(ctx);
}

Task<Result<McpClient::ConnectionPtr>> McpClient::connect(Context ctx) {
  CO_TRY(auto permit, co_await connecting_.acquire(ctx));
  if (connection_ != nullptr && connection_->transport->alive()) co_return connection_;
  if (closed_) {
    co_return fail(Code::kUnavailable,
                   "tool server '" + server_.name + "' is no longer configured");
  }
  if (connection_ != nullptr) {
    ConnectionPtr old = std::move(connection_);
    connection_ = nullptr;
    Context quiet = ctx.detached();
    co_await end(quiet, std::move(old));
  }
  co_return co_await connect_anew(ctx);
}

}  // namespace drover::tools::mcp
