#pragma once
// For tests only: the surroundings of providers, their environment variables those of a map.

#include <map>
#include <optional>
#include <string>

#include "providers/provider.h"

namespace drover::providers {

/// All three must outlive what is made of it.
inline ProviderEnvironment test_environment(http::Client& client, Random& random,
                                            const std::map<std::string, std::string>& variables) {
  ProviderEnvironment out;
  out.client = &client;
  out.random = &random;
  out.getenv = [&variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
  return out;
}

}  // namespace drover::providers
