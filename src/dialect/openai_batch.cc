#include "dialect/openai_batch.h"

#include <algorithm>

#include "base/bytes.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

constexpr size_t kCustomIdBytesMax = 512;

/// Nothing for a word that is not known yet: it is asked again later.
BatchState state_of(std::string_view word) {
  if (word == "completed") return BatchState::kCompleted;
  if (word == "failed") return BatchState::kFailed;
  if (word == "expired") return BatchState::kExpired;
  if (word == "cancelled") return BatchState::kCancelled;
  return BatchState::kOpen;
}

/// "batch_expired" and the like: the request was not run.
Error line_error(const Json& error) {
  Error out(Code::kUnavailable, error.get_text("message"), Retry::kSameTarget);
  out.reason = error.get_text("code");
  if (out.reason.empty()) out.reason = "batch_error";
  if (out.message.empty()) out.message = "the request was not run: " + out.reason;
  return out;
}

Result<ChatResponse> answer_of(const Json& response, const Dialect& dialect) {
  const int64_t status = response.get_int("status_code").value_or(0);
  const Json* body = response.find("body");
  const std::string text = body == nullptr ? std::string() : body->dump();
  if (status == 200) return dialect.decode_response(text);
  HeaderLookup none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  return fail(dialect.classify_error(static_cast<int>(status), none, text));
}

}  // namespace

void append_batch_line(std::string& out, std::string_view custom_id, std::string_view url,
                       std::string_view body) {
  out += "{\"custom_id\":";
  append_json_string(out, custom_id);
  out += ",\"method\":\"POST\",\"url\":";
  append_json_string(out, url);
  out += ",\"body\":";
  out += body;
  out += "}\n";
}

std::string encode_batch_order(std::string_view input_file, std::string_view url,
                               std::string_view key) {
  Json out = Json::object();
  out.set("input_file_id", input_file).set("endpoint", url).set("completion_window", "24h");
  out.set("metadata", Json::object().set(std::string(kBatchKeyName), key));
  return out.dump();
}

Result<BatchStatus> read_batch(const Json& json) {
  BatchStatus out;
  out.id = json.get_text("id");
  out.word = json.get_text("status");
  if (out.id.empty() || out.word.empty()) {
    return fail(malformed_answer("a batch without an id or a status"));
  }
  out.state = state_of(out.word);
  out.input_file = json.get_text("input_file_id");
  out.output_file = json.get_text("output_file_id");
  out.error_file = json.get_text("error_file_id");
  if (const Json* metadata = json.find("metadata")) out.key = metadata->get_text(kBatchKeyName);
  if (const Json* counts = json.find("request_counts")) {
    out.total = counts->get_int("total").value_or(0);
    out.completed = counts->get_int("completed").value_or(0);
    out.failed = counts->get_int("failed").value_or(0);
  }
  const Json* faults = json.at("errors", "data");
  const Json::Array* items = faults == nullptr ? nullptr : faults->array_items();
  if (items != nullptr && !items->empty()) {
    const Json& first = items->front();
    out.fault = first.get_text("code") + ": " + first.get_text("message");
    if (auto line = first.get_int("line")) out.fault += " (line " + std::to_string(*line) + ")";
  }
  return out;
}

Result<BatchLine> read_batch_line(std::string_view line, const Dialect& dialect) {
  TRY(Json json, Json::parse(line));
  BatchLine out;
  out.custom_id = json.get_text("custom_id");
  if (out.custom_id.empty() || out.custom_id.size() > kCustomIdBytesMax) {
    return fail(malformed_answer("a line of a batch that names no request"));
  }
  const Json* error = json.find("error");
  const Json* response = json.find("response");
  if (response != nullptr && response->is_object()) {
    out.request_id = response->get_text("request_id");
    out.answer = answer_of(*response, dialect);
    if (out.answer && out.answer->request_id.empty()) out.answer->request_id = out.request_id;
  } else if (error != nullptr && error->is_object()) {
    out.answer = fail(line_error(*error));
  } else {
    out.answer = fail(malformed_answer("a line of a batch with neither answer nor error"));
  }
  return out;
}

BatchLines read_batch_lines(std::string_view file, const Dialect& dialect) {
  BatchLines out;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    const std::string_view line = trim(file.substr(0, end));
    file.remove_prefix(std::min(file.size(), end + 1));
    if (line.empty()) continue;
    Result<BatchLine> read = read_batch_line(line, dialect);
    if (read) {
      out.lines.push_back(std::move(*read));
    } else {
      ++out.unreadable;
    }
  }
  return out;
}

}  // namespace drover::dialect
