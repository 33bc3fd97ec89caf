#pragma once
// The neutral chat types: what a model is asked and what it answers, in no vendor's form. Every
// dialect (src/dialect) translates between these and its own bytes; sessions and the road speak
// only these. What a dialect cannot express is refused or reported, never dropped silently:
// `extra` carries top-level request fields that nobody here operates on.
//
// Text is UTF-8 and is never altered. Tool-call arguments are the model's JSON *text*, kept byte
// for byte where the dialect carries text and equal as JSON where it carries objects (Converse).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/money.h"
#include "base/result.h"

namespace drover::contract {

enum class Role : uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };
std::string_view role_name(Role role);
std::optional<Role> parse_role(std::string_view name);

struct TextPart {
  std::string text;
  /// Members of the part nobody here operates on (prompt_cache_breakpoint, cache_control).
  Json::Object extra = {};
  bool operator==(const TextPart&) const = default;
};
/// An image by URL, or bytes with a media type. Exactly one of url and data. A data: URL in
/// canonical base64 becomes bytes on the way in, and bytes become such a URL on the way out.
struct ImagePart {
  std::string url;
  std::string data;        // raw bytes, not base64
  std::string media_type;  // "image/png"
  std::string detail;      // OpenAI's "low", "high", "auto"; may be empty
  Json::Object extra = {};
  bool operator==(const ImagePart&) const = default;
};
/// A part of a kind we do not know, as it came (OpenAI's wire form). Only a dialect of the same
/// form can send it on; others refuse it by name.
struct OtherPart {
  Json raw;
  bool operator==(const OtherPart&) const = default;
};
/// A model's reasoning that must be handed back with the next call (signature, redacted bytes).
struct ReasoningPart {
  std::string text;
  std::string signature;
  std::string redacted = {};  // raw bytes of reasoning the provider keeps to itself
  bool operator==(const ReasoningPart&) const = default;
};
using Part = std::variant<TextPart, ImagePart, ReasoningPart, OtherPart>;

struct ToolCall {
  std::string id;  // may repeat within a session: results belong to calls by position
  std::string name;
  std::string arguments;  // JSON text; empty means {}
  /// Unknown members. A call of a kind other than "function" stands here whole (with its "type"),
  /// and name and arguments are empty.
  Json::Object extra = {};
  bool operator==(const ToolCall&) const = default;
};

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;           // may be empty (assistant with tool calls only)
  std::vector<ToolCall> tool_calls;  // assistant only
  std::string tool_call_id;          // tool only
  std::string name;                  // optional participant or tool name
  bool tool_error = false;           // tool only: the tool reported an error
  std::string refusal;               // assistant only
  /// Content was present though empty ("" as opposed to null or absent).
  bool empty_text = false;
  /// Unknown members, as they came.
  Json::Object extra = {};

  /// All text parts joined.
  std::string text() const;
  static Message of_text(Role role, std::string text);
  bool operator==(const Message&) const = default;
};

struct ToolDefinition {
  std::string name;
  std::string description;
  Json parameters;  // JSON Schema object; null means no parameters
  std::optional<bool> strict;
  /// As for ToolCall: unknown members, or the whole of a tool of another kind than "function".
  Json::Object extra = {};
  bool operator==(const ToolDefinition&) const = default;
};

struct ToolChoice {
  enum class Mode : uint8_t { kUnset, kAuto, kNone, kRequired, kNamed };
  Mode mode = Mode::kUnset;
  std::string name;
  bool operator==(const ToolChoice&) const = default;
};

struct ChatRequest {
  std::string model;
  std::vector<Message> messages;
  std::vector<ToolDefinition> tools;
  ToolChoice tool_choice;
  std::optional<bool> parallel_tool_calls;
  std::optional<int64_t> max_tokens;
  /// The name it came under ("max_tokens" or "max_completion_tokens"), or the one an endpoint
  /// wants; "" leaves the choice to the dialect.
  std::string max_tokens_name;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<int64_t> seed;
  std::optional<int64_t> n;
  /// OpenAI's response_format as it came (structured output); null if absent.
  Json response_format;
  bool stream = false;
  /// The caller asked for usage in the stream (stream_options.include_usage).
  bool include_usage = false;
  std::string user;
  /// Top-level fields not named above, in the order they came.
  Json::Object extra;
};

