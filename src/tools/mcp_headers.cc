#include "tools/mcp_headers.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "http/message.h"

namespace drover::tools::mcp {
namespace {

constexpr std::string_view kMark = "x-mcp-header";
constexpr std::string_view kOpen = "=?base64?";
constexpr std::string_view kClose = "?=";
/// Integers that every JSON reader holds exactly.
constexpr int64_t kSafeInteger = (int64_t{1} << 53) - 1;

Failure not_allowed(const std::string& why) {
  return fail(Code::kInvalidArgument, "x-mcp-header " + why);
}

class Reader {
 public:
  /// `reachable`: only by "properties" from the root, so that the value's place is known.
  Result<void> visit(const Json& schema, bool reachable) {
    if (schema.is_array()) {
      for (const Json& branch : *schema.array_items()) TRY_VOID(visit(branch, false));
      return {};
    }
    if (!schema.is_object()) return {};
    if (const Json* mark = schema.find(kMark)) TRY_VOID(take(schema, *mark, reachable));
    for (const Json::Member& keyword : *schema.members()) {
      if (keyword.first == "properties") {
        TRY_VOID(visit_properties(keyword.second, reachable));
      } else if (is_map(keyword.first)) {
        TRY_VOID(visit_map(keyword.second));
      } else if (is_schema(keyword.first)) {
        TRY_VOID(visit(keyword.second, false));
      }
    }
    return {};
  }
  std::vector<HeaderParam> found;

 private:
  static bool is_map(std::string_view key) {
    constexpr std::array<std::string_view, 4> kMaps = {"patternProperties", "dependentSchemas",
                                                       "$defs", "definitions"};
    return std::find(kMaps.begin(), kMaps.end(), key) != kMaps.end();
  }
  static bool is_schema(std::string_view key) {
    constexpr std::array<std::string_view, 13> kSchemas = {"items",
                                                           "prefixItems",
                                                           "contains",
                                                           "additionalProperties",
                                                           "unevaluatedProperties",
                                                           "unevaluatedItems",
                                                           "propertyNames",
                                                           "oneOf",
                                                           "anyOf",
                                                           "allOf",
                                                           "not",
                                                           "if",
                                                           "then"};
    return key == "else" || std::find(kSchemas.begin(), kSchemas.end(), key) != kSchemas.end();
  }
  Result<void> visit_properties(const Json& properties, bool reachable) {
    if (!properties.is_object()) return {};
    for (const Json::Member& m : *properties.members()) {
      path_.push_back(m.first);
      auto done = visit(m.second, reachable);
      path_.pop_back();
      TRY_VOID(std::move(done));
    }
    return {};
  }
  Result<void> visit_map(const Json& map) {
    if (!map.is_object()) return {};
    for (const Json::Member& m : *map.members()) TRY_VOID(visit(m.second, false));
    return {};
  }
  Result<void> take(const Json& schema, const Json& mark, bool reachable) {
    if (!reachable || path_.empty())
      return not_allowed("stands where no argument has a fixed place");
    if (mark.string() == nullptr || !http::is_token(*mark.string())) {
      return not_allowed("is not the name of a header");
    }
    auto type = schema.get_string("type");
    if (type != "string" && type != "integer" && type != "boolean") {
      return not_allowed("'" + *mark.string() + "' is not on a string, an integer or a boolean");
    }
    for (const HeaderParam& other : found) {
      if (iequals(other.name, *mark.string())) {
        return not_allowed("'" + *mark.string() + "' is used twice");
      }
    }
    HeaderParam param;
    param.path = path_;
    param.name = *mark.string();
    found.push_back(std::move(param));
    return {};
  }

  std::vector<std::string> path_;
};

bool text_of(const Json& value, std::string& out) {
  if (const std::string* text = value.string()) {
    out = *text;
  } else if (auto flag = value.boolean()) {
    out = *flag ? "true" : "false";
  } else if (auto number = value.integer(); number && std::abs(*number) <= kSafeInteger) {
    out = std::to_string(*number);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string header_value(std::string_view text) {
  bool plain = !text.empty() && trim(text).size() == text.size() &&
               !(text.starts_with(kOpen) && text.ends_with(kClose));
  for (char c : text) plain = plain && (c == '\t' || (c >= 0x20 && c <= 0x7e));
  if (plain) return std::string(text);
  return std::string(kOpen) + to_base64(text) + std::string(kClose);
}

Result<std::vector<HeaderParam>> header_params(const Json& schema) {
  Reader reader;
  TRY_VOID(reader.visit(schema, true));
  return std::move(reader.found);
}

std::vector<std::pair<std::string, std::string>> param_headers(
    const std::vector<HeaderParam>& params, const Json& arguments) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const HeaderParam& param : params) {
    const Json* value = &arguments;
    for (const std::string& member : param.path) {
      value = value == nullptr ? nullptr : value->find(member);
    }
    std::string text;
    if (value == nullptr || !text_of(*value, text)) continue;
    out.emplace_back("Mcp-Param-" + param.name, header_value(text));
  }
  return out;
}

}  // namespace drover::tools::mcp
