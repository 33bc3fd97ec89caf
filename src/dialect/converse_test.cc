#include <gtest/gtest.h>

#include "base/random.h"
#include "dialect/converse_wire.h"

namespace drover::dialect {
namespace {

using namespace contract;

TEST(ToolIds, AreUniqueAndComeBack) {
  SeededRandom random(3);
  const char* pool[] = {"a",       "a--1", "a--2", "a--2--1", "b",
                        "a--1--1", "--1",  "b--3", "a--x",    "a--"};
  for (int round = 0; round < 5'000; ++round) {
    converse_wire::ToolIds out;
    converse_wire::ToolIds in;
    std::set<std::string> seen;
    for (int i = 0; i < 8; ++i) {
      std::string id = pool[random.below(std::size(pool))];
      std::string wire = out.assign(id);
      EXPECT_TRUE(seen.insert(wire).second) << wire;
      EXPECT_EQ(in.restore(wire), id) << wire;
    }
  }
}

TEST(ToolIds, OfOtherAlphabetsBecomeLegal) {
  converse_wire::ToolIds ids;
  std::set<std::string> seen;
  for (const std::string& id : {std::string("functions.find:0"), std::string(),
                                std::string(100, 'x'), std::string("functions.find:0")}) {
    std::string wire = ids.assign(id);
    EXPECT_TRUE(seen.insert(wire).second);
    EXPECT_LE(wire.size(), 64u);
    EXPECT_EQ(wire.find_first_of(".:"), std::string::npos);
    EXPECT_FALSE(wire.empty());
  }
}

Message call_message(std::vector<std::string> ids) {
  Message m;
  m.role = Role::kAssistant;
  for (std::string& id : ids) {
    ToolCall call;
    call.id = std::move(id);
    call.name = "f";
    call.arguments = "{}";
    m.tool_calls.push_back(std::move(call));
  }
  return m;
}

Message result_message(std::string id, std::string text) {
  Message m = Message::of_text(Role::kTool, std::move(text));
  m.tool_call_id = std::move(id);
  m.name = "f";
  return m;
}

TEST(Converse, PairsResultsOfEqualIdsByPosition) {
  ChatRequest r;
  r.messages = {
      Message::of_text(Role::kUser, "go"), call_message({"x", "x"}), result_message("x", "first"),
      result_message("x", "second"),       call_message({"x"}),      result_message("x", "")};
  auto encoded = converse().encode_request(r);
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_NE(encoded->body.find(R"("toolUseId":"x--2","content":[{"text":"second"}])"),
            std::string::npos);
  EXPECT_NE(encoded->body.find(R"("toolUseId":"x--3","content":[]})"), std::string::npos);
  auto back = converse().decode_request(encoded->body);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(back->messages == r.messages);
}

TEST(Converse, TurnsThatFollowEachOtherBecomeOneAndStayIt) {
  auto request = openai().decode_request(
      R"({"model":"m","messages":[{"role":"user","content":"Go"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"assistant","content":"Again."},{"role":"assistant","content":""}]})");
  ASSERT_TRUE(request);
  auto first = converse().encode_request(*request);
  ASSERT_TRUE(first);
  EXPECT_LT(first->body.find("Again."), first->body.find("toolUse"));
  auto again = converse().decode_request(first->body);
  ASSERT_TRUE(again);
  auto second = converse().encode_request(*again);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body, first->body);
}

TEST(Converse, ReportsWhatItLeavesOut) {
  ChatRequest r;
  r.messages = {Message::of_text(Role::kUser, "go")};
  r.messages[0].name = "ann";
  r.messages[0].extra = {{"weight", 1}};
  std::get<TextPart>(r.messages[0].parts[0]).extra = {{"mark", true}};
  r.seed = 1;
  r.user = "u";
  r.parallel_tool_calls = false;
  r.extra = {{"store", true},
             {"verbosity", "low"},
             {"service_tier", "auto"},
             {"logprobs", false},
             {"presence_penalty", 0}};
  auto encoded = converse().encode_request(r);
  ASSERT_TRUE(encoded) << encoded.error().message;
  const std::vector<std::string> want = {"messages.weight",
                                         "messages.name",
                                         "messages.content.mark",
                                         "store",
                                         "verbosity",
                                         "service_tier",
                                         "parallel_tool_calls",
                                         "seed",
                                         "user"};
  EXPECT_EQ(encoded->dropped, want);
}

TEST(Converse, RefusesRequestsThatTheServiceRefuses) {
  struct Case {
    const char* body;
    const char* says;
  };
  const Case cases[] = {
      {"{", "JSON"},
      {"[]", "object"},
      {"{}", "messages"},
      {R"({"messages":{}})", "array"},
      {R"({"messages":[{"role":"user"}]})", "content"},
      {R"({"messages":[{"role":"tool","content":[]}]})", "role"},
      {R"({"messages":[{"role":"user","content":[]},{"role":"user","content":[]}]})", "alternate"},
      {R"({"messages":[{"role":"user","content":[{"text":5}]}]})", "text"},
      {R"({"messages":[{"role":"user","content":["x"]}]})", "block"},
      {R"({"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"!"}}}]}]})",
       "base64"},
      {R"({"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[]}}]}]})",
       "answers no"},
      {R"({"messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"x"}}]}})", "inputSchema"},
  };
  for (const Case& c : cases) {
    auto decoded = converse().decode_request(c.body);
    ASSERT_FALSE(decoded) << c.body;
    EXPECT_NE(decoded.error().message.find(c.says), std::string::npos) << decoded.error().message;
    EXPECT_EQ(converse().encode_error(decoded.error()).status, 400);
  }
}

