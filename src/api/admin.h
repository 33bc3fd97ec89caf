#pragma once
// What only the operator may do to the running server:
//
//   POST /v1/admin/backup   {"path": "/absolute/new/folder on the server's machine"}
//   POST /v1/admin/reload   reads drover.yaml again, or keeps the old one and says why

#include <functional>
#include <string>

#include "api/router.h"

namespace drover::api {

struct AdminServices {
  /// Copies the data folder into a new folder while it is in use; the report.
  std::function<Task<Result<Json>>(Context ctx, std::string path)> backup;
  /// Takes the configuration anew; what is in force then.
  std::function<Task<Result<Json>>(Context ctx)> reload;
};

void add_admin_routes(Router& router, AdminServices services);

}  // namespace drover::api
