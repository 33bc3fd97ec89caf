#include "dialect/openai_scan.h"

#include <algorithm>
#include <utility>

#include "base/json_scan.h"
#include "dialect/openai_wire.h"

namespace drover::dialect {
namespace {

Failure bad_body(std::string message, const char* reason) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason(reason));
}

Failure bad_json(const JsonScanner& scan) {
  return bad_body("the body is " + scan.error().message, "invalid_json");
}

// The fields we operate on. Standing twice they would mean one thing to us and another to the
// server behind, so that is refused.
enum Field : unsigned {
  kModel = 1,
  kMessages = 2,
  kStream = 4,
  kStreamOptions = 8,
  kMaxTokens = 16,
  kMaxCompletionTokens = 32,
  kN = 64,
  kUser = 128,
  kServiceTier = 256,
};

unsigned field_of(std::string_view key) {
  switch (key.size()) {
    case 1:
      return key == "n" ? kN : 0;
    case 4:
      return key == "user" ? kUser : 0;
    case 5:
      return key == "model" ? kModel : 0;
    case 6:
      return key == "stream" ? kStream : 0;
    case 8:
      return key == "messages" ? kMessages : 0;
    case 10:
      return key == "max_tokens" ? kMaxTokens : 0;
    case 12:
      return key == "service_tier" ? kServiceTier : 0;
    case 14:
      return key == "stream_options" ? kStreamOptions : 0;
    case 21:
      return key == "max_completion_tokens" ? kMaxCompletionTokens : 0;
    default:
      return 0;
  }
}

void scan_messages(JsonScanner& scan, OpenAiScan& out, const char*& wrong) {
  if (!scan.enter_if_array()) {
    wrong = "messages must be an array";
    return;
  }
  while (scan.next_item()) {
    if (scan.peek() != '{') {
      wrong = "messages must hold objects";
      return;
    }
    if (!scan.skip_object()) return;
    ++out.messages;
  }
  if (!scan.failed() && out.messages == 0) wrong = "messages must not be empty";
}

void scan_stream_options(JsonScanner& scan, OpenAiScan& out, const char*& wrong) {
  char c = scan.peek();
  out.has_stream_options = true;
  out.stream_options_begin = scan.offset();
  if (c == 'n') {
    scan.skip_value();
  } else if (c == '{') {
    scan.enter_object();
    std::string_view key;
    bool seen = false;
    while (scan.next_key(key)) {
      if (key != "include_usage") {
        scan.skip_value();
        continue;
      }
      if (std::exchange(seen, true)) {
        wrong = "stream_options.include_usage stands twice";
        return;
      }
      char first = scan.peek();
      if (first != 't' && first != 'f' && first != 'n') {
        wrong = "stream_options.include_usage must be a boolean";
        return;
      }
      out.include_usage = first == 't';
      scan.skip_value();
    }
  } else {
    wrong = "stream_options must be an object";
    return;
  }
  out.stream_options_end = scan.offset();
}

// Reads the value of one of our fields; `wrong` says what is wrong with its type.
void scan_field(JsonScanner& scan, unsigned field, OpenAiScan& out, const char*& wrong) {
  char c = scan.peek();
  switch (field) {
    case kModel:
      if (c != '"') {
        wrong = "model must be a string";
        return;
      }
      out.model_begin = scan.offset();
      if (JsonText model; scan.read_if_text(model)) model.copy_to(out.model);
      out.model_end = scan.offset();
      return;
    case kMessages:
      scan_messages(scan, out, wrong);
      return;
    case kStreamOptions:
      scan_stream_options(scan, out, wrong);
      return;
    case kStream: {
      if (c != 't' && c != 'f' && c != 'n') {
        wrong = "stream must be a boolean";
        return;
      }
      out.stream = c == 't';
      scan.skip_value();
      return;
    }
    case kUser: {
      if (c != '"' && c != 'n') {
        wrong = "user must be a string";
        return;
      }
      scan.skip_value();
      return;
    }
    case kServiceTier: {
      if (c != '"' && c != 'n') {
        wrong = "service_tier must be a string";
        return;
      }
      std::optional<std::string> tier;
      out.has_service_tier = true;
      if (scan.read_optional_string(tier)) out.service_tier = std::move(tier).value_or("");
      return;
    }
    default: {
      std::optional<int64_t> number;
      if (!scan.read_int(number)) {
        wrong = field == kN ? "n must be an integer" : "max_tokens must be an integer";
      } else if (field == kN) {
        out.n = number;
      } else if (number && out.max_tokens) {
        wrong = "max_tokens and max_completion_tokens exclude each other";
      } else if (number) {
        out.max_tokens = number;
      }
    }
  }
}

