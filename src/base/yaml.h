#pragma once
// YAML configuration as a Json tree plus the line of each member and item, so that a fault can be
// reported where it stands. Plain scalars become null, booleans, numbers or text by the YAML 1.2
// core schema; quoted ones are always text. Aliases are refused (a small file could grow without
// bound), as are duplicate keys. JSON files are YAML and read the same way.
//
// yaml.cc alone includes yaml-cpp. Limits: limits::kConfigBytesMax, limits::kJsonDepthMax.

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/limits/config.h"
#include "base/limits/json.h"
#include "base/result.h"

namespace drover {

class YamlDocument {
 public:
  /// The message of an error begins with "line N: ".
  static Result<YamlDocument> parse(std::string_view text);

  const Json& root() const { return root_; }
  /// The line (from 1) of the member or the item at a path such as "endpoints[2].price.input": a
  /// member's is that of its name. The line of the nearest ancestor if there is none.
  int line(std::string_view path) const;

 private:
  Json root_;
  std::map<std::string, int, std::less<>> lines_;
  friend class YamlReader;
};

}  // namespace drover
