#pragma once
// What was refused to whom (identity/audit.h), over HTTP.
//
//   GET /v1/audit[?tenant=&before=SEQUENCE&limit=]     newest first
//
// An admin key sees what its own tenant's keys were refused, one of the operator's tenant all of
// it. Loop thread only.

#include "api/router.h"
#include "identity/audit.h"
#include "identity/tenants.h"

namespace drover::api {

struct AuditServices {
  const identity::Audit* audit = nullptr;
  const identity::Tenants* tenants = nullptr;
};

void add_audit_routes(Router& router, AuditServices services);

}  // namespace drover::api
