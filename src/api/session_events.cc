#include "api/session_events.h"

#include <algorithm>

#include "api/json_route.h"
#include "api/standing.h"
#include "api/streaming.h"
#include "http/sse.h"

namespace drover::api {
namespace {

using session::JournalGap;
using session::JournalPart;
using session::JournalPlace;
using session::SessionManager;

constexpr uint64_t kEventsSlice = 256;
constexpr uint64_t kEventsMost = 1000;

Result<uint64_t> read_position(std::string_view text, std::string_view what) {
  auto value = whole_number(text);
  if (!value) return fail(Code::kInvalidArgument, std::string(what) + " must be a whole number");
  return *value;
}

Result<bool> skip_damaged(const Exchange& exchange) {
  const std::string text = exchange.request.head().query_param("skip_damaged").value_or("false");
  if (text == "true" || text == "false") return text == "true";
  return fail(Code::kInvalidArgument, "skip_damaged must be true or false");
}

/// Damage as an error of the whole.
Error damaged(std::string why) {
  return Error(Code::kDataLoss,
               std::move(why) +
                   "; all that is readable comes with skip_damaged=true (drover: --skip-damaged)");
}

Json gap_json(const JournalGap& gap) {
  return Json::object().set("first", gap.first).set("last", gap.last).set("why", gap.why);
}

/// Events and gaps in the order of the journal; stops where one of the two says false.
template <typename OnEvent, typename OnGap>
void in_order(const JournalPart& part, OnEvent on_event, OnGap on_gap) {
  size_t e = 0;
  size_t g = 0;
  while (e < part.events.size() || g < part.gaps.size()) {
    const bool event = g == part.gaps.size() ||
                       (e < part.events.size() && part.events[e].sequence < part.gaps[g].first);
    const bool more = event ? on_event(part.events[e++]) : on_gap(part.gaps[g++]);
    if (!more) return;
  }
}

Task<Result<Json>> list_events(Context ctx, Exchange& exchange, SessionManager* sessions) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  JournalPlace from;
  if (auto text = exchange.request.head().query_param("from")) {
    CO_TRY(from.sequence, read_position(*text, "from"));
  }
  CO_TRY(uint64_t limit, query_limit(exchange, kEventsSlice, kEventsMost));
  CO_TRY(bool skip, skip_damaged(exchange));
  JournalPart part;
  if (skip) {
    CO_TRY(part, co_await sessions->intact(ctx, exchange.principal, id, from, limit));
  } else {
    auto events = co_await sessions->events(ctx, exchange.principal, id, from.sequence, limit);
    if (!events && events.error().code == Code::kDataLoss) {
      co_return fail(damaged(std::move(events).error().message));
    }
    CO_TRY(part.events, std::move(events));
  }
  Json data = Json::array();
  for (const contract::Event& event : part.events) {
    CO_TRY(Json parsed, Json::parse(contract::encode_event(event)));
    data.push(std::move(parsed));
  }
  uint64_t found = part.events.size();
  Json gaps = Json::array();
  for (const JournalGap& gap : part.gaps) {
    found += gap.last - gap.first + 1;
    gaps.push(gap_json(gap));
  }
  Json out = list_json(std::move(data), found == limit);
  if (!part.gaps.empty()) out.set("damaged", std::move(gaps));
  co_return out;
}

// --- Live ---

/// Where a follower goes on.
Result<uint64_t> follow_from(const Exchange& exchange) {
  const http::RequestHead& head = exchange.request.head();
  if (auto last = head.headers.get("last-event-id")) {
    TRY(uint64_t seen, read_position(*last, "Last-Event-ID"));
    return seen + 1;
  }
  const std::string from = head.query_param("from").value_or("1");
  TRY(uint64_t first, read_position(from, "from"));
  return std::max<uint64_t>(first, 1);
}

/// What follows; with `wait` until there is something, and nothing then means the session's end.
Task<Result<JournalPart>> next_part(Context ctx, SessionManager* sessions, identity::Principal who,
                                    SessionId id, uint64_t from, bool wait) {
  Result<std::vector<contract::Event>> events;
  if (wait) {
    events = co_await sessions->follow(ctx, who, id, from, kEventsSlice);
  } else {
    events = co_await sessions->events(ctx, who, id, from, kEventsSlice);
  }
  JournalPart part;
  part.next.sequence = from;
  if (!events && events.error().code == Code::kDataLoss) {
    co_return co_await sessions->intact(ctx, who, id, part.next, kEventsSlice);
  }
  CO_TRY(part.events, std::move(events));
  part.next.sequence += part.events.size();
  co_return part;
}

/// The damage at which it stops, unless gaps are skipped.
std::optional<Error> append_part(std::string& out, const JournalPart& part, bool skip) {
  std::optional<Error> stopped;
  auto on_event = [&](const contract::Event& event) {
    http::append_sse_event(out, contract::encode_event(event), event.kind,
                           std::to_string(event.sequence));
    return true;
  };
  auto on_gap = [&](const JournalGap& gap) {
    if (skip) {
      http::append_sse_event(out, gap_json(gap).dump(), "damaged", std::to_string(gap.last));
    } else {
      stopped = damaged(gap.why);
    }
    return skip;
  };
  in_order(part, on_event, on_gap);
  return stopped;
}

/// Live events. The journal is the buffer: a follower that is slow or comes back reads on from its
/// position, so nothing is kept per follower and nothing is missed or repeated. An error that
/// stands before the first event is an answer with its status.
Task<Result<void>> follow_events(Context ctx, Exchange& exchange, SessionManager* sessions) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(uint64_t next, follow_from(exchange));
  CO_TRY(bool skip, skip_damaged(exchange));
  for (bool first = true;; first = false) {
    Context slice = ctx.with_timeout(kKeepAlive);
    auto part = co_await next_part(slice, sessions, exchange.principal, id, next, !first);
    std::string text;
    std::optional<Error> stopped;
    if (part) {
      if (!first && part->next.sequence == next) co_return co_await exchange.response.finish(ctx);
      stopped = append_part(text, *part, skip);
      next = part->next.sequence;
    } else if (!first && part.error().code == Code::kDeadlineExceeded && !ctx.cancelled()) {
      http::append_sse_comment(text, "waiting");
    } else {
      stopped = std::move(part).error();
    }
    if (first) {
      if (stopped && text.empty()) co_return fail(std::move(*stopped));
      http::ResponseHead answer = stream_head(exchange, "text/event-stream; charset=utf-8");
      add_standing(answer.headers, sessions->standing(id));
      CO_TRY_VOID(co_await exchange.response.start(ctx, std::move(answer)));
    }
    if (stopped && (ctx.cancelled() || stopped->code == Code::kUnavailable)) {
      exchange.response.abort();  // the server is stopping, or busy: the client comes again
      co_return Result<void>();
    }
    if (stopped) append_error_event(text, *stopped);
    if (!text.empty()) CO_TRY_VOID(co_await exchange.response.write(ctx, text));
    if (stopped) co_return co_await exchange.response.finish(ctx);
  }
}

