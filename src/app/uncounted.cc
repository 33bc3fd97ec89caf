#include "app/uncounted.h"

#include <algorithm>

#include "app/output.h"

namespace drover::app {
namespace {

bool priced(const catalog::Endpoint& e) {
  auto known = [](const catalog::PriceChange& change) { return change.price.known; };
  return e.price.known || std::any_of(e.price_changes.begin(), e.price_changes.end(), known);
}

bool limits_money(const road::Budget& budget, const catalog::Endpoint& e) {
  const std::string& provider = budget.of(road::Dimension::kProvider);
  return budget.money && (provider.empty() || provider == road::kEach || provider == e.provider);
}

}  // namespace

std::string uncounted_money(const std::vector<catalog::Endpoint>& endpoints,
                            const std::vector<road::Budget>& budgets) {
  std::vector<std::string> unpriced, loose;
  for (const catalog::Endpoint& e : endpoints) {
    if (priced(e)) continue;
    bool wanted = false;
    for (const road::Budget& budget : budgets) {
      if (!limits_money(budget, e)) continue;
      wanted = true;
      if (std::find(loose.begin(), loose.end(), budget.name) == loose.end()) {
        loose.push_back(budget.name);
      }
    }
    if (wanted) unpriced.push_back(e.id);
  }
  if (unpriced.empty()) return "";
  const bool one = unpriced.size() == 1;
  return "no price is known of " + std::string(one ? "the endpoint " : "the endpoints ") +
         some_of(unpriced) + ": budgets in money (" + some_of(loose) +
         ") count nothing for calls there; write price_per_million, or limit tokens";
}

}  // namespace drover::app
