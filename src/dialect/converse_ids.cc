#include <algorithm>
#include <charconv>

#include "dialect/converse_wire.h"

namespace drover::dialect::converse_wire {
namespace {

constexpr size_t kIdBytesMax = 64;
constexpr std::string_view kMark = "--";

bool is_wire_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

// The id that `id` is a marked form of, at this point of the request.
std::optional<std::string> ToolIds::marked(const std::string& id) const {
  size_t at = id.rfind(kMark);
  if (at == std::string::npos || at == 0) return std::nullopt;
  int n = 0;
  const char* end = id.data() + id.size();
  auto [p, ec] = std::from_chars(id.data() + at + kMark.size(), end, n);
  if (ec != std::errc() || p != end || n < 1) return std::nullopt;
  std::string base = id.substr(0, at);
  auto count = counts_.find(base);
  int seen = count == counts_.end() ? 0 : count->second;
  if (seen != n - 1) return std::nullopt;
  return base;
}

std::string ToolIds::assign(const std::string& original) {
  int seen = counts_[original];
  std::string wire = original;
  if (seen > 0 || marked(original) || used_.contains(original)) {
    wire = original + std::string(kMark) + std::to_string(seen + 1);
  }
  ++counts_[original];
  if (!is_wire_id(wire)) {
    size_t n = used_.size();
    do {
      wire = "call--p" + std::to_string(++n);
    } while (used_.contains(wire));
  }
  used_.insert(wire);
  return wire;
}

std::string ToolIds::restore(const std::string& wire) {
  std::string original = marked(wire).value_or(wire);
  ++counts_[original];
  return original;
}

}  // namespace drover::dialect::converse_wire
