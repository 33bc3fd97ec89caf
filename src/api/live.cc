#include "api/live.h"

#include "api/json_route.h"
#include "api/streaming.h"
#include "http/sse.h"

namespace drover::api {
namespace {

/// How long a client waits before it connects again.
constexpr int64_t kReconnectMs = 500;

/// Where the client wants to begin: after the position that it saw last, or with a sequence.
Task<Result<void>> begin(Context ctx, const Exchange& exchange, session::LiveFollower* follower) {
  const http::RequestHead& head = exchange.request.head();
  auto last = head.headers.get("last-event-id");
  if (last && !last->empty()) {
    CO_TRY(auto seen, session::LivePosition::parse(*last));
    co_return co_await follower->begin_after(ctx, seen);
  }
  const std::string text = head.query_param("from").value_or("1");
  auto sequence = whole_number(text);
  if (!sequence) co_return fail(Code::kInvalidArgument, "from must be a whole number");
  co_return co_await follower->begin_at(ctx, *sequence);
}

std::string encode(const std::vector<session::LiveEvent>& events) {
  std::string out;
  for (const session::LiveEvent& event : events) {
    const std::string id = event.position ? event.position->text() : "";
    http::append_sse_event(out, event.data, event.name, id);
  }
  return out;
}

Task<Result<void>> start(Context ctx, Exchange& exchange) {
  http::ResponseHead head = stream_head(exchange, "text/event-stream; charset=utf-8");
  CO_TRY_VOID(co_await exchange.response.start(ctx, std::move(head)));
  std::string text;
  http::append_sse_retry(text, kReconnectMs);
  co_return co_await exchange.response.write(ctx, text);
}

Task<Result<void>> follow(Context ctx, Exchange& exchange, LiveServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  session::LiveFollower follower(*services.sessions, *services.live, exchange.principal, id);
  CO_TRY_VOID(co_await begin(ctx, exchange, &follower));
  if (follower.over()) {
    http::ResponseHead head;
    head.status = 204;
    head.headers.add("x-request-id", exchange.request_id);
    co_return co_await exchange.response.respond(ctx, std::move(head), "");
  }
  CO_TRY_VOID(co_await start(ctx, exchange));
  for (;;) {
    Context slice = ctx.with_timeout(kKeepAlive);
    auto events = co_await follower.next(slice);
    if (ctx.cancelled()) break;
    std::string text;
    if (events && events->empty()) break;
    if (events) {
      text = encode(*events);
    } else if (events.error().code == Code::kDeadlineExceeded) {
      http::append_sse_comment(text, "waiting");
    } else if (events.error().code == Code::kUnavailable) {
      break;  // the server is stopping: the client comes again
    } else {
      append_error_event(text, events.error());
    }
    CO_TRY_VOID(co_await exchange.response.write(ctx, text));
    if (!events && events.error().code != Code::kDeadlineExceeded) break;
  }
  co_return co_await exchange.response.finish(ctx);
}

Task<void> stream_route(Context ctx, Exchange& exchange, LiveServices services) {
  auto done = co_await follow(ctx, exchange, services);
  if (!done && !exchange.response.started()) {
    co_await respond_error(ctx, exchange, std::move(done).error());
  }
}

}  // namespace

void add_live_routes(Router& router, LiveServices services) {
  router.add("GET", "/v1/sessions/{id}/stream", [services](Context ctx, Exchange& exchange) {
    return stream_route(ctx, exchange, services);
  });
}

}  // namespace drover::api
