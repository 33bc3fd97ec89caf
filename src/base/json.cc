#include "base/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text_find.h"

namespace drover {
namespace {

/// What a string may have to be put together on the stack.
constexpr size_t kShortString = 80;
/// Room that an object gets with its first member: saves the first steps of growing.
constexpr size_t kMembersUsual = 4;

void pretty_to(const Json& value, int depth, std::string& out) {
  auto indent = [&](int d) { out.append(static_cast<size_t>(d) * 2, ' '); };
  if (const Json::Array* items = value.array_items(); items != nullptr && !items->empty()) {
    out += "[\n";
    for (size_t i = 0; i < items->size(); ++i) {
      indent(depth + 1);
      pretty_to((*items)[i], depth + 1, out);
      out += i + 1 < items->size() ? ",\n" : "\n";
    }
    indent(depth);
    out += ']';
  } else if (const Json::Object* members = value.members();
             members != nullptr && !members->empty()) {
    out += "{\n";
    for (size_t i = 0; i < members->size(); ++i) {
      indent(depth + 1);
      append_json_string(out, (*members)[i].first);
      out += ": ";
      pretty_to((*members)[i].second, depth + 1, out);
      out += i + 1 < members->size() ? ",\n" : "\n";
    }
    indent(depth);
    out += '}';
  } else {
    value.dump_to(out);
  }
}

/// Equal, without a call for names of usual length: two words that overlap are all of one.
bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto words_equal = [&](auto word) {
    const size_t last = a.size() - sizeof word;
    const auto differ = [&](size_t at) {
      decltype(word) x;
      decltype(word) y;
      std::memcpy(&x, a.data() + at, sizeof x);
      std::memcpy(&y, b.data() + at, sizeof y);
      return x ^ y;
    };
    return (differ(0) | differ(last)) == 0;
  };
  if (a.size() > 16) return a == b;
  if (a.size() >= 8) return words_equal(uint64_t{});
  if (a.size() >= 4) return words_equal(uint32_t{});
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

/// A string that holds what must be escaped, or one that is long. Apart, so that the short ones do
/// not save registers for it.
[[gnu::noinline]] void append_long_string(std::string& out, std::string_view text) {
  out += '"';
  const char* clean_from = text.data();
  const char* end = clean_from + text.size();
  for (const char* p = find_json_special(clean_from, end); p < end;
       p = find_json_special(clean_from, end)) {
    unsigned char c = static_cast<unsigned char>(*p);
    out.append(clean_from, static_cast<size_t>(p - clean_from));
    clean_from = p + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default: {
        char buf[8];
        std::snprintf(buf, sizeof buf, "\\u%04x", c);
        out += buf;
      }
    }
  }
  out.append(clean_from, static_cast<size_t>(end - clean_from));
  out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  // Names, ids and words: one append.
  char piece[1 + kShortString + 1];
  if (text.size() <= kShortString && copy_json_clean(text.data(), text.size(), piece + 1)) {
    piece[0] = '"';
    piece[1 + text.size()] = '"';
    out.append(piece, text.size() + 2);
    return;
  }
  append_long_string(out, text);
}

Json::Json(double v) : Json() {
  if (!std::isfinite(v)) return;  // JSON has no infinities: null
  char buf[32];
  auto end = std::to_chars(buf, buf + sizeof buf, v).ptr;
  *this = Json(Number{std::string(buf, end)});
}

std::string_view Json::type_name() const {
  switch (type_) {
    case Type::kNull:
      return "null";
    case Type::kBool:
      return "boolean";
    case Type::kNumber:
      return "number";
    case Type::kString:
      return "string";
    case Type::kArray:
      return "array";
    case Type::kObject:
      return "object";
  }
  return "null";
}

std::optional<bool> Json::boolean() const {
  return is_bool() ? std::optional<bool>(flag_) : std::nullopt;
}

std::optional<int64_t> Json::integer() const {
  const Number* n = raw_number();
  if (n == nullptr) return std::nullopt;
  int64_t v = 0;
  const char* end = n->text.data() + n->text.size();
  auto [p, ec] = std::from_chars(n->text.data(), end, v);
  if (ec == std::errc() && p == end) return v;
  double d = std::strtod(n->text.c_str(), nullptr);
  if (std::floor(d) == d && std::fabs(d) < 9.0e15) return static_cast<int64_t>(d);
  return std::nullopt;
}

std::optional<double> Json::number() const {
  const Number* n = raw_number();
  if (n == nullptr) return std::nullopt;
  return std::strtod(n->text.c_str(), nullptr);
}

const Json* Json::find(std::string_view key) const {
  const Object* object = members();
  if (object == nullptr) return nullptr;
  for (const Member& m : *object) {
    if (same_name(m.first, key)) return &m.second;
  }
  return nullptr;
}
Json* Json::find(std::string_view key) {
  return const_cast<Json*>(static_cast<const Json*>(this)->find(key));
}

std::optional<std::string_view> Json::get_string(std::string_view key) const {
  const Json* v = find(key);
  const std::string* s = v == nullptr ? nullptr : v->string();
  return s == nullptr ? std::nullopt : std::optional<std::string_view>(*s);
}
std::string Json::get_text(std::string_view key) const {
  return std::string(get_string(key).value_or(""));
}
std::optional<int64_t> Json::get_int(std::string_view key) const {
  const Json* v = find(key);
  return v == nullptr ? std::nullopt : v->integer();
}
std::optional<bool> Json::get_bool(std::string_view key) const {
  const Json* v = find(key);
  return v == nullptr ? std::nullopt : v->boolean();
}
std::optional<double> Json::get_number(std::string_view key) const {
  const Json* v = find(key);
  return v == nullptr ? std::nullopt : v->number();
}

Json& Json::set(std::string_view key, Json value) & {
  if (is_null()) *this = object();
  if (!is_object()) return *this;
  if (Json* old = find(key)) {
    *old = std::move(value);
  } else {
    if (object_.empty()) object_.reserve(kMembersUsual);
    object_.emplace_back(key, std::move(value));
  }
  return *this;
}
Json&& Json::set(std::string_view key, Json value) && {
  set(key, std::move(value));
  return std::move(*this);
}

bool Json::erase(std::string_view key) {
  Object* object = members();
  return object != nullptr &&
         std::erase_if(*object, [&](const Member& m) { return m.first == key; }) > 0;
}

Json& Json::push(Json value) {
  if (is_null()) *this = array();
  if (Array* items = array_items()) items->push_back(std::move(value));
  return *this;
}

void Json::dump_to(std::string& out) const {
  switch (type_) {
    case Type::kNull:
      out += "null";
      break;
    case Type::kBool:
      out += flag_ ? "true" : "false";
      break;
    case Type::kNumber:
      out += number_.text;
      break;
    case Type::kString:
      append_json_string(out, string_);
      break;
    case Type::kArray: {
      out += '[';
      bool first = true;
      for (const Json& item : array_) {
        if (!first) out += ',';
        first = false;
        item.dump_to(out);
      }
      out += ']';
      break;
    }
    case Type::kObject: {
      out += '{';
      bool first = true;
      for (const Member& m : object_) {
        if (!first) out += ',';
        first = false;
        append_json_string(out, m.first);
        out += ':';
        m.second.dump_to(out);
      }
      out += '}';
    }
  }
}

std::string Json::dump() const {
  std::string out;
  out.reserve(256);  // most are smaller: growing to it step by step costs more
  dump_to(out);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  pretty_to(*this, 0, out);
  return out;
}

bool Json::same_value(const Json& other) const {
  if (type_ != other.type_) return false;
  if (const Number* a = raw_number()) {
    const Number* b = other.raw_number();
    if (a->text == b->text) return true;
    auto x = integer();
    auto y = other.integer();
    if (x && y) return *x == *y;
    return *number() == *other.number();
  }
  if (const Array* a = array_items()) {
    const Array* b = other.array_items();
    if (a->size() != b->size()) return false;
    for (size_t i = 0; i < a->size(); ++i) {
      if (!(*a)[i].same_value((*b)[i])) return false;
    }
    return true;
  }
  if (const Object* a = members()) {
    const Object* b = other.members();
    if (a->size() != b->size()) return false;
    for (const Member& m : *a) {
      const Json* peer = other.find(m.first);
      if (peer == nullptr || !m.second.same_value(*peer)) return false;
    }
    return true;
  }
  return *this == other;
}

}  // namespace drover
