#pragma once
// JSON-RPC 2.0 messages as MCP and A2A use them, and their framing as lines over a byte stream
// (stdio tools). Ids are strings or integers; an id of null is known in error responses only.
// `params`, `result` and `data` are carried as they are.
//
// Failure: kInvalidArgument with reason "json_rpc" for what is no message; a line longer than
// limits::kJsonRpcLineBytesMax is kResourceExhausted with reason "line_too_long".
// Values; LineReader is loop-affine. Source: https://www.jsonrpc.org/specification

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/limits/http.h"
#include "net/stream.h"

namespace drover::http {

using RpcId = std::variant<int64_t, std::string>;

// Codes of the specification.
inline constexpr int64_t kRpcParseError = -32700;
inline constexpr int64_t kRpcInvalidRequest = -32600;
inline constexpr int64_t kRpcMethodNotFound = -32601;
inline constexpr int64_t kRpcInvalidParams = -32602;
inline constexpr int64_t kRpcInternalError = -32603;

struct RpcRequest {
  RpcId id;
  std::string method;
  Json params;  // null: absent
};

struct RpcNotification {
  std::string method;
  Json params;  // null: absent
};

struct RpcError {
  int64_t code = kRpcInternalError;
  std::string message;
  Json data;  // null: absent
};

struct RpcResponse {
  /// Absent only in an error that could not be matched to a request.
  std::optional<RpcId> id;
  std::variant<Json, RpcError> outcome;
  const Json* result() const { return std::get_if<Json>(&outcome); }
  const RpcError* error() const { return std::get_if<RpcError>(&outcome); }
};

using RpcMessage = std::variant<RpcRequest, RpcNotification, RpcResponse>;

/// Messages of one batch; more are refused.
inline constexpr size_t kRpcBatchMax = 1'000;

Json to_json(const RpcMessage& message);
/// One line of JSON without the line's end.
std::string encode(const RpcMessage& message);
Result<RpcMessage> decode_rpc_json(const Json& json);
Result<RpcMessage> decode_rpc(std::string_view text);
/// One message, or the messages of a batch (a non-empty array).
Result<std::vector<RpcMessage>> decode_rpc_batch(std::string_view text);
/// "7" or "\"seven\"": for maps and messages.
std::string to_string(const RpcId& id);

/// Reads lines from a stream. Borrows the stream.
class LineReader {
 public:
  explicit LineReader(net::Stream& stream, size_t line_bytes_max = limits::kJsonRpcLineBytesMax)
      : stream_(stream), max_(line_bytes_max) {}
  /// The next line that is not blank, without its end ("\n" or "\r\n"); nullopt at the end of the
  /// stream. A last line without an end counts. After an error nothing more can be read.
  async::Task<Result<std::optional<std::string>>> next(async::Context ctx);

 private:
  std::optional<std::string> take_line();

  net::Stream& stream_;
  size_t max_;
  std::string buffer_;
  size_t start_ = 0;    // of the line being read
  size_t scanned_ = 0;  // no line end before this
  bool ended_ = false;
};

/// Writes the text and a line end in one write. kInvalidArgument if it holds a line end itself.
async::Task<Result<void>> write_line(async::Context ctx, net::Stream& stream, std::string text);

}  // namespace drover::http
