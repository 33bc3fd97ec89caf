#pragma once
// MCP's messages as pure functions (specification revisions 2024-11-05 to 2025-11-25, "legacy":
// a handshake and then requests; and 2026-07-28, "modern": no handshake, each request carries its
// _meta). Source: https://modelcontextprotocol.io/specification
//
// Values; no transport, no clock.

#include <optional>
#include <string>
#include <vector>

#include "contract/chat.h"
#include "http/json_rpc.h"
#include "tools/server_client.h"
#include "tools/tool_set.h"

namespace drover::tools::mcp {

inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::string_view kLegacyVersion = "2025-11-25";
/// Revisions whose handshake we accept.
bool is_legacy_version(std::string_view version);

// Modern error codes (2026-07-28, "Error handling").
inline constexpr int64_t kHeaderMismatch = -32020;
inline constexpr int64_t kMissingCapability = -32021;
inline constexpr int64_t kUnsupportedVersion = -32022;

/// Params of `initialize`.
Json initialize_params();
/// The _meta that every modern request carries.
Json modern_meta();
/// Params of `subscriptions/listen`: we ask to hear of changes of the list of tools.
Json listen_params();
/// Whether the capabilities that a server gave (in either era) promise to tell of such changes.
bool tells_of_list_changes(const Json& result);
/// Whether `notifications/subscriptions/acknowledged` says that we will hear of them.
bool acknowledges_list_changes(const Json& params);
/// Adds members to params._meta (made if absent).
void add_meta(Json& params, const Json::Object& members);

struct ListedTool {
  contract::ToolDefinition definition;
  /// readOnlyHint, idempotentHint; a tool that says nothing is taken as neither.
  ToolTraits traits;
};

struct ToolPage {
  std::vector<ListedTool> tools;
  std::string next_cursor;
  /// How long the list may be kept (2026-07-28); absent in older revisions.
  std::optional<Duration> ttl;
};
Result<ToolPage> parse_tool_page(const Json& result);

/// Params of `tools/call`. Arguments that are no JSON object are kInvalidArgument: MCP carries
/// objects only.
Result<Json> call_params(const ToolInvocation& invocation);
/// Text content joined; other blocks kept apart and named in a line each, so that the model knows
/// of them; isError; structuredContent. An `input_required` result (the server wants to ask
/// somebody) is kUnimplemented.
Result<ToolOutcome> parse_call_result(const Json& result);

/// A JSON-RPC error as ours, with reason "rpc_<code>". It is an answer: asking again would run the
/// tool again for the same answer, so it never retries.
Error to_error(const http::RpcError& error, std::string_view method);

}  // namespace drover::tools::mcp
