// What of a stream goes out, when, and how it ends.

#include "api/gateway_test_fixture.h"

namespace drover::api {
namespace {

using road::answer;
using road::delta_chunk;
using road::end_of_stream;
using road::finish_chunk;
using road::good_stream;
using road::ImposterScript;
using road::role_chunk;
using road::sse;
using road::stream_head;
using road::usage_chunk;

class GatewayStream : public GatewayTest {};

TEST_F(GatewayStream, StatusAndStartUpEventsWaitForTheFirstVisibleDelta) {
  add("one.test");
  ImposterScript s = stream_head();
  s.then(sse(role_chunk()), 100ms).then(sse(role_chunk()), 100ms);
  s.then(sse(delta_chunk("Hel")), 300ms).then(sse(delta_chunk("lo")), 50ms);
  s.then(sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream(), 50ms);
  imposter("one.test").script(s);
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_GE(reply.head_at, 500ms) << "not with the role, which is not visible";
  EXPECT_LT(reply.head_at, 550ms) << "but with the first text";
  ASSERT_FALSE(reply.parts.empty());
  // What was held back comes with the first text, before it and in order.
  std::vector<std::string> first = data_of(reply.parts.front().bytes);
  ASSERT_EQ(first.size(), 3u) << reply.parts.front().bytes;
  EXPECT_NE(first[0].find(R"("role":"assistant")"), std::string::npos);
  EXPECT_NE(first[1].find(R"("role":"assistant")"), std::string::npos);
  EXPECT_NE(first[2].find(R"("content":"Hel")"), std::string::npos);
  EXPECT_EQ(data_of(reply.body).back(), "[DONE]");
}

TEST_F(GatewayStream, WhatCameTogetherGoesOutTogether) {
  add("one.test");
  ImposterScript s = stream_head();
  s.then(sse(role_chunk()) + sse(delta_chunk("a")) + sse(delta_chunk("b")), 10ms);
  s.then(sse(delta_chunk("c")), 10ms);
  s.then(sse(delta_chunk("d")) + sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream(), 10ms);
  imposter("one.test").script(s);
  // One that is here whole needs no stream.
  ImposterScript whole = stream_head();
  whole.then(sse(role_chunk()) + sse(delta_chunk("a")) + sse(finish_chunk()) + end_of_stream());
  imposter("one.test").script(whole);
  Reply reply = chat(true);
  ASSERT_EQ(reply.parts.size(), 3u) << reply.body;
  EXPECT_EQ(data_of(reply.parts[0].bytes).size(), 3u);
  EXPECT_EQ(data_of(reply.parts[1].bytes).size(), 1u);
  EXPECT_EQ(data_of(reply.parts[2].bytes).back(), "[DONE]");
  EXPECT_EQ(data_of(reply.body).size(), 7u) << "usage was not asked for by the caller";

  Reply quick = chat(true);
  EXPECT_EQ(quick.header("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(quick.header("content-length"), std::to_string(quick.body.size()));
  EXPECT_EQ(data_of(quick.body).size(), 4u);
}

TEST_F(GatewayStream, AnErrorRightBehindVisibleTextIsAnEventToo) {
  add("one.test");
  add("two.test", "env:OTHER_KEY");
  ImposterScript broken = stream_head();
  broken.then(sse(delta_chunk("Hel")) + sse("{garbage"));
  imposter("one.test").script(broken);
  imposter("two.test").script(good_stream());
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 200);
  std::vector<std::string> events = data_of(reply.body);
  ASSERT_EQ(events.size(), 2u) << reply.body;
  EXPECT_NE(events[0].find("Hel"), std::string::npos) << "what was said is not lost";
  EXPECT_NE(events[1].find("error"), std::string::npos);
  EXPECT_TRUE(imposter("two.test").requests().empty());
}

TEST_F(GatewayStream, EventsOfAnAttemptThatFailedAreNotSeen) {
  add("one.test");
  add("two.test", "env:OTHER_KEY");
  ImposterScript cut = stream_head();
  cut.then(sse(R"({"id":"first","object":"chat.completion.chunk","created":1,"model":"up-1",)"
               R"("choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})"));
  cut.then("", 200ms).and_close();
  imposter("one.test").script(cut);
  imposter("two.test").script(good_stream());
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("x-drover-endpoint"), "two.test");
  EXPECT_EQ(reply.body.find("first"), std::string::npos) << reply.body;
  EXPECT_EQ(data_of(reply.body).back(), "[DONE]");
}

TEST_F(GatewayStream, ABreakAfterVisibleTextEndsWithAnErrorEvent) {
  add("one.test");
  add("two.test", "env:OTHER_KEY");
  ImposterScript cut = stream_head();
  cut.then(sse(role_chunk()) + sse(delta_chunk("Hel"))).then("", 100ms).and_close();
  imposter("one.test").script(cut);
  imposter("two.test").script(good_stream());
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 200);
  std::vector<std::string> events = data_of(reply.body);
  ASSERT_GE(events.size(), 2u);
  Json last = Json::parse(events.back()).value_or(Json());
  ASSERT_NE(last.find("error"), nullptr) << "never a clean end: " << events.back();
  EXPECT_EQ(reply.body.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(imposter("two.test").requests().empty()) << "never switched silently";
}

TEST_F(GatewayStream, AStreamThatFailsBeforeAnythingIsVisibleIsAPlainError) {
  add("one.test");
  imposter("one.test").script(answer(400, R"({"error":{"message":"bad","code":"bad_thing"}})"));
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.header("content-type"), "application/json");
  EXPECT_EQ(reply.error_member("code"), "bad_thing");
}

TEST_F(GatewayStream, WhatIsHeldBackIsBounded) {
  add("one.test");
  ImposterScript flood = stream_head();
  std::string big = R"({"id":"s1","object":"chat.completion.chunk","created":1,"model":"up-1",)"
                    R"("choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"pad":")" +
                    std::string(100'000, 'x') + R"("})";
  for (int i = 0; i < 12; ++i) flood.then(sse(big), 1ms);
  imposter("one.test").script(flood);
  Reply reply = chat(true);
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.error_member("message").find("said nothing"), std::string::npos) << reply.body;
  // Another endpoint may have something to say.
  add("two.test", "env:OTHER_KEY");
  imposter("two.test").script(good_stream());
  Reply better = chat(true);
  EXPECT_EQ(better.status, 200);
  EXPECT_EQ(better.header("x-drover-endpoint"), "two.test");
}

}  // namespace
}  // namespace drover::api
