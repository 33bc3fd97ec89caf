#include "store/span_attributes.h"

#include <bit>

#include "base/assert.h"
#include "base/decimal.h"
#include "store/span_bytes.h"

namespace drover::store {
namespace {

// In the place of a name's code.
constexpr uint8_t kNamedBefore = 0;
constexpr uint8_t kNamesNext = 255;

// The first bytes of values that are no texts (store/span_bytes.h).
constexpr uint8_t kSmallInteger = 128;
constexpr int64_t kSmallIntegerMax = 111;
constexpr uint8_t kInteger = 240;
constexpr uint8_t kFalse = 248;
constexpr uint8_t kTrue = 249;
constexpr uint8_t kTexts = 251;
constexpr uint8_t kJson = 252;

int64_t signed_of(std::string_view bytes) {
  if (bytes.empty()) return 0;  // there were too few
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  const size_t missing = 8 * (sizeof value - bytes.size());
  return static_cast<int64_t>(value << missing) >> missing;
}

/// Takes a value and appends it as JSON.
void append_value(SpanTaker& in, std::string& out) {
  const auto first = in.number<uint8_t>();
  if (first <= kShortTextMax || first == kLongText) {
    append_json_string(out, in.text_after(first));
  } else if (first < kInteger) {
    out += Decimal(first - kSmallInteger).view();
  } else if (first < kFalse) {
    out += Decimal(signed_of(in.bytes(first - kInteger + 1u))).view();
  } else if (first == kFalse || first == kTrue) {
    out += first == kTrue ? "true" : "false";
  } else if (first == kTexts) {
    out += '[';
    for (size_t left = in.number<uint8_t>(); left > 0; --left) {
      append_json_string(out, in.text());
      if (left > 1) out += ',';
    }
    out += ']';
  } else if (first == kJson) {
    out += in.text();
  } else {
    in.fail();
  }
}

/// Takes the name of the next attribute.
std::string take_name(SpanTaker& in) {
  auto code = in.number<uint8_t>();
  if (code != kNamesNext) {
    if (code == kNamedBefore) in.fail();
    // A newer program knows its name. It is no damage: what is damaged may be written anew without.
    if (code > std::size(kAttributeNames)) return "attribute." + std::string(Decimal(code).view());
    return code == kNamedBefore ? std::string()
                                : std::string(std::string_view(AttributeName{code}));
  }
  std::string name(in.text());
  if (in.number<uint8_t>() != kNamedBefore) in.fail();
  return name;
}

/// The members as JSON; nothing if the bytes are not what SpanAttributes writes.
std::optional<std::string> members_of(std::string_view bytes) {
  std::string out;
  out.reserve(4 * bytes.size());  // as a rule; names are longer than their codes
  for (SpanTaker in(bytes); !in.empty();) {
    if (!out.empty()) out += ',';
    append_json_string(out, take_name(in));
    out += ':';
    append_value(in, out);
    if (in.failed()) return std::nullopt;
  }
  return out;
}

}  // namespace

SpanAttributes::SpanAttributes(const Json& object) {
  const Json::Object* members = object.members();
  if (members == nullptr) return;
  for (const auto& [name, value] : *members) {
    const uint8_t code = attribute_code(name);
    put(code != 0 ? code : code_of(name), value);
  }
}

std::optional<SpanAttributes> SpanAttributes::from_bytes(std::string_view bytes) {
  const std::optional<std::string> members = members_of(bytes);
  // A text may be no UTF-8, what is called JSON may be none.
  if (!members || !Json::parse("{" + *members + "}")) return std::nullopt;
  SpanAttributes out;
  out.bytes_.append(bytes);
  return out;
}

uint8_t SpanAttributes::code_of(std::string_view written_out) {
  put(kNamesNext, written_out);
  return kNamedBefore;
}

void SpanAttributes::put(uint8_t code, std::string_view value) {
  if (value.size() > kShortTextMax) return put_long(code, value);
  char* out = bytes_.extend(2 + value.size());
  out[0] = static_cast<char>(code);
  out[1] = static_cast<char>(value.size());
  copy_text(out + 2, value);
}

void SpanAttributes::put_long(uint8_t code, std::string_view value) {
  SpanPutter out(bytes_.extend(1 + packed_text_size(value.size())));
  out.number(code);
  out.text(value);
}

void SpanAttributes::put(uint8_t code, int64_t value) {
  if (value >= 0 && value <= kSmallIntegerMax) {
    SpanPutter out(bytes_.extend(2));
    out.number(code);
    out.number(static_cast<uint8_t>(kSmallInteger + value));
    return;
  }
  // As many bytes as hold it and a bit for its sign.
  const auto size = static_cast<uint64_t>(value < 0 ? ~value : value);
  const size_t bytes = static_cast<size_t>(std::bit_width(size)) / 8 + 1;
  const size_t before = bytes_.size();
  SpanPutter out(bytes_.extend(2 + sizeof value));
  out.number(code);
  out.number(static_cast<uint8_t>(kInteger + bytes - 1));
  out.number(value);
  bytes_.cut(before + 2 + bytes);
}

void SpanAttributes::put(uint8_t code, bool value) {
  SpanPutter out(bytes_.extend(2));
  out.number(code);
  out.number(value ? kTrue : kFalse);
}

void SpanAttributes::put(uint8_t code, const Json& value) {
  if (const std::string* text = value.string()) {
    put(code, *text);
  } else if (std::optional<bool> flag = value.boolean()) {
    put(code, *flag);
  } else if (std::optional<int64_t> n = value.integer();
             n && value.raw_number()->text == Decimal(*n).view()) {
    put(code, *n);
  } else {
    put_json(code, value.dump());
  }
}

void SpanAttributes::put(uint8_t code, std::span<const std::string_view> texts) {
  if (texts.size() > 255) {
    put_json(code, Json(Json::Array(texts.begin(), texts.end())).dump());
    return;
  }
  size_t size = 3;
  for (std::string_view text : texts) size += packed_text_size(text.size());
  SpanPutter out(bytes_.extend(size));
  out.number(code);
  out.number(kTexts);
  out.number(static_cast<uint8_t>(texts.size()));
  for (std::string_view text : texts) out.text(text);
}

void SpanAttributes::put_json(uint8_t code, std::string_view json) {
  SpanPutter out(bytes_.extend(2 + packed_text_size(json.size())));
  out.number(code);
  out.number(kJson);
  out.text(json);
}

std::string SpanAttributes::inside() const {
  std::optional<std::string> out = members_of(bytes());
  // What was put together or checked here adds up.
  DROVER_ASSERT(out.has_value());
  return std::move(*out);
}

Json SpanAttributes::json() const {
  Result<Json> parsed = Json::parse("{" + inside() + "}");
  DROVER_ASSERT(parsed.has_value());
  return std::move(*parsed);
}

}  // namespace drover::store
