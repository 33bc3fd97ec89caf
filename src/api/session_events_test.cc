// A session's journal over HTTP, whole and damaged.
#include "api/session_events.h"

#include <fmt/format.h>

#include "api/api_test_fixture.h"
#include "http/sse.h"
#include "road/effects.h"
#include "store/damaged_journal.h"
#include "store/memory/memory_store.h"

namespace drover::api {
namespace {

class SessionEventsTest : public ApiFixture {
 protected:
  SessionEventsTest() {
    session::Services s;
    s.loop = &loop_;
    s.random = &random_;
    s.journal = &journal_;
    s.road = road_.get();
    s.tools = &tools_;
    s.effects = &effects_;
    sessions_ = std::make_unique<session::SessionManager>(s, Context(loop_));
    add_session_event_routes(*router_, sessions_.get());
    serve();
    session::NewSession spec;
    spec.agent = *session::AgentSpec::from_json(*Json::parse(R"({"name":"a","models":["m"]})"));
    id_ = *loop_.run_task(sessions_->create(Context(loop_), who_, std::move(spec)));
    for (int i = 0; i < 5; ++i) reward();
    path_ = "/v1/sessions/" + id_.str();
  }
  ~SessionEventsTest() override {
    stop_serving();
    loop_.run_task(sessions_->stop());
  }

  void reward() {
    Json payload = Json::object().set("name", "x").set("value", 1);
    ASSERT_TRUE(loop_.run_task(sessions_->reward(Context(loop_), who_, id_, std::move(payload))));
  }
  void end() {
    ASSERT_TRUE(loop_.run_task(sessions_->cancel(Context(loop_), who_, id_, "")));
    loop_.run_for(1s);
  }
  Reply follow(const std::string& query) {
    http::ClientRequest asked = request("GET", path_ + "/events" + query);
    asked.headers.add("accept", "text/event-stream");
    return call(std::move(asked));
  }
  static Task<void> take(Context ctx, http::Client* client, http::ClientRequest asked,
                         Reply* reply) {
    *reply = co_await exchange(ctx, client, std::move(asked));
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      out.push_back(text.substr(at, end - at));
      at = end == std::string::npos ? text.size() : end + 1;
    }
    return out;
  }
  /// "1 2 !3-4 5": ids of events, and gaps.
  static std::string told(const std::string& body) {
    http::SseParser parser;
    parser.feed(body);
    std::string out;
    for (;;) {
      auto event = parser.next();
      EXPECT_TRUE(event);
      if (!event || *event == nullptr) return out;
      const http::SseEvent& e = **event;
      out += out.empty() ? "" : " ";
      if (e.event == "error") {
        out += "error";
      } else if (e.event == "damaged") {
        Json gap = Json::parse(e.data).value_or(Json());
        out += fmt::format("!{}-{}", gap.get_int("first").value_or(0),
                           gap.get_int("last").value_or(0));
      } else {
        out += e.last_id;
      }
    }
  }

  store::MemoryStore store_{random_};
  store::DamagedJournal journal_{store_.journal()};
  road::Effects effects_{random_, nullptr, nullptr};
  NoTools tools_;
  std::unique_ptr<session::SessionManager> sessions_;
  identity::Principal who_ = identity::Principal::system(TenantId("ten_a"));
  SessionId id_;
  std::string path_;
};

TEST_F(SessionEventsTest, AnExportOfADamagedJournalIsAnErrorThatSaysWhere) {
  EXPECT_EQ(lines(call("GET", path_ + "/export").body).size(), 6u);
  journal_.damaged = {3, 4};
  Reply refused = call("GET", path_ + "/export");
  EXPECT_EQ(refused.status, 500);
  EXPECT_EQ(refused.error_member("code"), "data_loss") << refused.body;
  const std::string message = refused.error_member("message");
  EXPECT_NE(message.find("segment 7 at byte 99"), std::string::npos) << message;
  EXPECT_NE(message.find("skip_damaged=true"), std::string::npos) << message;
}

TEST_F(SessionEventsTest, TheReadablePartIsExportedOnRequestWithItsGaps) {
  journal_.damaged = {3, 4};
  journal_.forged[6] = "{}";
  Reply part = call("GET", path_ + "/export?skip_damaged=true");
  EXPECT_EQ(part.status, 200);
  const std::vector<std::string> all = lines(part.body);
  ASSERT_EQ(all.size(), 5u) << part.body;
  EXPECT_EQ(all[2], R"x({"damaged":{"first":3,"last":4,)x"
                    R"x("why":"events are damaged (segment 7 at byte 99)"}})x");
  EXPECT_EQ(contract::decode_event(all[3])->sequence, 5u);
  EXPECT_NE(all[4].find(R"({"damaged":{"first":6,"last":6,)"), std::string::npos) << all[4];
  EXPECT_FALSE(contract::decode_event(all[4])) << "such an export is not taken in";
  EXPECT_EQ(call("GET", path_ + "/export?skip_damaged=perhaps").status, 400);
}

TEST_F(SessionEventsTest, AListNamesTheDamageOrItsGaps) {
  journal_.damaged = {2};
  Reply refused = call("GET", path_ + "/events");
  EXPECT_EQ(refused.error_member("code"), "data_loss") << refused.body;
  EXPECT_EQ(call("GET", path_ + "/events?from=3").status, 200) << "the rest is readable";
  Reply list = call("GET", path_ + "/events?skip_damaged=true&limit=4");
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.json().find("data")->array_items()->size(), 3u);
  EXPECT_EQ(list.json().get_bool("has_more"), true);
  EXPECT_EQ(list.json().find("damaged")->array_items()->size(), 1u);
}

TEST_F(SessionEventsTest, ALiveStreamStopsAtDamageAndSaysSo) {
  end();
  EXPECT_EQ(told(follow("").body), "1 2 3 4 5 6 7");
  journal_.damaged = {4, 5};
  Reply stopped = follow("");
  EXPECT_EQ(stopped.status, 200);
  EXPECT_EQ(told(stopped.body), "1 2 3 error");
  EXPECT_NE(stopped.body.find("segment 7 at byte 99"), std::string::npos) << stopped.body;
  EXPECT_TRUE(stopped.error.message.empty()) << "the stream itself is whole";
  EXPECT_EQ(told(follow("?skip_damaged=true").body), "1 2 3 !4-5 6 7");
  EXPECT_EQ(told(follow("?from=6").body), "6 7");
}

TEST_F(SessionEventsTest, AStreamThatBeginsAtDamageIsRefused) {
  journal_.damaged = {1};
  Reply refused = follow("");
  EXPECT_EQ(refused.status, 500);
  EXPECT_EQ(refused.error_member("code"), "data_loss") << refused.body;
}

TEST_F(SessionEventsTest, AServerThatStopsDoesNotEndTheStreamAsASessionDoes) {
  http::ClientRequest asked = request("GET", path_ + "/events");
  asked.headers.add("accept", "text/event-stream");
  async::Scope scope{Context(loop_)};
  Reply reply;
  scope.spawn(take(Context(loop_), caller_.get(), std::move(asked), &reply));
  loop_.run_for(1s);
  loop_.run_task(server_->stop(Context(loop_), 1s));
  loop_.run_task(scope.join());
  EXPECT_EQ(told(reply.body), "1 2 3 4 5 6");
  EXPECT_FALSE(reply.error.message.empty()) << "it must look broken";
}

}  // namespace
}  // namespace drover::api
