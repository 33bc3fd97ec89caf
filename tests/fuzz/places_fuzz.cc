// Any text as a file of places: what is read has facts of the kinds that there are, each with its
// place, and is found again under its id.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "catalog/places.h"
#include "policy/traits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto places = drover::catalog::Places::parse(text, "fuzz.yaml");
  if (!places) {
    if (places.error().message.empty()) __builtin_trap();
    return 0;
  }
  static const drover::policy::Zones zones;
  for (const auto& [id, place] : places->all()) {
    if (places->find(id) == nullptr) __builtin_trap();
    for (const drover::catalog::Fact& fact : place.facts.all()) {
      if (drover::catalog::fact_kind(fact.name) == nullptr) __builtin_trap();
    }
    drover::policy::Traits traits = drover::policy::traits_of(place.facts, zones);
    if (traits.zone >= static_cast<int>(zones.all().size())) __builtin_trap();
    auto again = drover::catalog::Facts::from_json(place.facts.to_json(), "", "");
    if (!again || !(*again == place.facts)) __builtin_trap();
  }
  return 0;
}
