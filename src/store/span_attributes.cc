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
constexpr uint8_t kMoney = 253;

/// The most that an integer takes.
constexpr size_t kIntegerBytesMax = 1 + sizeof(int64_t);

/// Gives the place behind it.
char* put_integer(char* at, int64_t value) {
  SpanPutter out(at);
  if (value >= 0 && value <= kSmallIntegerMax) {
    out.number(static_cast<uint8_t>(kSmallInteger + value));
    return out.at();
  }
  // As many bytes as hold it and a bit for its sign; what is written behind them is nobody's.
  const auto size = static_cast<uint64_t>(value < 0 ? ~value : value);
  const size_t bytes = static_cast<size_t>(std::bit_width(size)) / 8 + 1;
  out.number(static_cast<uint8_t>(kInteger + bytes - 1));
  out.number(value);
  return at + 1 + bytes;
}

int64_t signed_of(std::string_view bytes) {
  if (bytes.empty()) return 0;  // there were too few
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  const size_t missing = 8 * (sizeof value - bytes.size());
  return static_cast<int64_t>(value << missing) >> missing;
}

bool is_integer(uint8_t first) { return first >= kSmallInteger && first < kFalse; }

/// An integer whose first byte was taken.
int64_t take_integer(SpanTaker& in, uint8_t first) {
  if (first < kInteger) return first - kSmallInteger;
  return signed_of(in.bytes(first - kInteger + 1u));
}

/// Takes money and appends it as JSON.
void append_money(SpanTaker& in, std::string& out) {
  const auto first = in.number<uint8_t>();
  if (!is_integer(first)) return in.fail();
  append_json_string(out, Money::from_pico_usd(take_integer(in, first)).usd());
}

/// Takes a value and appends it as JSON.
void append_value(SpanTaker& in, std::string& out) {
  const auto first = in.number<uint8_t>();
  if (first <= kShortTextMax || first == kLongText) {
    append_json_string(out, in.text_after(first));
  } else if (is_integer(first)) {
    out += Decimal(take_integer(in, first)).view();
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
  } else if (first == kMoney) {
    append_money(in, out);
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
  char* const at = bytes_.room(2 + value.size());
  at[0] = static_cast<char>(code);
  at[1] = static_cast<char>(value.size());
  bytes_.end_at(copy_text(at + 2, value));
}

void SpanAttributes::put_long(uint8_t code, std::string_view value) {
  SpanPutter out(bytes_.room(1 + packed_text_size(value.size())));
  out.number(code);
  out.text(value);
  bytes_.end_at(out.at());
}

void SpanAttributes::put(uint8_t code, int64_t value) {
  char* const at = bytes_.room(1 + kIntegerBytesMax);
  at[0] = static_cast<char>(code);
  bytes_.end_at(put_integer(at + 1, value));
}

void SpanAttributes::put(uint8_t code, bool value) {
  SpanPutter out(bytes_.room(2));
  out.number(code);
  out.number(value ? kTrue : kFalse);
  bytes_.end_at(out.at());
}

void SpanAttributes::put(uint8_t code, Money value) {
  const auto pico_usd = static_cast<int64_t>(value.pico_usd());
  // More than nine million dollars.
  if (pico_usd != value.pico_usd()) return put(code, value.usd());
  char* const at = bytes_.room(2 + kIntegerBytesMax);
  at[0] = static_cast<char>(code);
  at[1] = static_cast<char>(kMoney);
  bytes_.end_at(put_integer(at + 2, pico_usd));
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
  SpanPutter out(bytes_.room(size));
  out.number(code);
  out.number(kTexts);
  out.number(static_cast<uint8_t>(texts.size()));
  for (std::string_view text : texts) out.text(text);
  bytes_.end_at(out.at());
}

void SpanAttributes::put_json(uint8_t code, std::string_view json) {
  SpanPutter out(bytes_.room(2 + packed_text_size(json.size())));
  out.number(code);
  out.number(kJson);
  out.text(json);
  bytes_.end_at(out.at());
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
