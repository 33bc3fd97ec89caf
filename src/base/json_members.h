#pragma once
// The members of a JSON object as text, put together one after another, for what is only printed:
// a tree costs two allocations a member, here one is an append.
//
// Values, no shared state. Keys are the program's own names: they must need no escape.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace drover {

class JsonMembers {
 public:
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, const std::string& value) { add(key, std::string_view(value)); }
  void add(std::string_view key, int64_t value);
  void add(std::string_view key, int value) { add(key, static_cast<int64_t>(value)); }
  void add(std::string_view key, bool value);
  void add(std::string_view key, const Json& value);

  void reserve(size_t bytes) { text_.reserve(bytes); }
  /// `"a":1,"b":"x"`, without the braces; a key that was added twice stands in it twice.
  const std::string& inside() const { return text_; }

 private:
  void add_raw(std::string_view key, std::string_view value, bool quoted);
  std::string text_;
};

}  // namespace drover
