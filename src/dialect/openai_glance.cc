// glance_openai: one pass over an answer's body or a stream's chunk.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/limits/contract.h"
#include "base/text_find.h"
#include "dialect/openai_chunks.h"
#include "dialect/openai_scan.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

constexpr int64_t kBytesOfFragment = 4;

// Of a size that is known here, so that it is compared in place.
template <size_t kSize>
bool is(std::string_view key, const char (&name)[kSize]) {
  return key.size() == kSize - 1 && std::memcmp(key.data(), name, kSize - 1) == 0;
}

/// With the place of the text that was seen last, and how many there were.
struct Look {
  OpenAiGlance& glance;
  size_t text_begin = 0;
  size_t text_end = 0;
  int texts = 0;
};

// Counts the value that follows if it is a string with text in it.
void glance_text(JsonScanner& scan, Look& out) {
  if (scan.peek() != '"') {
    scan.skip_value();
    return;
  }
  bool empty = true;
  size_t begin = scan.offset();
  scan.skip_string(empty);
  if (empty) return;
  out.glance.visible = true;
  out.text_begin = begin + 1;
  out.text_end = scan.offset() - 1;
  out.glance.visible_bytes += static_cast<int64_t>(out.text_end - out.text_begin);
  ++out.texts;
}

void note_fragment(OpenAiGlance& out) {
  out.visible = true;
  out.visible_bytes += kBytesOfFragment;
}

void glance_parts(JsonScanner& scan, Look& out) {
  if (scan.peek() != '[') {
    scan.skip_value();
    return;
  }
  bool any = false;
  scan.enter_array();
  while (scan.next_item()) {
    any = true;
    if (!scan.skip_value()) return;
  }
  if (any) note_fragment(out.glance);
}

void glance_delta(JsonScanner& scan, Look& out) {
  if (scan.peek() != '{') {
    scan.skip_value();
    return;
  }
  scan.enter_object();
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "content") && scan.peek() == '[') {
      glance_parts(scan, out);
    } else if (is(key, "content") || is(key, "reasoning_content") || is(key, "reasoning") ||
               is(key, "refusal")) {
      glance_text(scan, out);
    } else if (is(key, "tool_calls")) {
      glance_parts(scan, out);
    } else {
      if (is(key, "function_call") && scan.peek() == '{') note_fragment(out.glance);
      scan.skip_value();
    }
  }
}

void glance_choices(JsonScanner& scan, Look& out) {
  if (scan.peek() != '[') {
    scan.skip_value();
    return;
  }
  scan.enter_array();
  out.glance.choices_empty = true;
  while (scan.next_item()) {
    out.glance.choices_empty = false;
    if (scan.peek() != '{') {
      scan.skip_value();
      continue;
    }
    scan.enter_object();
    std::string_view key;
    while (scan.next_key(key)) {
      if (is(key, "delta") || is(key, "message")) {
        glance_delta(scan, out);
      } else if (is(key, "finish_reason") && scan.peek() == '"') {
        scan.read_string(out.glance.native_finish_reason);
        out.glance.finish_reason = openai_wire::finish_of_word(out.glance.native_finish_reason);
      } else {
        scan.skip_value();
      }
    }
  }
}

// A count of tokens; anything but a whole number from 0 to kUsageTokensMax counts as absent.
std::optional<int64_t> glance_count(JsonScanner& scan, std::string_view json) {
  static_assert(limits::kUsageTokensMax >= 999'999'999);
  if (std::optional<int64_t> few = scan.read_short_count()) return few;
  char first = scan.peek();
  size_t begin = scan.offset();
  if (!scan.skip_value() || first < '0' || first > '9') return std::nullopt;
  std::string_view text = json.substr(begin, scan.offset() - begin);
  int64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::optional<int64_t> count = value;
  if (ec != std::errc() || end != text.data() + text.size()) {
    Result<Json> number = Json::parse(text);  // "3.0", "3e2"
    count = number ? number->integer() : std::nullopt;
  }
  return count && *count <= limits::kUsageTokensMax ? count : std::nullopt;
}

struct UsageWord {
  std::string_view key;
  std::optional<int64_t> contract::Usage::* count;
};
constexpr UsageWord kInputDetails[] = {
    {"cached_tokens", &contract::Usage::cache_read_tokens},
    {"cache_write_tokens", &contract::Usage::cache_write_tokens},
    {"audio_tokens", &contract::Usage::audio_input_tokens},
    {"image_tokens", &contract::Usage::image_input_tokens},
};
constexpr UsageWord kOutputDetails[] = {
    {"reasoning_tokens", &contract::Usage::reasoning_tokens},
    {"audio_tokens", &contract::Usage::audio_output_tokens},
    {"accepted_prediction_tokens", &contract::Usage::accepted_prediction_tokens},
    {"rejected_prediction_tokens", &contract::Usage::rejected_prediction_tokens},
};

