#pragma once
// What budgets in money cannot count: calls at endpoints whose price nobody knows. Told where a
// configuration is checked and where it is taken into use. Pure.

#include <string>
#include <vector>

#include "catalog/endpoint.h"
#include "road/budget.h"

namespace drover::app {

/// A sentence for people; "" if every budget counts.
std::string uncounted_money(const std::vector<catalog::Endpoint>& endpoints,
                            const std::vector<road::Budget>& budgets);

}  // namespace drover::app
