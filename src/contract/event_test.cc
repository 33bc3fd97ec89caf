#include "contract/event.h"

#include <gtest/gtest.h>

namespace drover::contract {
namespace {

const std::string kLine =
    R"({"id":"evt_01","session":"ses_01","sequence":7,"time":"2026-11-23T09:20:00.123456Z",)"
    R"("kind":"tool.result","causation":5,"attempt":2,"actor":{"type":"tool","id":"find \"x\""},)"
    R"("data_class":"eu","payload":{"content" : "a\u00e9\n\/", "n":1.50},"salt":"aa",)"
    R"("commitment":"bb","previous_hash":"cc","hash":"dd","new":[1,{"a":null}],"new2":"é"})";

TEST(Event, RoundTripsByteForByte) {
  auto event = decode_event(kLine);
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->sequence, 7u);
  EXPECT_EQ(event->causation, 5u);
  EXPECT_EQ(event->attempt, 2u);
  EXPECT_EQ(event->actor.id, "find \"x\"");
  EXPECT_EQ(event->payload, R"({"content" : "a\u00e9\n\/", "n":1.50})");
  ASSERT_EQ(event->extra.size(), 2u);
  EXPECT_EQ(encode_event(*event), kLine);
}

TEST(Event, EnvelopeHoldsWhenThePayloadIsPurged) {
  Event event = *decode_event(kLine);
  std::string before = envelope_bytes(event);
  event.payload.clear();
  event.salt.clear();
  EXPECT_EQ(envelope_bytes(event), before);
  auto again = decode_event(encode_event(event));
  ASSERT_TRUE(again);
  EXPECT_EQ(envelope_bytes(*again), before);
  event.extra.clear();
  EXPECT_NE(envelope_bytes(event), before);  // unknown members are covered too
}

TEST(Event, MinimalLine) {
  Event event;
  event.id = EventId("evt_1");
  event.session = SessionId("ses_1");
  event.sequence = 1;
  event.time = wall_from_unix_millis(1'790'000'000'000);
  event.kind = "observation";
  event.actor.type = "user";
  auto again = decode_event(encode_event(event));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(encode_event(*again), encode_event(event));
  EXPECT_EQ(encode_event(event).find("causation"), std::string::npos);
}

TEST(Event, RefusesWithTheMembersName) {
  auto with = [](std::string from, std::string to) {
    std::string line = kLine;
    line.replace(line.find(from), from.size(), to);
    return line;
  };
  struct Case {
    std::string line;
    const char* says;
  };
  const Case cases[] = {
      {"", "JSON"},
      {"[]", "object"},
      {R"({"damaged":{"first":2,"last":3,"why":"a flipped bit"}})", "no whole export"},
      {kLine + "x", "after"},
      {with("\"sequence\":7", "\"sequence\":0"), "sequence"},
      {with("\"sequence\":7", "\"sequence\":\"7\""), "sequence"},
      {with("\"sequence\":7,", ""), "sequence"},
      {with("\"sequence\":7", "\"sequence\":7,\"sequence\":7"), "twice"},
      {with("evt_01", "ses_01"), "evt"},
      {with("2026-11-23T", "2026-13-23T"), ""},
      {with("\"attempt\":2", "\"attempt\":99999999999"), "attempt"},
      {with("\"attempt\":2", "\"attempt\":-1"), "attempt"},
      {with("{\"type\":\"tool\",", "{"), "actor"},
      {with("{\"content\"", "[\"content\""), "payload"},
      {with("\"kind\":\"tool.result\"", "\"kind\":\"\""), "kind"},
      {with("\"salt\":\"aa\"", "\"salt\":5"), "salt"},
      {with("\"salt\"", "\n\"salt\""), "line"},
      {with("\"salt\":\"aa\"", "\"salt\":\"\xff\""), "UTF-8"},
  };
  for (const Case& c : cases) {
    auto event = decode_event(c.line);
    ASSERT_FALSE(event) << c.line;
    EXPECT_NE(event.error().message.find(c.says), std::string::npos) << event.error().message;
  }
}

}  // namespace
}  // namespace drover::contract