// What may stand in the object of this name; nothing if it is none of these.
std::span<const UsageWord> details_of(std::string_view key) {
  if (is(key, "prompt_tokens_details")) return kInputDetails;
  if (is(key, "completion_tokens_details")) return kOutputDetails;
  return {};
}

// Reads the counts that `words` name out of an object; other members are passed over.
void glance_counts(JsonScanner& scan, std::string_view json, std::span<const UsageWord> words,
                   contract::Usage& out) {
  if (scan.peek() != '{') {
    scan.skip_value();
    return;
  }
  scan.enter_object();
  std::string_view key;
  while (scan.next_key(key)) {
    auto word = std::find_if(words.begin(), words.end(), [&](auto& w) { return w.key == key; });
    if (word == words.end()) {
      scan.skip_value();
    } else {
      std::optional<int64_t> count = glance_count(scan, json);
      if (!(out.*word->count)) out.*word->count = count;
    }
  }
}

// The same as openai_wire::usage_from_json, without a tree. The scanner stands at an object.
void glance_usage(JsonScanner& scan, std::string_view json, contract::Usage& out) {
  scan.enter_object();
  std::optional<int64_t> hits;  // DeepSeek and Moonshot count cached tokens beside the details
  std::optional<int64_t> cached;
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "prompt_tokens")) {
      out.input_tokens = glance_count(scan, json);
    } else if (is(key, "completion_tokens")) {
      out.output_tokens = glance_count(scan, json);
    } else if (std::span<const UsageWord> words = details_of(key); !words.empty()) {
      glance_counts(scan, json, words, out);
    } else if (is(key, "prompt_cache_hit_tokens")) {
      hits = glance_count(scan, json);
    } else if (is(key, "cached_tokens")) {
      cached = glance_count(scan, json);
    } else {
      scan.skip_value();
    }
  }
  if (!out.cache_read_tokens) out.cache_read_tokens = hits;
  if (!out.cache_read_tokens) out.cache_read_tokens = cached;
}

void glance_string(JsonScanner& scan, std::string& out) {
  if (scan.peek() == '"') {
    scan.read_string(out);
  } else {
    scan.skip_value();
  }
}

Result<void> look_at(std::string_view json, Look& look) {
  OpenAiGlance& out = look.glance;
  JsonScanner scan(json);
  if (scan.peek() != '{') return fail(malformed_answer("not a JSON object"));
  scan.enter_object();
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "id")) {
      glance_string(scan, out.id);
    } else if (is(key, "model")) {
      glance_string(scan, out.model);
    } else if (is(key, "system_fingerprint")) {
      glance_string(scan, out.system_fingerprint);
    } else if (is(key, "service_tier")) {
      glance_string(scan, out.service_tier);
    } else if (is(key, "choices")) {
      glance_choices(scan, look);
    } else if (is(key, "usage") && scan.peek() == '{') {
      glance_usage(scan, json, out.usage.emplace());
    } else if (is(key, "error")) {
      out.is_error = out.is_error || scan.peek() != 'n';
      scan.skip_value();
    } else if (is(key, "object") || is(key, "type")) {
      std::string_view word;
      if (scan.peek() == '"') {
        scan.read_string(word);
      } else {
        scan.skip_value();
      }
      out.is_error = out.is_error || word == "error";
    } else {
      scan.skip_value();
    }
  }
  if (!scan.finish()) return fail(malformed_answer(scan.error().message));
  return {};
}

}  // namespace

Result<OpenAiGlance> glance_openai(std::string_view json) {
  Result<OpenAiGlance> out;
  Look look{*out};
  if (Result<void> looked = look_at(json, look); !looked) {
    out = Failure(std::move(looked).error());
  }
  return out;
}

Result<OpenAiGlance> OpenAiChunks::look(std::string_view json) {
  Result<OpenAiGlance> out;
  Look look{*out};
  if (Result<void> looked = look_at(json, look); !looked) {
    out = Failure(std::move(looked).error());
    return out;
  }
  const bool one_text = look.texts == 1 &&
                        out->visible_bytes == static_cast<int64_t>(look.text_end - look.text_begin);
  last_.clear();
  const bool more = out->is_error || out->usage || !out->native_finish_reason.empty();
  if (one_text && !more) {
    last_ = json;
    text_begin_ = look.text_begin;
    text_end_ = look.text_end;
  }
  return out;
}

std::optional<int64_t> OpenAiChunks::only_text(std::string_view json) const {
  if (last_.empty()) return std::nullopt;
  const std::string_view before = std::string_view(last_).substr(0, text_begin_);
  const std::string_view after = std::string_view(last_).substr(text_end_);
  if (json.size() < before.size() + after.size()) return std::nullopt;
  if (!json.starts_with(before) || !json.ends_with(after)) return std::nullopt;
  const char* begin = json.data() + before.size();
  const char* end = json.data() + json.size() - after.size();
  // `after` begins with the quote; escapes are for the parser to judge.
  if (find_json_special(begin, end) != end) return std::nullopt;
  return end - begin;
}

}  // namespace drover::dialect
