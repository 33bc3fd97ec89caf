#pragma once
// What was used and what it cost, over HTTP. A key sees its own tenant's; an admin key of the
// operator's tenant every tenant's.
//
//   GET  /v1/cost[?by=day,key,model&from=DAY&to=DAY&tenant=&key=&agent=&session=&tree=&model=
//                 &endpoint=&provider=&region=&tier=]  sums (trace/ledger.h); by: grouped by these
//   GET  /v1/cost/calls[?estimated=true&session=…&limit=]   single calls, newest first
//   GET  /v1/budgets                                 accounts: limits, used, reserved, renewal
//   POST /v1/cost/bill[?apply=none|estimates|all&complete=true&provider=&endpoint=&from=&to=]
//        the body is the bill of these providers (a list) or of all (trace/bill.h); the answer what
//        agrees and what differs
//        (road/reconcile.h); complete: an estimate that is not in it was not billed, refused while
//        a row is of no call that is known. The operator's admin keys only.
//
// Loop thread only.

#include "api/router.h"
#include "catalog/catalog.h"
#include "road/books.h"

namespace drover::api {

struct CostServices {
  trace::Ledger* ledger = nullptr;
  road::Accounts* accounts = nullptr;
  road::Books* books = nullptr;
  catalog::CatalogHolder* catalog = nullptr;
};

void add_cost_routes(Router& router, CostServices services);

}  // namespace drover::api
