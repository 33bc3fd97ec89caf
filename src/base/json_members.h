#pragma once
// The members of a JSON object as text, put together one after another: for what is written often
// and read seldom. A tree costs two allocations a member and is
// then only printed; here a member is one append.
//
// Values, no shared state. Keys are the program's own names: they must need no escape.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace drover {

class JsonMembers {
 public:
  JsonMembers() = default;
  /// The members of an object; of anything else there are none.
  JsonMembers(const Json& object);

  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, const std::string& value) { add(key, std::string_view(value)); }
  void add(std::string_view key, int64_t value);
  void add(std::string_view key, int value) { add(key, static_cast<int64_t>(value)); }
  void add(std::string_view key, bool value);
  void add(std::string_view key, double value) { add(key, Json(value)); }
  void add(std::string_view key, const Json& value);
  /// An array of texts.
  void add(std::string_view key, std::span<const std::string_view> texts);

  void reserve(size_t bytes) { text_.reserve(bytes); }
  bool empty() const { return text_.empty(); }
  /// `"a":1,"b":"x"`, without the braces.
  const std::string& inside() const { return text_; }
  /// The object; a key that was added twice stands in it twice.
  Json json() const;

  bool operator==(const JsonMembers&) const = default;

 private:
  void add_raw(std::string_view key, std::string_view value, bool quoted);
  std::string text_;
};

}  // namespace drover
