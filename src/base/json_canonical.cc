#include "base/json_canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace drover {
namespace {

void append_number(const Json& value, std::string& out) {
  const std::string& text = value.raw_number()->text;
  bool digits = text.find_first_not_of("-0123456789") == std::string::npos;
  if (std::optional<int64_t> whole = value.integer()) {
    out += std::to_string(*whole);
  } else if (std::optional<double> number = value.number(); number && !digits) {
    out += fmt::format("{}", *number);
  } else {
    out += text;
  }
}

void append_canonical(const Json& value, std::string& out) {
  if (const Json::Object* members = value.members()) {
    std::vector<const Json::Member*> sorted;
    for (const Json::Member& member : *members) sorted.push_back(&member);
    // Members of one name keep their order: they lie in it.
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
      return a->first != b->first ? a->first < b->first : a < b;
    });
    out += '{';
    for (const Json::Member* member : sorted) {
      append_json_string(out, member->first);
      out += ':';
      append_canonical(member->second, out);
      out += ',';
    }
    out += '}';
  } else if (const Json::Array* items = value.array_items()) {
    out += '[';
    for (const Json& item : *items) {
      append_canonical(item, out);
      out += ',';
    }
    out += ']';
  } else if (value.is_number()) {
    append_number(value, out);
  } else {
    value.dump_to(out);
  }
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string out;
  append_canonical(value, out);
  return out;
}

}  // namespace drover
