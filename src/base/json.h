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

  Json() : flag_(false) {}  // null
  Json(std::nullptr_t) : Json() {}
  Json(bool v) : type_(Type::kBool), flag_(v) {}
  Json(int v) : Json(static_cast<int64_t>(v)) {}
  Json(unsigned v) : Json(static_cast<uint64_t>(v)) {}
  Json(int64_t v) : Json(Number{std::to_string(v)}) {}
  Json(uint64_t v) : Json(Number{std::to_string(v)}) {}
  Json(double v);
  Json(const char* v) : Json(std::string_view(v)) {}
  Json(std::string_view v) : type_(Type::kString), string_(v) {}
  Json(std::string v) : type_(Type::kString), string_(std::move(v)) {}
  Json(Array v) : type_(Type::kArray), array_(std::move(v)) {}
  Json(Object v) : type_(Type::kObject), object_(std::move(v)) {}
  Json(Number v) : type_(Type::kNumber), number_(std::move(v)) {}

  Json(const Json& other);
  /// `other` keeps its type and, if it is not plain, is empty.
  Json(Json&& other) noexcept {
    if (other.is_plain()) {
      type_ = other.type_;
      flag_ = other.flag_;
    } else {
      take(std::move(other));
    }
  }
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json() {
    if (!is_plain()) destroy();
  }

  static Json object() { return Json(Object{}); }
  /// An empty one with room for so many members.
  static Json object(size_t members) {
    Object out;
    out.reserve(members);
    return Json(std::move(out));
  }
  static Json array() { return Json(Array{}); }

  /// Parses one document; trailing text is an error. The message names the byte offset.
  static Result<Json> parse(std::string_view text);

  bool is_null() const { return type_ == Type::kNull; }
  bool is_bool() const { return type_ == Type::kBool; }
  bool is_number() const { return type_ == Type::kNumber; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_array() const { return type_ == Type::kArray; }
  bool is_object() const { return type_ == Type::kObject; }
  /// "null", "boolean", "number", "string", "array" or "object", for messages.
  std::string_view type_name() const;

  // Typed views; null pointer or nullopt when the value is of another type.
  const std::string* string() const { return is_string() ? &string_ : nullptr; }
  std::string* string() { return is_string() ? &string_ : nullptr; }
  std::optional<bool> boolean() const;
  /// The number as an integer, if it is one that fits ("3", "3.0" and "3e0" do; "3.5" does not).
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;
  const Number* raw_number() const { return is_number() ? &number_ : nullptr; }
  const Array* array_items() const { return is_array() ? &array_ : nullptr; }
  Array* array_items() { return is_array() ? &array_ : nullptr; }
  const Object* members() const { return is_object() ? &object_ : nullptr; }
  Object* members() { return is_object() ? &object_ : nullptr; }

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
  Json& set(std::string_view key, Json value) &;
  Json&& set(std::string_view key, Json value) &&;
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
  bool operator==(const Json& other) const;

 private:
  // Trees are moved and destroyed more often than looked at, mostly when nothing is left in them:
  // a variant, whose every step is a call by a table, costs there several times as much.
  enum class Type : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

  bool is_plain() const { return type_ <= Type::kBool; }
  /// Becomes what `other` is. REQUIRES: there is no value here, and one there that is not plain.
  void take(Json&& other) noexcept;
  void destroy() noexcept;

  Type type_ = Type::kNull;
  union {
    bool flag_;  // false for null
    Number number_;
    std::string string_;
    Array array_;
    Object object_;
  };
};

/// Appends `text` as a JSON string with quotes and the shortest legal escapes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace drover
