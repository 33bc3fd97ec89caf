#include "api/admin.h"

#include "api/json_route.h"
#include "api/steer_read.h"

namespace drover::api {
namespace {

Result<void> operator_only(const Exchange& exchange, identity::Action action) {
  return identity::authorise(exchange.principal, action, exchange.principal->tenant);
}

Task<Result<Json>> backup(Context ctx, Exchange& exchange, AdminServices services) {
  // A backup takes everything out.
  CO_TRY_VOID(operator_only(exchange, identity::Action::kManageServer));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"path"}));
  std::string path(body.get_string("path").value_or(""));
  // Relative to what would depend on where the server was started.
  if (!path.starts_with('/')) {
    co_return fail(Code::kInvalidArgument,
                   "'path' must be an absolute path of a new folder on the server's machine");
  }
  co_return co_await services.backup(ctx, std::move(path));
}

Task<Result<Json>> reload(Context ctx, Exchange& exchange, AdminServices services) {
  CO_TRY_VOID(operator_only(exchange, identity::Action::kChangeCatalog));
  co_return co_await services.reload(ctx);
}

}  // namespace

void add_admin_routes(Router& router, AdminServices services) {
  add_json<AdminServices>(router, "POST", "/v1/admin/backup", services, backup);
  add_json<AdminServices>(router, "POST", "/v1/admin/reload", services, reload);
}

}  // namespace drover::api
