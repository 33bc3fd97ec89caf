// The one file that includes simdjson's document parser for whole trees.
#include <simdjson.h>

#include <algorithm>

#include "base/json.h"
#include "base/limits/json.h"

namespace drover {
namespace {

namespace od = simdjson::ondemand;

// JSON's own grammar for numbers (RFC 8259 section 6): simdjson refuses integers beyond 64 bits,
// which we carry as text.
bool is_number_text(std::string_view t) {
  size_t i = 0;
  auto digit = [&] { return i < t.size() && t[i] >= '0' && t[i] <= '9'; };
  if (i < t.size() && t[i] == '-') ++i;
  if (!digit()) return false;
  if (t[i] == '0') {
    ++i;
  } else {
    while (digit()) ++i;
  }
  if (i < t.size() && t[i] == '.') {
    ++i;
    if (!digit()) return false;
    while (digit()) ++i;
  }
  if (i < t.size() && (t[i] == 'e' || t[i] == 'E')) {
    ++i;
    if (i < t.size() && (t[i] == '+' || t[i] == '-')) ++i;
    if (!digit()) return false;
    while (digit()) ++i;
  }
  return i == t.size();
}

std::string_view strip(std::string_view t) {
  while (!t.empty() &&
         (t.back() == ' ' || t.back() == '\n' || t.back() == '\r' || t.back() == '\t'))
    t.remove_suffix(1);
  return t;
}

class TreeBuilder {
 public:
  template <typename Value>
  simdjson::error_code build(Value& value, Json& out, int depth) {
    od::json_type type{};
    if (auto e = value.type().get(type)) return e;
    const bool holds = type == od::json_type::object || type == od::json_type::array;
    if (holds && depth > limits::kJsonDepthMax) return simdjson::DEPTH_ERROR;
    switch (type) {
      case od::json_type::object:
        return build_object(value, out, depth);
      case od::json_type::array:
        return build_array(value, out, depth);
      case od::json_type::string: {
        std::string_view text;
        if (auto e = value.get_string().get(text)) return e;
        out = Json(text);
        return simdjson::SUCCESS;
      }
      case od::json_type::number: {
        std::string_view text = raw(value);
        if (!is_number_text(text)) return simdjson::NUMBER_ERROR;
        out = Json(Json::Number{std::string(text)});
        return skip_scalar(value);
      }
      case od::json_type::boolean: {
        bool flag = false;
        if (auto e = value.get_bool().get(flag)) return e;
        out = Json(flag);
        return simdjson::SUCCESS;
      }
      case od::json_type::null: {
        if (!is_null(value)) return simdjson::N_ATOM_ERROR;
        out = Json();
        return simdjson::SUCCESS;
      }
    }
    return simdjson::INCORRECT_TYPE;
  }

 private:
  static std::string_view raw(od::value& v) { return strip(v.raw_json_token()); }
  static bool is_null(od::value& v) {
    bool null = false;
    return v.is_null().get(null) == simdjson::SUCCESS && null;
  }
  // A number's token was taken as text; step over it without its 64-bit limits.
  static simdjson::error_code skip_scalar(od::value& v) {
    double ignored = 0;
    return v.get_double().get(ignored);
  }

  template <typename Value>
  simdjson::error_code build_object(Value& value, Json& out, int depth) {
    od::object object;
    if (auto e = value.get_object().get(object)) return e;
    Json::Object members;
    members.reserve(4);  // saves the first steps of growing
    for (auto item : object) {
      od::field field;
      if (auto e = std::move(item).get(field)) return e;
      std::string_view key;
      if (auto e = field.unescaped_key().get(key)) return e;
      members.emplace_back(key, Json());
      od::value child = field.value();
      if (auto e = build(child, members.back().second, depth + 1)) return e;
    }
    out = Json(std::move(members));
    return simdjson::SUCCESS;
  }

  template <typename Value>
  simdjson::error_code build_array(Value& value, Json& out, int depth) {
    od::array array;
    if (auto e = value.get_array().get(array)) return e;
    Json::Array items;
    for (auto item : array) {
      od::value child;
      if (auto e = std::move(item).get(child)) return e;
      items.emplace_back();
      if (auto e = build(child, items.back(), depth + 1)) return e;
    }
    out = Json(std::move(items));
    return simdjson::SUCCESS;
  }
};

od::parser& thread_parser() {
  thread_local od::parser parser(limits::kJsonBytesMax + 64);
  return parser;
}

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  if (text.size() > limits::kJsonBytesMax) {
    return fail(Code::kInvalidArgument, "JSON of " + std::to_string(text.size()) +
                                            " bytes is larger than the limit of " +
                                            std::to_string(limits::kJsonBytesMax));
  }
  // A scalar document is read as the one item of an array: one code path, the same strictness.
  simdjson::padded_string padded(text.size() + 2);
  padded.data()[0] = '[';
  std::copy(text.begin(), text.end(), padded.data() + 1);
  padded.data()[text.size() + 1] = ']';
  od::document doc;
  Json tree;
  size_t offset = 0;
  simdjson::error_code error = thread_parser().iterate(padded).get(doc);
  if (!error) {
    od::value root;
    error = doc.get_value().get(root);
    if (!error) error = TreeBuilder().build(root, tree, 0);
    const char* where = nullptr;
    if (!error && doc.current_location().get(where) == simdjson::SUCCESS) {
      error = simdjson::TRAILING_CONTENT;
    }
    if (error && doc.current_location().get(where) == simdjson::SUCCESS && where != nullptr) {
      offset = static_cast<size_t>(where - padded.data());
      if (offset > 0) --offset;
    }
  }
  if (!error) {
    Array* items = tree.array_items();
    if (items != nullptr && items->size() == 1) return std::move(items->front());
    error = items != nullptr && items->empty() ? simdjson::EMPTY : simdjson::TRAILING_CONTENT;
  }
  std::string message = "not valid JSON near byte " + std::to_string(offset) + ": ";
  message += simdjson::error_message(error);
  return fail(Code::kInvalidArgument, std::move(message));
}

}  // namespace drover
