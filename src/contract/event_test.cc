#include "contract/event.h"

#include <gtest/gtest.h>

#include "base/random.h"

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

// The order and form that the chain's hashes have been made over ever since.
std::string slow_envelope(const Event& e) {
  Json actor = Json::object().set("type", e.actor.type);
  if (!e.actor.id.empty()) actor.set("id", e.actor.id);
  Json line = Json::object()
                  .set("id", e.id.str())
                  .set("session", e.session.str())
                  .set("sequence", e.sequence)
                  .set("time", format_rfc3339(e.time))
                  .set("kind", e.kind);
  if (e.causation != 0) line.set("causation", e.causation);
  if (e.attempt != 0) line.set("attempt", e.attempt);
  line.set("actor", actor);
  if (!e.data_class.empty()) line.set("data_class", e.data_class);
  for (const Json::Member& m : e.extra) line.set(m.first, m.second);
  return line.dump();
}

TEST(Event, EnvelopeIsAsATreeWouldPrintIt) {
  SeededRandom random(4);
  auto some_text = [&] {
    std::string out;
    while (!random.chance(0.05)) out.push_back(static_cast<char>(random.below(128)));
    return out;
  };
  for (int round = 0; round < 2'000; ++round) {
    Event event;
    event.id = EventId(some_text());
    event.session = SessionId::make(wall_from_unix_millis(round), random);
    event.sequence = random.next() >> random.below(64);
    event.time = wall_from_unix_nanos(static_cast<int64_t>(random.next()));
    event.kind = some_text();
    event.causation = random.chance(0.5) ? 0 : random.next() >> random.below(64);
    event.attempt = static_cast<uint32_t>(random.below(3));
    event.actor.type = some_text();
    event.actor.id = some_text();
    event.data_class = random.chance(0.5) ? "" : some_text();
    if (random.chance(0.5)) event.extra.emplace_back("new", Json::array().push(some_text()));
    ASSERT_EQ(envelope_bytes(event), slow_envelope(event));
  }
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
