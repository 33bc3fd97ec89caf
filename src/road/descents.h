#pragma once
// Internal to src/road: where each agent stands on its downgrade ladder, in each zone of data. At
// most limits::kDescentsMax; one more, and the one longest unused begins again at the top. Entries
// are shared, so that a call in flight keeps its own. Loop thread only.

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>

#include "road/descent.h"

namespace drover::road {

struct Standing {
  ScarcityMeter meter;
  Descent descent;
  uint64_t used = 0;
};

class Descents {
 public:
  std::shared_ptr<Standing> at(const std::string& key) {
    auto it = standings_.find(key);
    if (it == standings_.end()) {
      if (standings_.size() >= limits::kDescentsMax) {
        standings_.erase(std::min_element(
            standings_.begin(), standings_.end(),
            [](const auto& a, const auto& b) { return a.second->used < b.second->used; }));
      }
      it = standings_.emplace(key, std::make_shared<Standing>()).first;
    }
    it->second->used = ++uses_;
    return it->second;
  }

  /// nullptr: nobody with that key has called yet.
  const Standing* find(const std::string& key) const {
    auto it = standings_.find(key);
    return it == standings_.end() ? nullptr : it->second.get();
  }

 private:
  std::unordered_map<std::string, std::shared_ptr<Standing>> standings_;
  uint64_t uses_ = 0;
};

}  // namespace drover::road
