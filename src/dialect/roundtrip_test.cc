// Every recorded session goes through every dialect: requests out and in, answers whole and
// streamed, and must come back identical (arguments as JSON where the dialect carries objects).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/random.h"
#include "dialect/dialect.h"

namespace drover::dialect {
namespace {

using contract::Message;
using contract::Role;

std::vector<std::vector<Message>> recordings() {
  const char* shared = std::getenv("DROVER_SHARED");
  std::string root = shared != nullptr ? shared : DROVER_SOURCE_DIR "/../shared";
  std::ifstream file(root + "/data/sessions/airline.jsonl");
  std::vector<std::vector<Message>> out;
  std::string line;
  while (std::getline(file, line)) {
    auto json = Json::parse(line);
    if (!json) ADD_FAILURE() << json.error().message;
    std::vector<Message> messages;
    for (const Json& item : *json->find("messages")->array_items()) {
      auto m = contract::message_from_json(item);
      if (!m) ADD_FAILURE() << m.error().message;
      messages.push_back(std::move(*m));
    }
    out.push_back(std::move(messages));
  }
  return out;
}

void canonical_arguments(Message& m) {
  for (contract::ToolCall& call : m.tool_calls) {
    auto json = Json::parse(call.arguments.empty() ? "{}" : call.arguments);
    if (json) call.arguments = json->dump();
  }
}

void expect_same(Message want, Message got, bool objects, const std::string& where) {
  if (objects) {
    canonical_arguments(want);
    canonical_arguments(got);
  }
  EXPECT_EQ(contract::to_json(want).dump(), contract::to_json(got).dump()) << where;
  EXPECT_TRUE(want == got) << where;
}

class EveryDialect : public ::testing::TestWithParam<std::string> {
 protected:
  const Dialect& dialect() { return *find(GetParam()); }
  bool objects() { return GetParam() == "converse"; }
};

TEST_P(EveryDialect, CarriesRecordedRequests) {
  auto sessions = recordings();
  if (sessions.empty()) GTEST_SKIP() << "no recordings: set DROVER_SHARED";
  EXPECT_EQ(sessions.size(), 150u);
  for (size_t s = 0; s < sessions.size(); ++s) {
    ChatRequest request;
    request.model = "m";
    request.messages = sessions[s];
    auto encoded = dialect().encode_request(request);
    ASSERT_TRUE(encoded) << s << ": " << encoded.error().message;
    EXPECT_TRUE(encoded->dropped.empty()) << s << ": " << encoded->dropped[0];
    auto decoded = dialect().decode_request(encoded->body);
    ASSERT_TRUE(decoded) << s << ": " << decoded.error().message;
    ASSERT_EQ(decoded->messages.size(), request.messages.size()) << s;
    for (size_t i = 0; i < request.messages.size(); ++i) {
      expect_same(request.messages[i], decoded->messages[i], objects(),
                  "session " + std::to_string(s) + " message " + std::to_string(i));
    }
  }
}

ChatResponse answer_of(const Message& m) {
  ChatResponse r;
  r.id = "resp_1";
  r.model = "m";
  r.created = 1'790'000'000;
  r.message = m;
  r.finish_reason =
      m.tool_calls.empty() ? contract::FinishReason::kStop : contract::FinishReason::kToolCalls;
  r.usage.input_tokens = 100;
  r.usage.output_tokens = 20;
  r.usage.cache_read_tokens = 40;
  return r;
}

TEST_P(EveryDialect, CarriesRecordedAnswers) {
  for (const auto& session : recordings()) {
    for (const Message& m : session) {
      if (m.role != Role::kAssistant) continue;
      auto back = dialect().decode_response(dialect().encode_response(answer_of(m)));
      ASSERT_TRUE(back) << back.error().message;
      expect_same(m, back->message, objects(), "answer");
      EXPECT_EQ(back->finish_reason, answer_of(m).finish_reason);
      EXPECT_EQ(back->usage, answer_of(m).usage);
    }
  }
}

// Cuts a message into deltas at random places, as a model's stream does.
std::vector<StreamDelta> deltas_of(const ChatResponse& r, Random& random) {
  std::vector<StreamDelta> out;
  contract::StreamStart start;
  start.id = r.id;
  start.model = r.model;
  start.created = r.created;
  out.emplace_back(start);
  auto pieces = [&](const std::string& text, auto emit) {
    size_t at = 0;
    while (at < text.size()) {
      size_t n = 1 + random.below(40);
      emit(text.substr(at, n));
      at += n;
    }
  };
  if (r.message.empty_text) out.emplace_back(contract::TextDelta{""});
  for (const contract::Part& part : r.message.parts) {
    pieces(std::get<contract::TextPart>(part).text,
           [&](std::string s) { out.emplace_back(contract::TextDelta{std::move(s)}); });
  }
  int index = 0;
  for (const contract::ToolCall& call : r.message.tool_calls) {
    contract::ToolCallDelta head;
    head.index = index;
    head.id = call.id;
    head.name = call.name;
    out.emplace_back(head);
    pieces(call.arguments, [&](std::string s) {
      contract::ToolCallDelta d;
      d.index = index;
      d.arguments = std::move(s);
      out.emplace_back(d);
    });
    ++index;
  }
  out.emplace_back(contract::FinishDelta{r.finish_reason, ""});
  out.emplace_back(contract::UsageDelta{r.usage});
  return out;
}

TEST_P(EveryDialect, CarriesRecordedStreams) {
  SeededRandom random(7);
  ChatRequest request;
  request.model = "m";
  request.stream = true;
  request.include_usage = true;
  for (const auto& session : recordings()) {
    for (const Message& m : session) {
      if (m.role != Role::kAssistant) continue;
      auto encoder = dialect().make_stream_encoder(request);
      auto decoder = dialect().make_stream_decoder();
      contract::StreamAssembler assembler;
      std::vector<WireEvent> events;
      for (const StreamDelta& d : deltas_of(answer_of(m), random)) encoder->encode(d, events);
      encoder->finish(events);
      for (size_t i = 0; i < events.size(); ++i) {
        EXPECT_FALSE(decoder->ended());
        std::vector<StreamDelta> deltas;
        auto fed = decoder->feed(events[i], deltas);
        ASSERT_TRUE(fed) << fed.error().message << "\n" << events[i].data;
        for (const StreamDelta& d : deltas) assembler.add(d);
      }
      EXPECT_TRUE(decoder->ended());
      EXPECT_TRUE(assembler.finished());
      ChatResponse back = assembler.take();
      expect_same(m, back.message, false, "stream");
      EXPECT_EQ(back.usage, answer_of(m).usage);
      EXPECT_EQ(back.finish_reason, answer_of(m).finish_reason);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dialects, EveryDialect, ::testing::Values("openai", "azure", "converse"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace drover::dialect
