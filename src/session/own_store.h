#pragma once
// Whether this server's own store, which the journal is part of, may hold data of a class: asked
// where a session comes to data that nobody has asked about yet (an import, another version of its
// agent, a child with a class of its own, a tool whose results bring one). What a caller states is
// asked about in src/api.
//
// Loop thread only. kPermissionDenied (reason "no_place") names the rule.

#include <string>

#include "session/services.h"

namespace drover::session {

Task<Result<void>> own_store_holds(Context ctx, Services services, TenantId tenant,
                                   std::string data_class);

}  // namespace drover::session
