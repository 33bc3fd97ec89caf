// Live streams of a session: its events and its output, taken up again where a connection broke.

#include "app/api_client.h"
#include "app/api_client_errors.h"
#include "base/limits/http.h"

namespace drover::app {
namespace {

/// Above the server's keep-alive comments, so that silence means a dead connection.
constexpr Duration kSilenceMax = 45s;
constexpr Duration kReconnectPause = 300ms;
constexpr int kReconnectsMax = 30;

/// What a stream's `error` event says: it ends here, and coming again does not help.
Error stream_error(std::string_view data) { return answer_error_of(500, std::string(data)); }

/// What is done with an event of a stream; false: enough.
using Take = std::function<Result<bool>(const http::SseEvent& event)>;

Result<bool> hand_over(http::SseParser& parser, const Take& take) {
  for (;;) {
    TRY(const http::SseEvent* event, parser.next());
    if (event == nullptr) return true;
    if (event->event == "error") return fail(stream_error(event->data));
    TRY(bool more, take(*event));
    if (!more) return false;
  }
}

/// Hands over the events of a stream until `take` has enough or the connection ends. False where
/// the server says that none will come.
Task<Result<bool>> read_each(Context ctx, http::Client* client, http::ClientRequest request,
                             const Take* take) {
  CO_TRY(auto response, co_await client->send(ctx, request));
  const int status = response->head().status;
  if (status == 204) co_return false;
  if (status != 200) {
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    co_return fail(answer_error_of(status, body));
  }
  http::SseParser parser;
  for (;;) {
    Context bounded = ctx.with_timeout(kSilenceMax);
    CO_TRY(std::string_view part, co_await response->read_some(bounded));
    if (part.empty()) {
      CO_TRY_VOID(parser.finish());
      co_return true;
    }
    parser.feed(part);
    CO_TRY(bool more, hand_over(parser, *take));
    if (!more) co_return true;
  }
}

/// How far a client of live output is.
struct Heard {
  std::string last;     // the last event's id
  bool over = false;    // the session has ended
  bool enough = false;  // the listener wants no more
};

/// Whether a connection that ended so is taken up again.
bool broke(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kDataLoss;
}

}  // namespace

Task<Result<void>> ApiClient::listen(Context ctx, std::string session, uint64_t from,
                                     const OnLive* on_live) {
  Heard heard;
  const Take take = [on_live, &heard](const http::SseEvent& event) -> Result<bool> {
    TRY(Json data, Json::parse(event.data));
    heard.last = std::string(event.last_id);
    if (event.event == "ended") heard.over = true;
    heard.enough = !(*on_live)(event.event, event.last_id, data);
    return !heard.enough;
  };
  int failures = 0;
  for (;;) {
    CO_TRY(auto asked, request("GET", "/v1/sessions/" + url_part(session) +
                                          "/stream?from=" + std::to_string(from)));
    asked.headers.add("accept", "text/event-stream");
    if (!heard.last.empty()) asked.headers.add("last-event-id", heard.last);
    const std::string before = heard.last;
    auto done = co_await read_each(ctx, client_.get(), std::move(asked), &take);
    if (done && !*done) heard.over = true;
    if (heard.over || heard.enough) co_return Result<void>();
    if (heard.last != before) failures = 0;
    // A stream that ends before its session does is one of a server that is stopping.
    if ((!done && !broke(done.error())) || ++failures > kReconnectsMax) {
      if (!done) co_return fail(std::move(done).error());
      co_return fail(unreachable(url_, Error(Code::kUnavailable, "it ends each connection")));
    }
    CO_TRY_VOID(co_await async::sleep_for(ctx, kReconnectPause));
  }
}

Result<void> ApiClient::follow_live(const std::string& session, uint64_t from,
                                    const OnLive& on_live) {
  return loop_.run_task(listen(root_, session, from, &on_live));
}

Result<void> ApiClient::follow(const std::string& session, uint64_t from, const OnEvent& on_event,
                               const OnLive* on_live) {
  if (on_live == nullptr) return follow_events(session, from, on_event);
  async::Scope beside(root_);
  beside.spawn(listen_quietly(beside.context(), session, from, on_live));
  Result<void> done = follow_events(session, from, on_event);
  beside.cancel("the turn is over");
  loop_.run_task(beside.join());
  return done;
}

/// Beside the events live output is a comfort: without it the answer comes all the same.
Task<void> ApiClient::listen_quietly(Context ctx, std::string session, uint64_t from,
                                     const OnLive* on_live) {
  auto done = co_await listen(ctx, std::move(session), from, on_live);
  (void)done;
}

Result<void> ApiClient::follow_events(const std::string& session, uint64_t from,
                                      const OnEvent& on_event) {
  uint64_t last = from == 0 ? 0 : from - 1;
  bool enough = false;
  const Take take = [&](const http::SseEvent& event) -> Result<bool> {
    TRY(Json parsed, Json::parse(event.data));
    last = static_cast<uint64_t>(parsed.get_int("sequence").value_or(0));
    enough = !on_event(parsed, event.data);
    return !enough;
  };
  int failures = 0;
  for (;;) {
    TRY(auto asked, request("GET", "/v1/sessions/" + url_part(session) + "/events"));
    asked.headers.add("accept", "text/event-stream");
    asked.headers.add("last-event-id", std::to_string(last));
    const uint64_t before = last;
    auto done = loop_.run_task(read_each(root_, client_.get(), std::move(asked), &take));
    if (done || enough) return {};
    if (last != before) failures = 0;
    if (!broke(done.error()) || ++failures > kReconnectsMax) return fail(std::move(done).error());
    TRY_VOID(loop_.run_task(async::sleep_for(root_, kReconnectPause)));
  }
}

}  // namespace drover::app
