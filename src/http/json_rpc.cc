#include "http/json_rpc.h"

#include "base/bytes.h"
#include "http/buffers.h"

namespace drover::http {
namespace {

Failure not_rpc(std::string why) {
  return fail(
      Error(Code::kInvalidArgument, "not a JSON-RPC message: " + why).with_reason("json_rpc"));
}

Json id_json(const RpcId& id) {
  if (const int64_t* number = std::get_if<int64_t>(&id)) return Json(*number);
  return Json(std::get<std::string>(id));
}

Json begin_message() {
  Json out = Json::object();
  out.set("jsonrpc", "2.0");
  return out;
}

void put_call(Json& out, const std::string& method, const Json& params) {
  out.set("method", method);
  if (!params.is_null()) out.set("params", params);
}

Json error_json(const RpcError& error) {
  Json out = Json::object();
  out.set("code", error.code);
  out.set("message", error.message);
  if (!error.data.is_null()) out.set("data", error.data);
  return out;
}

Result<RpcId> read_id(const Json& json) {
  if (const std::string* text = json.string()) return RpcId(*text);
  if (json.is_number()) {
    if (std::optional<int64_t> number = json.integer()) return RpcId(*number);
  }
  return not_rpc("the id is neither a string nor an integer");
}

Result<RpcError> read_error(const Json& json) {
  RpcError out;
  std::optional<int64_t> code = json.get_int("code");
  std::optional<std::string_view> message = json.get_string("message");
  if (!code || !message) return not_rpc("the error has no integer code or no message");
  out.code = *code;
  out.message = *message;
  if (const Json* data = json.find("data")) out.data = *data;
  return out;
}

Result<RpcMessage> read_call(const Json& json, const Json* id) {
  std::optional<std::string_view> method = json.get_string("method");
  if (!method) return not_rpc("the method is not a string");
  Json params;
  if (const Json* given = json.find("params")) {
    // Some peers send null where they mean nothing.
    if (!given->is_object() && !given->is_array() && !given->is_null()) {
      return not_rpc("params is neither an object nor an array");
    }
    params = *given;
  }
  if (id == nullptr) {
    RpcNotification note;
    note.method = *method;
    note.params = std::move(params);
    return RpcMessage(std::move(note));
  }
  RpcRequest request;
  TRY(request.id, read_id(*id));
  request.method = *method;
  request.params = std::move(params);
  return RpcMessage(std::move(request));
}

}  // namespace

Json to_json(const RpcMessage& message) {
  Json out = begin_message();
  if (const RpcRequest* request = std::get_if<RpcRequest>(&message)) {
    out.set("id", id_json(request->id));
    put_call(out, request->method, request->params);
  } else if (const RpcNotification* note = std::get_if<RpcNotification>(&message)) {
    put_call(out, note->method, note->params);
  } else {
    const RpcResponse& response = std::get<RpcResponse>(message);
    out.set("id", response.id ? id_json(*response.id) : Json());
    if (const RpcError* error = response.error()) {
      out.set("error", error_json(*error));
    } else {
      out.set("result", *response.result());
    }
  }
  return out;
}

std::string encode(const RpcMessage& message) { return to_json(message).dump(); }

Result<RpcMessage> decode_rpc_json(const Json& json) {
  if (!json.is_object()) return not_rpc("it is not an object");
  if (json.get_string("jsonrpc") != "2.0") return not_rpc("its version is not \"2.0\"");
  const Json* id = json.find("id");
  const Json* result = json.find("result");
  const Json* error = json.find("error");
  if (json.find("method") != nullptr) {
    if (result != nullptr || error != nullptr) return not_rpc("it is a call and an answer at once");
    return read_call(json, id);
  }
  if ((result == nullptr) == (error == nullptr)) {
    return not_rpc("it has neither a method nor exactly one of result and error");
  }
  RpcResponse response;
  if (id != nullptr && !id->is_null()) {
    TRY(response.id, read_id(*id));
  } else if (result != nullptr) {
    return not_rpc("a result has no id");
  }
  if (result != nullptr) {
    response.outcome = *result;
  } else {
    TRY(response.outcome, read_error(*error));
  }
  return RpcMessage(std::move(response));
}

Result<RpcMessage> decode_rpc(std::string_view text) {
  TRY(Json json, Json::parse(text));
  return decode_rpc_json(json);
}

Result<std::vector<RpcMessage>> decode_rpc_batch(std::string_view text) {
  TRY(Json json, Json::parse(text));
  std::vector<RpcMessage> out;
  if (const Json::Array* items = json.array_items()) {
    if (items->empty()) return not_rpc("an empty batch");
    if (items->size() > kRpcBatchMax) return not_rpc("a batch of too many messages");
    for (const Json& item : *items) {
      TRY(RpcMessage message, decode_rpc_json(item));
      out.push_back(std::move(message));
    }
    return out;
  }
  TRY(RpcMessage message, decode_rpc_json(json));
  out.push_back(std::move(message));
  return out;
}

std::string to_string(const RpcId& id) { return id_json(id).dump(); }

std::optional<std::string> LineReader::take_line() {
  for (;;) {
    size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string_view line = std::string_view(buffer_).substr(start_, end - start_);
    start_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!trim(line).empty()) return std::string(line);
  }
}

async::Task<Result<std::optional<std::string>>> LineReader::next(async::Context ctx) {
  for (;;) {
    std::optional<std::string> line = take_line();
    if (line && line->size() <= max_) co_return line;
    if (line || buffer_.size() - start_ > max_) {
      std::string why = "a line is longer than " + std::to_string(max_) + " bytes";
      co_return fail(Error(Code::kResourceExhausted, std::move(why)).with_reason("line_too_long"));
    }
    if (ended_) {
      std::string rest = buffer_.substr(start_);
      buffer_.clear();
      start_ = scanned_ = 0;
      if (trim(rest).empty()) co_return std::optional<std::string>();
      co_return std::optional<std::string>(std::move(rest));
    }
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
    size_t before = buffer_.size();
    buffer_.resize(before + kReadBytes);
    std::span<char> room(buffer_.data() + before, kReadBytes);
    Result<size_t> n = co_await stream_.read(ctx, room);
    buffer_.resize(before + (n ? *n : 0));
    if (!n) co_return fail(std::move(n).error());
    ended_ = *n == 0;
  }
}

async::Task<Result<void>> write_line(async::Context ctx, net::Stream& stream, std::string text) {
  if (text.find('\n') != std::string::npos) {
    co_return fail(Code::kInvalidArgument, "a JSON-RPC line holds a line end");
  }
  text += '\n';
  co_return co_await stream.write(std::move(ctx), text);
}

}  // namespace drover::http