bool wants_usage(const OpenAiScan& scan, bool ask_usage) {
  return ask_usage && scan.stream && !scan.include_usage;
}

bool wants_tier(const OpenAiScan& scan, std::string_view tier) {
  return !tier.empty() && !scan.has_service_tier;
}

Result<void> scan_body(std::string_view body, OpenAiScan& out) {
  if (!is_utf8_fast(body)) return bad_body("the body is not valid UTF-8", "invalid_json");
  JsonScanner scan(body);
  if (scan.peek() != '{') {
    JsonScanner whole(body);
    bool json = whole.skip_value() && whole.finish().has_value();
    if (json) return bad_body("the body must be a JSON object", "invalid_type");
    return bad_json(whole);
  }
  scan.enter_object();
  unsigned seen = 0;
  std::string_view key;
  const char* wrong = nullptr;
  while (scan.next_key(key)) {
    unsigned field = field_of(key);
    if (field == 0) {
      scan.skip_value();
      continue;
    }
    if ((seen & field) != 0) return bad_body(std::string(key) + " stands twice", "invalid_value");
    seen |= field;
    scan_field(scan, field, out, wrong);
    if (wrong != nullptr) return bad_body(wrong, "invalid_type");
  }
  if (!scan.finish()) return bad_json(scan);
  if ((seen & kModel) == 0) return bad_body("model is required", "missing_field");
  if ((seen & kMessages) == 0) return bad_body("messages is required", "missing_field");
  return {};
}

}  // namespace

Result<OpenAiScan> scan_openai_request(std::string_view body) {
  Result<OpenAiScan> out{ForOverwrite()};
  if (Result<void> scanned = scan_body(body, *out); !scanned) {
    out = Failure(std::move(scanned).error());
  }
  return out;
}

bool stays_as_it_came(const OpenAiScan& scan, std::string_view model, bool ask_usage,
                      std::string_view tier) {
  return !wants_usage(scan, ask_usage) && !wants_tier(scan, tier) && model == scan.model;
}

std::string splice_openai_request(std::string_view body, const OpenAiScan& scan,
                                  std::string_view model, bool ask_usage, std::string_view tier) {
  struct Edit {
    size_t begin;
    size_t end;
    std::string text;
  };
  Edit edits[3];
  size_t count = 0;
  std::string first;  // members that are put before all others
  const bool ask = wants_usage(scan, ask_usage);
  if (ask && scan.has_stream_options) {
    std::string_view old =
        body.substr(scan.stream_options_begin, scan.stream_options_end - scan.stream_options_begin);
    Json options = Json::parse(old).value_or(Json());
    options.set("include_usage", true);
    edits[count++] = Edit{scan.stream_options_begin, scan.stream_options_end, options.dump()};
  } else if (ask) {
    first = "\"stream_options\":{\"include_usage\":true},";
  }
  if (wants_tier(scan, tier)) {
    first += "\"service_tier\":";
    append_json_string(first, tier);
    first += ',';
  }
  if (!first.empty()) {
    size_t at = body.find('{') + 1;
    edits[count++] = Edit{at, at, std::move(first)};
  }
  if (model != scan.model) {
    std::string name;
    append_json_string(name, model);
    edits[count++] = Edit{scan.model_begin, scan.model_end, std::move(name)};
  }
  std::sort(edits, edits + count, [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  std::string out;
  out.reserve(body.size() + model.size() + 64);
  size_t from = 0;
  for (size_t i = 0; i < count; ++i) {
    out.append(body, from, edits[i].begin - from);
    out += edits[i].text;
    from = edits[i].end;
  }
  out.append(body, from);
  return out;
}

}  // namespace drover::dialect
