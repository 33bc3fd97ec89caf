// The small parts of a simulated cloud: tokens, prompt cache, quota, latency, faults, stream plan.

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "http/event_stream.h"
#include "sim/fault.h"
#include "sim/latency.h"
#include "sim/ledger.h"
#include "sim/prompt_cache.h"
#include "sim/quota.h"
#include "sim/stream_plan.h"
#include "sim/tokens.h"

namespace drover::sim {
namespace {

MonoTime at(Duration d) { return MonoTime(d); }

TEST(Tokens, AreBytesByFourRoundedUp) {
  EXPECT_EQ(count_tokens(""), 0);
  EXPECT_EQ(count_tokens("abcd"), 1);
  EXPECT_EQ(count_tokens("abcde"), 2);
}

TEST(Tokens, AnAppendedMessageLeavesThePromptsPrefix) {
  contract::ChatRequest request;
  request.messages.push_back(contract::Message::of_text(contract::Role::kUser, "one"));
  std::string before = prompt_text(request);
  request.messages.push_back(contract::Message::of_text(contract::Role::kAssistant, "two"));
  EXPECT_TRUE(prompt_text(request).starts_with(before));
}

TEST(PromptCache, CountsWholeKnownBlocksFromTheStart) {
  PromptCacheRules rules;
  rules.block_tokens = 10;
  rules.tokens_min = 20;
  PromptCache cache(rules);
  std::string prompt(200, 'x');  // 50 tokens
  EXPECT_EQ(cache.use("m", prompt, at(0s)).read_tokens, 0);
  EXPECT_EQ(cache.use("m", prompt + "more", at(1s)).read_tokens, 50);
  EXPECT_EQ(cache.use("other", prompt, at(1s)).read_tokens, 0);
  std::string changed = prompt;
  changed[90] = 'y';  // in the third block
  PromptCacheUse use = cache.use("m", changed, at(2s));
  EXPECT_EQ(use.read_tokens, 20);
  EXPECT_EQ(use.write_tokens, 30);
  changed[45] = 'z';  // one block left: below the minimum, so nothing is read
  use = cache.use("m", changed, at(2s));
  EXPECT_EQ(use.read_tokens, 0);
  EXPECT_EQ(use.write_tokens, 50);
  EXPECT_EQ(cache.use("m", prompt, at(400s)).read_tokens, 0) << "its lifetime is over";
  EXPECT_EQ(cache.use("m", "short", at(401s)).write_tokens, 0);
}

TEST(Quota, RefusesByRequestsAndByTokensAndRefills) {
  QuotaRules rules;
  rules.requests_per_minute = 2;
  Quota quota(rules);
  EXPECT_TRUE(quota.take(5, at(0s)).admitted);
  EXPECT_TRUE(quota.take(5, at(0s)).admitted);
  QuotaState state = quota.take(5, at(0s));
  EXPECT_FALSE(state.admitted);
  EXPECT_FALSE(state.by_tokens);
  EXPECT_EQ(state.wait, Duration(30s));
  EXPECT_EQ(state.requests_left, 0);
  EXPECT_TRUE(quota.take(5, at(30s)).admitted);

  rules.requests_per_minute = 0;
  rules.tokens_per_minute = 600;
  quota.set(rules);
  EXPECT_TRUE(quota.take(600, at(60s)).admitted);
  state = quota.take(100, at(60s));
  EXPECT_TRUE(!state.admitted && state.by_tokens);
  EXPECT_EQ(state.wait, Duration(10s));
  EXPECT_TRUE(quota.take(100, at(70s)).admitted);
  EXPECT_TRUE(quota.take(10'000, at(130s)).admitted) << "larger than the bucket: when it is full";
  EXPECT_FALSE(quota.take(1, at(130s)).admitted);
}

TEST(Quota, WritesDurationsAsGoDoes) {
  EXPECT_EQ(go_duration(50ms), "50ms");
  EXPECT_EQ(go_duration(1s), "1s");
  EXPECT_EQ(go_duration(1500ms), "1.5s");
  EXPECT_EQ(go_duration(6min), "6m0s");
  EXPECT_EQ(go_duration(-1s), "0ms");
}

TEST(Latency, IsBasePrefillAndRateWithinItsJitter) {
  LatencyModel latency;
  SeededRandom random(1);
  EXPECT_EQ(latency.to_first_token(10'000, random), 0ns);
  EXPECT_EQ(latency.for_tokens(10, random), 0ns);
  latency.first_token = 100ms;
  latency.prefill_tokens_per_second = 10'000;
  latency.tokens_per_second = 100;
  EXPECT_EQ(latency.to_first_token(1'000, random), Duration(200ms));
  EXPECT_EQ(latency.for_tokens(10, random), Duration(100ms));
  latency.jitter = 0.5;
  for (int i = 0; i < 100; ++i) {
    Duration d = latency.for_tokens(10, random);
    EXPECT_TRUE(d >= 50ms && d <= 150ms);
  }
}

TEST(Faults, AreTakenByMatchCountAndChance) {
  FaultQueue queue(1);
  Fault fault;
  fault.kind = FaultKind::kCut;
  fault.model = "gpt";
  fault.stream = true;
  fault.count = 2;
  ASSERT_TRUE(queue.add(fault).has_value());
  FaultTarget target;
  target.model = "gpt-4o";
  EXPECT_FALSE(queue.take(target).has_value()) << "not a stream";
  target.stream = true;
  EXPECT_TRUE(queue.take(target).has_value());
  EXPECT_TRUE(queue.take(target).has_value());
  EXPECT_FALSE(queue.take(target).has_value());
  fault.count = -1;
  fault.probability = 0.25;
  ASSERT_TRUE(queue.add(fault).has_value());
  int happened = 0;
  for (int i = 0; i < 400; ++i) happened += queue.take(target).has_value() ? 1 : 0;
  EXPECT_TRUE(happened > 60 && happened < 140) << happened;
  EXPECT_FALSE(queue.take_refusal("r"));
  fault = Fault();
  fault.kind = FaultKind::kRefuse;
  ASSERT_TRUE(queue.add(fault).has_value());
  EXPECT_TRUE(queue.take_refusal("r"));
  EXPECT_FALSE(queue.take_refusal("r"));
}

TEST(Faults, SurviveTheirJson) {
  for (int i = 0; i <= static_cast<int>(FaultKind::kWrongContentType); ++i) {
    Fault fault;
    fault.kind = static_cast<FaultKind>(i);
    fault.duration = 20ms;
    fault.region = "eu";
    fault.stream = false;
    auto back = Fault::from_json(fault.to_json());
    ASSERT_TRUE(back.has_value()) << fault_name(fault.kind);
    EXPECT_EQ(back->to_json(), fault.to_json());
    EXPECT_NE(fault_name(fault.kind), "unknown");
  }
  EXPECT_FALSE(Fault::from_json(*Json::parse(R"({"kind":"flood"})")).has_value());
  EXPECT_FALSE(Fault::from_json(*Json::parse(R"({"kind":"cut","probability":2})")).has_value());
  const std::pair<const char*, const char*> slips[] = {
      {R"("count":"2")", "count must be a whole number"},
      {R"("count":1.5)", "count must be a whole number"},
      {R"("duration_ms":"20")", "duration_ms must be a whole number"},
      {R"("duration_ms":99999999999999)", "count, probability or duration_ms is out of range"},
      {R"("probability":"0.5")", "probability must be a number"},
      {R"("stream":"true")", "stream must be true or false"},
      {R"("model":["gpt"])", "model must be text"},
      {R"("session":null)", "session must be text"}};
  for (const auto& [member, says] : slips) {
    auto fault = Fault::from_json(*Json::parse(R"({"kind":"cut",)" + std::string(member) + "}"));
    ASSERT_FALSE(fault.has_value()) << member;
    EXPECT_EQ(fault.error().message, says);
  }
}

TEST(Ledger, SumsWhatWasClosed) {
  Ledger ledger;
  LedgerEntry entry;
  entry.model = "m";
  uint64_t one = ledger.open(entry);
  uint64_t two = ledger.open(entry);
  ledger.find(one)->billed.output = 7;
  ledger.find(one)->status = 200;
  ledger.close(one, "ok");
  ledger.find(two)->billed.output = 3;
  ledger.close(two, "aborted");
  EXPECT_EQ(ledger.billed().output, 10);
  EXPECT_EQ(ledger.count("aborted"), 1u);
  EXPECT_EQ(ledger.to_json(1).find("log")->array_items()->size(), 1u);
  EXPECT_EQ(ledger.find(3), nullptr);
}

contract::Message sample() {
  contract::Message message = contract::Message::of_text(
      contract::Role::kAssistant, "Grüße 👩‍👩‍👧 aus 東京, at some length.");
  for (int i = 0; i < 3; ++i) {
    contract::ToolCall call;
    call.id = "id" + std::to_string(i);
    call.name = "tool";
    call.arguments = R"({"text":"žluťoučký kůň","n":)" + std::to_string(i) + "}";
    message.tool_calls.push_back(call);
  }
  return message;
}

TEST(StreamPlan, PiecesAreCharactersAndMakeTheMessageAgain) {
  bool interleaved = false;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    SeededRandom random(seed);
    StreamPlanOptions options;
    options.tokens_per_event = 1;
    options.interleave_calls = true;
    contract::StreamAssembler assembler;
    int last = -1;
    for (const StreamStep& step : plan_stream(sample(), options, random)) {
      if (const auto* text = std::get_if<contract::TextDelta>(&step.delta)) {
        EXPECT_TRUE(is_utf8(text->text));
      }
      if (const auto* call = std::get_if<contract::ToolCallDelta>(&step.delta)) {
        EXPECT_TRUE(is_utf8(call->arguments));
        if (call->index < last) interleaved = true;
        last = call->index;
      }
      assembler.add(step.delta);
    }
    EXPECT_EQ(assembler.take().message, sample());
  }
  EXPECT_TRUE(interleaved);
}

TEST(StreamPlan, EventFramesCarryPaddingThatHidesNothing) {
  SeededRandom random(3);
  bool padded = false;
  bool bare = false;
  for (int i = 0; i < 20; ++i) {
    std::string bytes;
    dialect::WireEvent event;
    event.type = "messageStop";
    event.data = R"({"stopReason":"end_turn"})";
    append_wire_event(dialect::Framing::kEventStream, event, &random, bytes);
    http::EventStreamDecoder decoder;
    decoder.feed(bytes);
    auto message = decoder.next();
    ASSERT_TRUE(message.has_value() && *message != nullptr);
    EXPECT_EQ((*message)->text(":event-type"), "messageStop");
    auto json = Json::parse((*message)->payload);
    ASSERT_TRUE(json.has_value());
    EXPECT_EQ(json->get_string("stopReason"), "end_turn");
    (json->find("p") != nullptr ? padded : bare) = true;
  }
  EXPECT_TRUE(padded && bare);
}

}  // namespace
}  // namespace drover::sim
