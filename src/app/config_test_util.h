#pragma once
// What tests of drover.yaml share: reading one with the files that it names, and texts whose first
// fault is told with its line.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "app/config.h"

namespace drover::app {

/// A drover.yaml of this text, beside these files (by name) and no others.
inline ConfigOutcome parse_drover_yaml(std::string_view text,
                                       const std::map<std::string, std::string>& files = {}) {
  return parse_config("drover.yaml", text, [&](const std::string& path) -> Result<std::string> {
    auto file = files.find(path);
    if (file == files.end()) return fail(Code::kNotFound, path + ": no such file");
    return file->second;
  });
}

struct Wrong {
  std::string_view text;
  int line;
  std::string_view says;
};

inline void expect_told(const Wrong& wrong) {
  const ConfigOutcome outcome = parse_drover_yaml(wrong.text);
  ASSERT_FALSE(outcome.faults.empty());
  const ConfigFault& first = outcome.faults.front();
  EXPECT_EQ(first.line, wrong.line) << first.to_string();
  EXPECT_NE(first.to_string().find(wrong.says), std::string::npos) << first.to_string();
}

}  // namespace drover::app