TEST(Converse, StreamsParallelCallsSideBySide) {
  auto encoder = converse().make_stream_encoder(ChatRequest());
  auto decoder = converse().make_stream_decoder();
  std::vector<WireEvent> events;
  auto call = [](int index, std::string id, std::string arguments) {
    ToolCallDelta d;
    d.index = index;
    d.id = id;
    d.name = id.empty() ? "" : "f" + id;
    d.arguments = std::move(arguments);
    return StreamDelta(d);
  };
  for (const StreamDelta& d : {StreamDelta(TextDelta{"hi"}), call(0, "a", ""), call(1, "b", ""),
                               call(0, "", "{\"x\""), call(1, "", "{}"), call(0, "", ":1}"),
                               StreamDelta(FinishDelta{FinishReason::kToolCalls, ""})}) {
    encoder->encode(d, events);
  }
  encoder->finish(events);
  StreamAssembler assembler;
  for (const WireEvent& event : events) {
    std::vector<StreamDelta> deltas;
    ASSERT_TRUE(decoder->feed(event, deltas));
    for (const StreamDelta& d : deltas) assembler.add(d);
  }
  ChatResponse r = assembler.take();
  ASSERT_EQ(r.message.tool_calls.size(), 2u);
  EXPECT_EQ(r.message.tool_calls[0].arguments, "{\"x\":1}");
  EXPECT_EQ(r.message.tool_calls[1].arguments, "{}");
  EXPECT_EQ(r.message.text(), "hi");
}

TEST(Converse, RefusesABlockBehindTheStop) {
  for (const char* type : {"contentBlockStart", "contentBlockDelta"}) {
    auto decoder = converse().make_stream_decoder();
    std::vector<StreamDelta> deltas;
    ASSERT_TRUE(decoder->feed({"messageStart", R"({"role":"assistant"})", false}, deltas));
    ASSERT_TRUE(decoder->feed({"messageStop", R"({"stopReason":"end_turn"})", false}, deltas));
    auto late = decoder->feed(
        {type, R"({"contentBlockIndex":0,"delta":{"text":"x"},"start":{}})", false}, deltas);
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().message.find("after messageStop"), std::string::npos);
  }
}

}  // namespace
}  // namespace drover::dialect
