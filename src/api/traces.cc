#include "api/traces.h"

#include <vector>

#include "api/json_route.h"
#include "base/bytes.h"
#include "session/tree.h"
#include "trace/tree.h"

namespace drover::api {
namespace {

using Rows = std::vector<store::SpanRow>;

void keep_own(Rows& rows, const TenantId& own) {
  std::erase_if(rows, [&](const store::SpanRow& row) { return row.tenant != own; });
}

Task<Result<Rows>> rows_of_session(Context ctx, Exchange& exchange, TraceServices services) {
  CO_TRY_VOID(identity::authorise(exchange.principal, identity::Action::kReadTrace,
                                  exchange.principal->tenant));
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  // Another tenant's session is not found.
  CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, id));
  if (store::purged(row)) co_return fail(session::purged_error(id));
  CO_TRY(Rows rows, co_await services.spans->by_session(ctx, std::move(id)));
  keep_own(rows, exchange.principal->tenant);
  co_return rows;
}

Task<Result<Rows>> rows_of_trace(Context ctx, Exchange& exchange, TraceServices services) {
  CO_TRY_VOID(identity::authorise(exchange.principal, identity::Action::kReadTrace,
                                  exchange.principal->tenant));
  std::string id = to_lower(exchange.param("id"));
  auto bytes = from_hex(id);
  if (!bytes || bytes->size() != 16) {
    co_return fail(Code::kInvalidArgument, "a trace id is 32 hex digits");
  }
  CO_TRY(Rows rows, co_await services.spans->by_trace(ctx, std::move(id)));
  keep_own(rows, exchange.principal->tenant);
  if (rows.empty()) co_return fail(Code::kNotFound, "there is no such trace");
  co_return rows;
}

using RowsOf = Task<Result<Rows>> (*)(Context, Exchange&, TraceServices);

Task<void> answer(Context ctx, Exchange& exchange, TraceServices services, RowsOf rows_of) {
  auto rows = co_await rows_of(ctx, exchange, services);
  if (!rows) {
    co_await respond_error(ctx, exchange, std::move(rows).error());
    co_return;
  }
  trace::TraceTree tree = trace::build_tree(std::move(*rows));
  auto accept = exchange.request.head().headers.get("accept");
  if (!accept || accept->find("text/plain") == std::string_view::npos) {
    Json body = trace::render_json(tree);
    co_await respond_json(ctx, exchange, 200, std::move(body));
    co_return;
  }
  http::ResponseHead head;
  head.headers.add("content-type", "text/plain; charset=utf-8");
  head.headers.add("x-request-id", exchange.request_id);
  std::string text = trace::render_text(tree);
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(text));
  (void)sent;
}

}  // namespace

void add_trace_routes(Router& router, TraceServices services) {
  router.add("GET", "/v1/sessions/{id}/trace", [services](Context ctx, Exchange& exchange) {
    return answer(ctx, exchange, services, rows_of_session);
  });
  router.add("GET", "/v1/traces/{id}", [services](Context ctx, Exchange& exchange) {
    return answer(ctx, exchange, services, rows_of_trace);
  });
}

}  // namespace drover::api
