#include "catalog/processing_scope.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

namespace drover::catalog {
namespace {

// The prefixes of Bedrock's inference profiles, each the zone that it is routed within.
// docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
constexpr std::array<std::string_view, 8> kProfiles = {"us", "us-gov", "eu", "apac",
                                                       "jp", "au",     "ca", "global"};
// Who makes Bedrock's models: with these a model's own id begins, which is served in the region.
constexpr std::array<std::string_view, 18> kMakers = {
    "ai21",   "amazon", "anthropic", "cohere",    "deepseek",   "google",
    "luma",   "meta",   "minimax",   "mistral",   "moonshot",   "moonshotai",
    "nvidia", "openai", "qwen",      "stability", "twelvelabs", "writer"};

bool among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// The profile that a name begins with, if it does.
std::optional<std::string> profile_scope(std::string_view name) {
  size_t dot = name.find('.');
  if (dot == std::string_view::npos || !among(kProfiles, name.substr(0, dot))) return std::nullopt;
  return std::string(name.substr(0, dot));
}

/// An application's profile has an id of twelve letters and digits, which tells nothing.
bool opaque_id(std::string_view name) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return name.size() == 12 && std::ranges::any_of(name, digit) &&
         std::ranges::all_of(name, [&](char c) { return digit(c) || letter(c); });
}

std::string name_scope(std::string_view name) {
  if (auto scope = profile_scope(name)) return *scope;
  size_t dot = name.find('.');
  bool regional = dot == std::string_view::npos
                      ? !opaque_id(name) && name.find_first_of(":/") == std::string_view::npos
                      : among(kMakers, name.substr(0, dot));
  return regional ? std::string() : std::string(kScopeNotStated);
}

/// arn:PARTITION:bedrock:REGION:ACCOUNT:KIND/NAME
std::string arn_scope(std::string_view arn, std::string_view region) {
  std::vector<std::string_view> parts;
  for (int i = 0; i < 5; ++i) {
    size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return std::string(kScopeNotStated);
    parts.push_back(arn.substr(0, colon));
    arn.remove_prefix(colon + 1);
  }
  size_t slash = arn.find('/');
  if (parts[2] != "bedrock" || region.empty() || parts[3] != region ||
      slash == std::string_view::npos) {
    return std::string(kScopeNotStated);
  }
  std::string_view kind = arn.substr(0, slash);
  std::string_view name = arn.substr(slash + 1);
  if (kind == "foundation-model") return name_scope(name);
  if (kind == "inference-profile") {
    return profile_scope(name).value_or(std::string(kScopeNotStated));
  }
  constexpr std::array<std::string_view, 4> kOwn = {"provisioned-model", "custom-model",
                                                    "custom-model-deployment", "imported-model"};
  return among(kOwn, kind) ? std::string() : std::string(kScopeNotStated);
}

}  // namespace

bool is_beyond_zones(std::string_view scope) {
  return scope == "global" || scope == "apac" || scope == kScopeNotStated;
}

std::string processing_scope(const Endpoint& e) {
  // Deployments of the kinds Standard, DataZone and Global look alike from outside: only who made
  // them can say.
  if (e.provider == "azure-openai") {
    bool told = e.facts.find("processing_scope") != nullptr;
    return told ? std::string() : std::string(kScopeNotStated);
  }
  if (e.provider != "aws-bedrock") return {};
  const std::string& name = e.upstream_model.empty() ? e.model : e.upstream_model;
  return name.starts_with("arn:") ? arn_scope(name, e.region) : name_scope(name);
}

}  // namespace drover::catalog
