#pragma once
// The attributes of a span, in the order in which they were set, as the bytes that the store keeps:
// written with every model call and seldom read. The JSON is made when somebody reads.
//
// An attribute is the code of its name (store/attribute_names.h) and its value. A name that has no
// code comes first, as an attribute of code 255 whose value is that name; what it names has code 0.
// A value begins with a byte:
//   0 to 127     a text of so many bytes
//   128 to 239   the integer 0 to 111
//   240 to 247   an integer in 1 to 8 bytes, little-endian, in two's complement
//   248, 249     false, true
//   250          a text of more bytes: their number (32 bits) follows
//   251          texts: their number (a byte) and they follow
//   252          anything else: its JSON follows, as a text
//   253          money: an integer follows, of pico-dollars; read as the text of its dollars
// Texts are as they were given; they are escaped when they are read.
//
// Bytes from elsewhere are checked before they are taken (from_bytes). Values, no shared state.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/money.h"
#include "base/short_bytes.h"
#include "store/attribute_names.h"

namespace drover::store {

class SpanAttributes {
 public:
  SpanAttributes() = default;
  /// The members of an object; of anything else there are none.
  SpanAttributes(const Json& object);
  /// What bytes() gave, from wherever it was kept; nothing if it does not add up.
  static std::optional<SpanAttributes> from_bytes(std::string_view bytes);

  /// `name` is an AttributeName or, written out, a text; `value` a text, an integer, a boolean, a
  /// double, money, Json, or a span of texts.
  template <typename Name, typename T>
  void add(const Name& name, const T& value) {
    put(code_of(name), value);
  }

  bool empty() const { return bytes_.size() == 0; }
  std::string_view bytes() const { return bytes_.view(); }
  /// As the members of a JSON object, without the braces: `"a":1,"b":"x"`.
  std::string inside() const;
  /// The object; a name that was set twice stands in it twice.
  Json json() const;

  bool operator==(const SpanAttributes& other) const { return bytes() == other.bytes(); }

 private:
  static uint8_t code_of(AttributeName name) { return name.code; }
  uint8_t code_of(std::string_view written_out);
  void put(uint8_t code, std::string_view value);
  [[gnu::noinline]] void put_long(uint8_t code, std::string_view value);
  void put(uint8_t code, const char* value) { put(code, std::string_view(value)); }
  void put(uint8_t code, const std::string& value) { put(code, std::string_view(value)); }
  void put(uint8_t code, int64_t value);
  void put(uint8_t code, int value) { put(code, static_cast<int64_t>(value)); }
  void put(uint8_t code, bool value);
  void put(uint8_t code, double value) { put_json(code, Json(value).dump()); }
  void put(uint8_t code, Money value);
  void put(uint8_t code, const Json& value);
  void put(uint8_t code, std::span<const std::string_view> texts);
  void put_json(uint8_t code, std::string_view json);

  /// In place, all that a call says as a rule.
  ShortBytes<232> bytes_;
};

}  // namespace drover::store
