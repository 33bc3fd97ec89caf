#pragma once
// The hot path of the gateway: what the road needs to know of OpenAI chat bytes without building a
// tree. One pass each, no copy of the content; everything else in the body is carried untouched.

#include <optional>
#include <string>
#include <string_view>

#include "base/json_scan.h"
#include "contract/chat.h"

namespace drover::dialect {

/// Positions are byte offsets into the body.
struct OpenAiScan {
  std::string model;
  size_t model_begin = 0;  // of the JSON string token, quotes included
  size_t model_end = 0;
  bool stream = false;
  bool include_usage = false;
  bool has_stream_options = false;
  size_t stream_options_begin = 0;  // of its value
  size_t stream_options_end = 0;
  std::optional<int64_t> max_tokens;  // max_completion_tokens or max_tokens
  std::optional<int64_t> n;
  size_t messages = 0;  // number of messages
  bool has_service_tier = false;
  std::string service_tier;
};

/// Checks the whole body for being a JSON object with a string `model` and an array `messages`.
Result<OpenAiScan> scan_openai_request(std::string_view body);

/// Whether splice_openai_request() would change nothing.
bool stays_as_it_came(const OpenAiScan& scan, std::string_view model, bool ask_usage,
                      std::string_view tier = {});
/// The same body with another model name and, for streams, usage asked for, under that service
/// tier if it states none; all other bytes as they came.
std::string splice_openai_request(std::string_view body, const OpenAiScan& scan,
                                  std::string_view model, bool ask_usage,
                                  std::string_view tier = {});

/// What one answer body or stream chunk says, the same for every OpenAI-compatible server. Its
/// texts stand in the JSON that was glanced at, and hold as long as that does.
struct OpenAiGlance {
  JsonText id;
  JsonText model;
  JsonText system_fingerprint;
  JsonText service_tier;  // that it was served, and is billed, under
  std::optional<contract::Usage> usage;
  std::optional<contract::FinishReason> finish_reason;
  JsonText native_finish_reason;
  bool visible = false;  // content, reasoning, refusal or tool-call delta present
  /// Of that, as it stands in the JSON; a tool call's fragment counts as four.
  int64_t visible_bytes = 0;
  bool choices_empty = false;  // "choices":[]
  bool is_error = false;       // has a top-level "error"
};
Result<OpenAiGlance> glance_openai(std::string_view json);

}  // namespace drover::dialect
