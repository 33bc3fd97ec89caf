#include "cloud/host_region.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "cloud/partition.h"

namespace drover::cloud {
namespace {

// The region is the label before these.
constexpr std::array<std::string_view, 5> kAzureSuffixes = {
    "api.cognitive.microsoft.com", "api.cognitive.microsoft.us", "api.cognitive.azure.cn",
    "models.ai.azure.com", "inference.ml.azure.com"};

/// Takes ".suffix" off the end of the host.
bool take_suffix(std::string_view& host, std::string_view suffix) {
  if (host.size() <= suffix.size() + 1 || !host.ends_with(suffix)) return false;
  std::string_view rest = host.substr(0, host.size() - suffix.size());
  if (rest.back() != '.') return false;
  host = rest.substr(0, rest.size() - 1);
  return true;
}

/// The last label that is a region: before it stand the service and a VPC endpoint's own name.
std::string last_region(std::string_view labels) {
  while (!labels.empty()) {
    size_t dot = labels.rfind('.');
    std::string_view label = dot == std::string_view::npos ? labels : labels.substr(dot + 1);
    if (partition_of(label)) return std::string(label);
    labels = dot == std::string_view::npos ? std::string_view() : labels.substr(0, dot);
  }
  return {};
}

}  // namespace

std::string region_of_host(std::string_view host) {
  std::string lower = to_lower(host);
  std::string_view rest = lower;
  if (rest.ends_with('.')) rest.remove_suffix(1);  // the name written in full
  for (std::string_view suffix : kAzureSuffixes) {
    if (!take_suffix(rest, suffix)) continue;
    size_t dot = rest.rfind('.');
    return std::string(dot == std::string_view::npos ? rest : rest.substr(dot + 1));
  }
  const auto all = partitions();
  bool of_aws = std::ranges::any_of(all, [&](const Partition& p) {
    return take_suffix(rest, p.dns_suffix) || take_suffix(rest, p.dual_stack_suffix);
  });
  return of_aws ? last_region(rest) : std::string();
}

}  // namespace drover::cloud
