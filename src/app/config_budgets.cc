// The `budgets` of drover.yaml.

#include <set>

#include "app/config_parts.h"

namespace drover::app {
namespace {

std::string remedy_for(const std::string& field) {
  if (field == "money") return "US dollars, such as money: 12.50";
  if (field == "tokens" || field == "requests") return "such as " + field + ": 1000";
  if (field == "per") return "such as per: day";
  if (field.empty()) return "such as {name: house, money: 500, per: month}";
  return "";
}

}  // namespace

void read_budgets(const Json& root, const AddFault& fault, Config& out) {
  const Json* list = root.find("budgets");
  if (list == nullptr || list->is_null()) return;
  const Json::Array* items = list->array_items();
  if (items == nullptr) {
    fault("budgets", "budgets must be a list", "begin each entry with '- '");
    return;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string at = "budgets[" + std::to_string(i) + "]";
    Result<road::Budget> budget = road::budget_from_json((*items)[i]);
    if (!budget) {
      const std::string& field = budget.error().reason;
      fault(field.empty() ? at : at + "." + field, budget.error().message, remedy_for(field));
      continue;
    }
    if (budget->name.empty()) {
      fault(at, "a budget needs a name", "refusals and reports call it by that");
      continue;
    }
    if (!names.insert(budget->name).second) {
      fault(at, "two budgets are named '" + budget->name + "'", "give each a name of its own");
    }
    const bool session = !budget->of(road::Dimension::kSession).empty();
    if (session && budget->of(road::Dimension::kSession) != "*") {
      fault(at + ".session", "a budget for one session is set with the session",
            "write session: \"*\" for each session by itself");
    }
    out.budgets.push_back(std::move(*budget));
  }
}

}  // namespace drover::app
