#pragma once
// The tree that a session belongs to: its root and all descendants, with what each and all of them
// together used.
//
//   GET /v1/sessions/{id}/tree[?limit=]    any session of the tree
//
// At most limits::kStoreRowsMax sessions are listed; the totals count all.

#include "api/router.h"
#include "base/limits/store.h"
#include "session/manager.h"

namespace drover::api {

struct TreeServices {
  session::SessionManager* sessions = nullptr;
  store::Journal* journal = nullptr;
};

void add_tree_routes(Router& router, TreeServices services);

}  // namespace drover::api