/// Tokens by class; every provider's fields land here. Absent is not zero.
struct Usage {
  /// All input tokens, cached ones included (OpenAI's prompt_tokens).
  std::optional<int64_t> input_tokens;
  std::optional<int64_t> output_tokens;  // reasoning included
  std::optional<int64_t> cache_read_tokens;
  std::optional<int64_t> cache_write_tokens;
  std::optional<int64_t> cache_write_1h_tokens;  // part of cache_write_tokens
  std::optional<int64_t> reasoning_tokens;       // part of output_tokens
  std::optional<int64_t> audio_input_tokens;
  std::optional<int64_t> audio_output_tokens;
  std::optional<int64_t> image_input_tokens;
  std::optional<int64_t> accepted_prediction_tokens;
  std::optional<int64_t> rejected_prediction_tokens;
  /// No usage came; the counts are our estimate.
  bool estimated = false;
  bool known() const { return input_tokens.has_value() || output_tokens.has_value(); }
  bool operator==(const Usage&) const = default;
};

enum class FinishReason : uint8_t {
  kUnknown,
  kStop,
  kLength,
  kToolCalls,
  kContentFilter,
  kContextFull,
  kMalformed,  // the model's tool use or output could not be read by its provider
};
std::string_view finish_reason_name(FinishReason reason);
std::optional<FinishReason> parse_finish_reason(std::string_view name);

struct ChatResponse {
  std::string id;                  // the provider's response id
  std::string model;               // as the provider names it, version included
  std::string system_fingerprint;  // may be empty
  std::string request_id;          // x-request-id, x-amzn-requestid, apim-request-id
  int64_t created = 0;             // Unix seconds; 0 if the dialect has none
  Message message;
  FinishReason finish_reason = FinishReason::kUnknown;
  std::string native_finish_reason;
  Usage usage;
  std::string service_tier;
  /// Fields of the answer nobody here operates on. Those that OpenAI puts beside the message
  /// (logprobs, content_filter_results) stand together in the member "choice".
  Json::Object extra;
};

/// One piece of a streamed answer. Several may come from one wire event.
struct StreamStart {
  std::string id;
  std::string model;
  std::string system_fingerprint;
  int64_t created = 0;
  std::string service_tier = {};
};
/// Deltas of one kind and block make one part; dialects without blocks leave block at 0.
struct TextDelta {
  std::string text;
  int block = 0;
};
struct ReasoningDelta {
  std::string text;
  std::string signature = {};
  int block = 0;
  std::string redacted = {};
};
struct RefusalDelta {
  std::string text;
};
/// First delta of an index carries id and name; arguments come in fragments.
struct ToolCallDelta {
  int index = 0;
  std::string id;
  std::string name;
  std::string arguments;
  Json::Object extra = {};
};
struct FinishDelta {
  FinishReason reason = FinishReason::kUnknown;
  std::string native;
};
struct UsageDelta {
  Usage usage;
};
/// Anything else worth carrying: members of ChatResponse::extra, in its form.
struct OtherDelta {
  Json raw;
};
using StreamDelta = std::variant<StreamStart, TextDelta, ReasoningDelta, RefusalDelta,
                                 ToolCallDelta, FinishDelta, UsageDelta, OtherDelta>;
/// True for content, reasoning, refusal and tool-call deltas: after the first of these there is no
/// failover.
bool is_visible(const StreamDelta& delta);

/// Folds stream deltas into the same ChatResponse that a non-streamed call would have given.
class StreamAssembler {
 public:
  void add(const StreamDelta& delta);
  /// True once a finish reason was seen.
  bool finished() const { return finished_; }
  bool saw_visible() const { return visible_; }
  const ChatResponse& peek() const { return response_; }
  ChatResponse take();

 private:
  template <typename P>
  P& part_of(int block);

  ChatResponse response_;
  std::vector<int> blocks_;  // the block of each part of response_.message
  bool has_text_ = false;
  bool finished_ = false;
  bool visible_ = false;
};

/// The neutral types as JSON: the form journals, exports and recordings use. Messages are OpenAI's
/// with three additions: a content part {"type":"reasoning","text","signature","redacted"} where
/// `reasoning_content` would lose something, and `tool_error` on results. Exact both ways. Unknown
/// members are kept, but for those that are null. Errors begin with the member at fault
/// ("content must be …") and have the reason "invalid_message".
Json to_json(const Message& message);
Result<Message> message_from_json(const Json& json);
Json to_json(const ToolCall& call);
Result<ToolCall> tool_call_from_json(const Json& json);
/// Members are the names of Usage without absent ones; negative counts read as absent.
Json to_json(const Usage& usage);
Usage usage_from_json(const Json& json);

}  // namespace drover::contract
