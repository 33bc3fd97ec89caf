#pragma once
// Proofs that this server's journal of a session is what it once wrote (store/signatures.h).
//
//   GET /v1/sessions/{id}/signature[?sequence=]   of its last event, signed now if it was not yet;
//                                                 with a sequence: of the newest signed event up
//                                                 to that one, for an export that was made earlier
//
// 404 (reason not_signed) where nothing is signed: a server that keeps its data in memory.

#include "api/router.h"
#include "session/manager.h"
#include "store/batch_signer.h"

namespace drover::api {

struct SignatureServices {
  session::SessionManager* sessions = nullptr;
  store::BatchSigner* signer = nullptr;  // may be null
};

void add_signature_routes(Router& router, SignatureServices services);

}  // namespace drover::api
