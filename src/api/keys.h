#pragma once
// API keys and tenants over HTTP. Admin keys manage the keys of their own tenant; admin keys of the
// operator's tenant those of every tenant, and only they make tenants. A key's text is in the
// answer to its making and nowhere else.
//
//   GET    /v1/keys[?tenant=]
//   POST   /v1/keys       {"label", "scopes": ["call", "sessions", "approve", "admin"],
//                          "tenant": id or name, "budgets": a list, or "money=5/day"}
//   PUT    /v1/keys/{id}/budgets  {"budgets": …}: what the key may use (road/budget.h); null: all
//   DELETE /v1/keys/{id}  revokes it
//   GET    /v1/tenants
//   POST   /v1/tenants    {"name"}

#include <functional>

#include "api/router.h"
#include "identity/keys.h"
#include "identity/tenants.h"

namespace drover::api {

struct KeyServices {
  identity::Keys* keys = nullptr;
  identity::Tenants* tenants = nullptr;
  /// Puts the budgets of the keys, which changed, in force; may be empty.
  std::function<Result<void>()> budgets_changed;
};

void add_key_routes(Router& router, KeyServices services);

}  // namespace drover::api
