#include "base/near_word.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace drover {
namespace {

constexpr size_t kMost = 2;

/// How many letters must be added, taken away or exchanged to make one word of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t before = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = before + (a[i - 1] == b[j - 1] ? 0 : 1);
      before = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view near_word(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view out;
  if (word.empty() || word.size() > kNearWordMax) return out;
  size_t nearest = kMost + 1;
  for (std::string_view name : known) {
    bool begins = name.starts_with(word) || (!name.empty() && word.starts_with(name));
    size_t far = begins ? 1 : distance(word, name);
    if (far >= nearest) continue;
    nearest = far;
    out = name;
  }
  return out;
}

std::string_view near_name(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string wanted = to_lower(name.substr(0, kNearWordMax + 1));
  std::vector<std::string> lower;
  lower.reserve(known.size());
  for (std::string_view one : known) {
    lower.push_back(to_lower(one));
    if (lower.back() == wanted) return one;
  }
  const std::string_view near = near_word(wanted, {lower.begin(), lower.end()});
  for (size_t i = 0; i < known.size(); ++i) {
    if (!near.empty() && lower[i] == near) return known[i];
  }
  return {};
}

}  // namespace drover
