#include "session/own_store.h"

namespace drover::session {

Task<Result<void>> own_store_holds(Context ctx, Services services, TenantId tenant,
                                   std::string data_class) {
  constexpr policy::ThingKind kStore = policy::ThingKind::kStore;
  road::Guard& guard = services.effects->guard();
  co_await guard.prepare(ctx, kStore, road::kOwnStore, tenant, data_class);
  co_return guard.check(kStore, road::kOwnStore, tenant, data_class);
}

}  // namespace drover::session
