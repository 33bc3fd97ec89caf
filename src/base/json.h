#pragma once
// JSON as a small document tree that keeps what it read: member order, duplicate members, and the
// exact text of numbers, so that a document which is parsed and written again keeps its meaning
// and unknown fields survive. Parsing is by simdjson (json_parse.cc is the one file that includes
// it). For hot paths that look at a few fields of a large body use json_scan.h instead; to produce
// JSON without a tree use JsonWriter (json_writer.h).
//
// Limits: limits::kJsonDepthMax levels, limits::kJsonBytesMax bytes. Input must be UTF-8.
// Values, no shared state; a reference into a tree lives as long as the tree is not changed.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits/json.h"
#include "base/result.h"

namespace drover {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;
  /// A number as its source text ("1.50", "18446744073709551616").
  struct Number {
    std::string text;
    bool operator==(const Number&) const = default;
  };

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool v) : value_(v) {}
  Json(int v) : Json(static_cast<int64_t>(v)) {}
  Json(unsigned v) : Json(static_cast<uint64_t>(v)) {}
  Json(int64_t v) : value_(Number{std::to_string(v)}) {}
  Json(uint64_t v) : value_(Number{std::to_string(v)}) {}
  Json(double v);
  Json(const char* v) : value_(std::string(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}
  Json(Number v) : value_(std::move(v)) {}

  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  /// Parses one document; trailing text is an error. The message names the byte offset.
  static Result<Json> parse(std::string_view text);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const { return std::holds_alternative<Number>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  /// "null", "boolean", "number", "string", "array" or "object", for messages.
  std::string_view type_name() const;

  // Typed views; null pointer or nullopt when the value is of another type.
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  std::string* string() { return std::get_if<std::string>(&value_); }
  std::optional<bool> boolean() const;
  /// The number as an integer, if it is one that fits ("3", "3.0" and "3e0" do; "3.5" does not).
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;
  const Number* raw_number() const { return std::get_if<Number>(&value_); }
  const Array* array_items() const { return std::get_if<Array>(&value_); }
  Array* array_items() { return std::get_if<Array>(&value_); }
  const Object* members() const { return std::get_if<Object>(&value_); }
  Object* members() { return std::get_if<Object>(&value_); }

  // Object access. On anything but an object find() returns nullptr.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  /// Walks nested objects: at("usage", "prompt_tokens").
  template <typename... Rest>
  const Json* at(std::string_view key, Rest... rest) const {
    const Json* next = find(key);
    if constexpr (sizeof...(rest) == 0) {
      return next;
    } else {
      return next == nullptr ? nullptr : next->at(rest...);
    }
  }
  /// The member as a string / integer / bool / number; nullopt if absent or of another type.
  std::optional<std::string_view> get_string(std::string_view key) const;
  /// The member's text; empty if absent or of another type.
  std::string get_text(std::string_view key) const;
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<double> get_number(std::string_view key) const;

  /// Sets or appends a member (turns null into an object). Returns *this for chaining.
  Json& set(std::string key, Json value) &;
  Json&& set(std::string key, Json value) &&;
  /// Removes all members of that name; true if there was one.
  bool erase(std::string_view key);
  /// Appends to an array (turns null into an array).
  Json& push(Json value);

  /// Compact text; members in their order, strings with the shortest legal escapes.
  std::string dump() const;
  void dump_to(std::string& out) const;
  /// Indented by two spaces, for people.
  std::string pretty() const;

  /// Same JSON value: objects without regard to member order, numbers by value.
  bool same_value(const Json& other) const;
  /// Same tree: order and number text included.
  bool operator==(const Json& other) const = default;

 private:
  std::variant<std::monostate, bool, Number, std::string, Array, Object> value_;
};

/// Appends `text` as a JSON string with quotes and the shortest legal escapes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace drover
