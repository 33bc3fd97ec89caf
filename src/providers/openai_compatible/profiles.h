#pragma once
// The OpenAI-like providers, as data: a new one is one entry in profiles.cc.

#include <span>
#include <string_view>

namespace drover::providers {

struct OpenAiProfile {
  std::string_view name;
  std::string_view otel_name;
  /// Empty: the endpoint must state it.
  std::string_view base_url;
  bool needs_credentials = false;
};

std::span<const OpenAiProfile> openai_profiles();

}  // namespace drover::providers
