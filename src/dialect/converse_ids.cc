#include <algorithm>

#include "dialect/converse_wire.h"

namespace drover::dialect::converse_wire {
namespace {

constexpr size_t kIdBytesMax = 64;
constexpr std::string_view kMark = "--";
// What ids that cannot travel become; kPlain itself is one of them, so that nothing collides.
constexpr std::string_view kPlain = "call--p";

bool is_wire_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

// The id that `id` is a marked form of.
std::optional<std::string> ToolIds::marked(const std::string& id) {
  size_t at = id.rfind(kMark);
  if (at == std::string::npos || at + kMark.size() == id.size()) return std::nullopt;
  for (size_t i = at + kMark.size(); i < id.size(); ++i) {
    if (id[i] < '0' || id[i] > '9') return std::nullopt;
  }
  return id.substr(0, at);
}

std::string ToolIds::assign(const std::string& original) {
  int n = ++counts_[original];
  std::string wire = original;
  if (n > 1 || marked(original)) wire += std::string(kMark) + std::to_string(n);
  if (!is_wire_id(wire) || original == kPlain) {
    wire = std::string(kPlain) + std::string(kMark) + std::to_string(++foreign_);
  }
  return wire;
}

std::string ToolIds::restore(const std::string& wire) const { return marked(wire).value_or(wire); }

}  // namespace drover::dialect::converse_wire
