// Any bytes as a table of prices, ours or LiteLLM's: no price is negative, and none is applied that
// is not whole.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/yaml.h"
#include "catalog/price_book.h"

using namespace drover;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto doc = YamlDocument::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!doc) return 0;
  auto book = catalog::PriceBook::read(doc->root(), [](const std::string&, std::string) {});
  for (const catalog::PriceEntry& entry : book.entries()) {
    if (entry.models.empty()) __builtin_trap();
    catalog::Endpoint endpoint;
    endpoint.provider = entry.providers.empty() ? "p" : entry.providers.front();
    endpoint.model = entry.models.front();
    endpoint.region = entry.region;
    for (const catalog::Uplift& uplift : entry.uplifts) {
      if (uplift.regions.empty()) __builtin_trap();
      if (entry.region.empty()) endpoint.region = uplift.regions.front();
    }
    book.apply(endpoint);
    const catalog::Price& price = endpoint.price_at(wall_from_unix_millis(1'790'000'000'000));
    if (price.known && price.most(1000, 1000) < Money()) __builtin_trap();
  }
  return 0;
}