// --- Export ---

std::string jsonl(const JournalPart& part) {
  std::string out;
  auto on_event = [&](const contract::Event& event) {
    out += contract::encode_event(event);
    out += '\n';
    return true;
  };
  auto on_gap = [&](const JournalGap& gap) {
    out += Json::object().set("damaged", gap_json(gap)).dump();
    out += '\n';
    return true;
  };
  in_order(part, on_event, on_gap);
  return out;
}

/// The next slice of an export, none above `last`.
Task<Result<JournalPart>> export_part(Context ctx, Exchange& exchange, SessionManager* sessions,
                                      SessionId id, JournalPlace from, uint64_t last, bool skip) {
  const uint64_t most = std::min(kEventsSlice, last - from.sequence + 1);
  CO_TRY(auto part, co_await sessions->intact(ctx, exchange.principal, id, std::move(from), most));
  if (!skip && !part.gaps.empty()) co_return fail(damaged(part.gaps.front().why));
  co_return part;
}

/// Reads all of it, for what is wrong with it.
Task<Result<void>> check_export(Context ctx, Exchange& exchange, SessionManager* sessions,
                                SessionId id, uint64_t last) {
  JournalPlace place;
  while (place.sequence <= last) {
    CO_TRY(auto part, co_await export_part(ctx, exchange, sessions, id, place, last, false));
    place = std::move(part.next);
  }
  co_return Result<void>();
}

/// Read once before the first byte is sent, so that damage is an answer which says where, and not a
/// connection that breaks.
Task<Result<void>> export_session(Context ctx, Exchange& exchange, SessionManager* sessions) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(bool skip, skip_damaged(exchange));
  CO_TRY(auto row, co_await sessions->find_to_export(ctx, exchange.principal, id));
  const uint64_t last = row.last_sequence;
  if (!skip) CO_TRY_VOID(co_await check_export(ctx, exchange, sessions, id, last));
  http::ResponseHead head = stream_head(exchange, "application/jsonl");
  CO_TRY_VOID(co_await exchange.response.start(ctx, std::move(head)));
  JournalPlace place;
  while (place.sequence <= last) {
    auto part = co_await export_part(ctx, exchange, sessions, id, place, last, skip);
    if (!part) {
      exchange.response.abort();  // half an export must not look like a whole one
      co_return Result<void>();
    }
    place = std::move(part->next);
    const std::string text = jsonl(*part);
    CO_TRY_VOID(co_await exchange.response.write(ctx, text));
  }
  co_return co_await exchange.response.finish(ctx);
}

using StreamCall = Task<Result<void>> (*)(Context, Exchange&, SessionManager*);

Task<void> answer_stream(Context ctx, Exchange& exchange, SessionManager* sessions,
                         StreamCall call) {
  auto result = co_await call(ctx, exchange, sessions);
  if (!result && !exchange.response.started()) {
    co_await respond_error(ctx, exchange, std::move(result).error());
  }
}

Task<void> events_route(Context ctx, Exchange& exchange, SessionManager* sessions) {
  auto accept = exchange.request.head().headers.get("accept");
  bool live = accept && accept->find("text/event-stream") != std::string_view::npos;
  if (live) {
    co_await answer_stream(ctx, exchange, sessions, follow_events);
  } else {
    co_await answer_with<SessionManager*>(ctx, exchange, sessions, list_events, 200);
  }
}

}  // namespace

void add_session_event_routes(Router& router, SessionManager* sessions) {
  router.add("GET", "/v1/sessions/{id}/events", [sessions](Context ctx, Exchange& exchange) {
    return events_route(ctx, exchange, sessions);
  });
  router.add("GET", "/v1/sessions/{id}/export", [sessions](Context ctx, Exchange& exchange) {
    return answer_stream(ctx, exchange, sessions, export_session);
  });
}

}  // namespace drover::api
