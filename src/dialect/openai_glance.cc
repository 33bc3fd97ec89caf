// glance_openai: one pass over an answer's body or a stream's chunk.
#include <charconv>
#include <cstring>

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

/// With the text that was seen last, and how many there were.
struct Look {
  OpenAiGlance& glance;
  std::string_view text = {};
  int texts = 0;
};

// Counts the value that follows if it is a string with text in it.
void glance_text(JsonScanner& scan, Look& out) {
  JsonText text;
  if (!scan.read_if_text(text) || text.empty()) return;
  out.glance.visible = true;
  out.glance.visible_bytes += static_cast<int64_t>(text.inside.size());
  out.text = text.inside;
  ++out.texts;
}

void note_fragment(OpenAiGlance& out) {
  out.visible = true;
  out.visible_bytes += kBytesOfFragment;
}

void glance_parts(JsonScanner& scan, Look& out) {
  if (!scan.enter_if_array()) return;
  bool any = false;
  while (scan.next_item()) {
    any = true;
    if (!scan.skip_value()) return;
  }
  if (any) note_fragment(out.glance);
}

void glance_content(JsonScanner& scan, Look& out) {
  if (scan.peek() == '[') {
    glance_parts(scan, out);
  } else {
    glance_text(scan, out);
  }
}

void glance_delta(JsonScanner& scan, Look& out) {
  if (!scan.enter_if_object()) return;
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "content")) {
      glance_content(scan, out);
    } else if (is(key, "reasoning_content") || is(key, "reasoning") || is(key, "refusal")) {
      glance_text(scan, out);
    } else if (is(key, "tool_calls")) {
      glance_parts(scan, out);
    } else {
      if (is(key, "function_call") && scan.peek() == '{') note_fragment(out.glance);
      scan.skip_value();
    }
  }
}

contract::FinishReason finish_of(const JsonText& word) {
  if (word.escaped) return openai_wire::finish_of_word(word.text());
  return openai_wire::finish_of_word(word.inside);
}

void glance_choice(JsonScanner& scan, Look& out) {
  if (!scan.enter_if_object()) return;
  OpenAiGlance& glance = out.glance;
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "delta") || is(key, "message")) {
      glance_delta(scan, out);
    } else if (is(key, "finish_reason")) {
      if (!scan.read_if_text(glance.native_finish_reason)) continue;
      glance.finish_reason = finish_of(glance.native_finish_reason);
    } else {
      scan.skip_value();
    }
  }
}

void glance_choices(JsonScanner& scan, Look& out) {
  if (!scan.enter_if_array()) return;
  out.glance.choices_empty = true;
  while (scan.next_item()) {
    out.glance.choices_empty = false;
    glance_choice(scan, out);
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

using Count = std::optional<int64_t>;

Count* input_detail(std::string_view key, contract::Usage& usage) {
  if (is(key, "cached_tokens")) return &usage.cache_read_tokens;
  if (is(key, "cache_write_tokens")) return &usage.cache_write_tokens;
  if (is(key, "audio_tokens")) return &usage.audio_input_tokens;
  if (is(key, "image_tokens")) return &usage.image_input_tokens;
  return nullptr;
}

Count* output_detail(std::string_view key, contract::Usage& usage) {
  if (is(key, "reasoning_tokens")) return &usage.reasoning_tokens;
  if (is(key, "audio_tokens")) return &usage.audio_output_tokens;
  if (is(key, "accepted_prediction_tokens")) return &usage.accepted_prediction_tokens;
  if (is(key, "rejected_prediction_tokens")) return &usage.rejected_prediction_tokens;
  return nullptr;
}

// Reads the counts that `kDetailOf` names out of an object; other members are passed over.
template <Count* (*kDetailOf)(std::string_view, contract::Usage&)>
void glance_counts(JsonScanner& scan, std::string_view json, contract::Usage& out) {
  if (!scan.enter_if_object()) return;
  std::string_view key;
  while (scan.next_key(key)) {
    if (Count* detail = kDetailOf(key, out)) {
      const Count count = glance_count(scan, json);
      if (!*detail) *detail = count;
    } else {
      scan.skip_value();
    }
  }
}

// The same as openai_wire::usage_from_json, without a tree. The scanner has entered the object.
void glance_usage(JsonScanner& scan, std::string_view json, contract::Usage& out) {
  Count hits;  // DeepSeek and Moonshot count cached tokens beside the details
  Count cached;
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "prompt_tokens")) {
      out.input_tokens = glance_count(scan, json);
    } else if (is(key, "completion_tokens")) {
      out.output_tokens = glance_count(scan, json);
    } else if (is(key, "prompt_tokens_details")) {
      glance_counts<input_detail>(scan, json, out);
    } else if (is(key, "completion_tokens_details")) {
      glance_counts<output_detail>(scan, json, out);
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

Result<void> look_at(std::string_view json, Look& look) {
  OpenAiGlance& out = look.glance;
  JsonScanner scan(json);
  if (scan.peek() != '{') return fail(malformed_answer("not a JSON object"));
  scan.enter_object();
  std::string_view key;
  while (scan.next_key(key)) {
    if (is(key, "id")) {
      scan.read_if_text(out.id);
    } else if (is(key, "model")) {
      scan.read_if_text(out.model);
    } else if (is(key, "system_fingerprint")) {
      scan.read_if_text(out.system_fingerprint);
    } else if (is(key, "service_tier")) {
      scan.read_if_text(out.service_tier);
    } else if (is(key, "choices")) {
      glance_choices(scan, look);
    } else if (is(key, "usage")) {
      if (scan.enter_if_object()) glance_usage(scan, json, out.usage.emplace());
    } else if (is(key, "error")) {
      out.is_error = out.is_error || scan.peek() != 'n';
      scan.skip_value();
    } else if (is(key, "object") || is(key, "type")) {
      JsonText word;
      if (scan.read_if_text(word)) out.is_error = out.is_error || word == "error";
    } else {
      scan.skip_value();
    }
  }
  if (!scan.finish()) return fail(malformed_answer(scan.error().message));
  return {};
}

}  // namespace

Result<OpenAiGlance> glance_openai(std::string_view json) {
  Result<OpenAiGlance> out{ForOverwrite()};
  Look look{*out};
  if (Result<void> looked = look_at(json, look); !looked) {
    out = Failure(std::move(looked).error());
  }
  return out;
}

Result<OpenAiGlance> OpenAiChunks::look(std::string_view json) {
  Result<OpenAiGlance> out{ForOverwrite()};
  Look look{*out};
  if (Result<void> looked = look_at(json, look); !looked) {
    out = Failure(std::move(looked).error());
    return out;
  }
  const bool one_text =
      look.texts == 1 && out->visible_bytes == static_cast<int64_t>(look.text.size());
  last_.clear();
  const bool more = out->is_error || out->usage || !out->native_finish_reason.empty();
  if (one_text && !more) {
    last_ = json;
    text_begin_ = static_cast<size_t>(look.text.data() - json.data());
    text_end_ = text_begin_ + look.text.size();
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
