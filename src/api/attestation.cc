#include "api/attestation.h"

#include "api/json_route.h"

namespace drover::api {
namespace {

Task<Result<Json>> list_attestation(Context ctx, Exchange& exchange, AttestationServices services) {
  CO_TRY_VOID(identity::authorise(exchange.principal, identity::Action::kCallModel,
                                  exchange.principal->tenant));
  co_return list_json(services.report(), false);
}

}  // namespace

void add_attestation_routes(Router& router, AttestationServices services) {
  add_json<AttestationServices>(router, "GET", "/v1/attestation", services, list_attestation);
}

}  // namespace drover::api
