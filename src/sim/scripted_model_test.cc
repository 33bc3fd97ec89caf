#include "sim/scripted_model.h"

#include <gtest/gtest.h>

namespace drover::sim {
namespace {

using contract::ChatRequest;
using contract::Message;
using contract::Role;

constexpr std::string_view kScript = R"json({"name": "support", "otherwise": "What?", "rules": [
  {"when": {"last_tool": "lookup", "result_contains": "Error"}, "say": "There is no such order."},
  {"when": {"last_tool": "lookup", "user_matches": "(?:refund|money back).*order ([a-z]-\\d+)",
            "not_called": "refund"},
   "reasoning": "It may be refunded.",
   "call": [{"tool": "refund", "arguments": {"id": "{{1}}", "total": "{{result.lookup.total}}",
             "why": "said: {{user}}", "deep": [{"n": "{{result.lookup.items.1.n}}"}]}}]},
  {"when": {"last_tool": "refund"}, "say": "Refunded {{result.lookup.total}}."},
  {"when": {"user_matches": "order ([a-z]-\\d+)", "not_called": ["lookup"], "has_tool": "lookup"},
   "say": "One moment.", "call": [{"tool": "lookup", "arguments": {"id": "{{1}}"}}]},
  {"when": {"user_contains": "compare", "last": "user"},
   "call": [{"tool": "search", "over": ["x", {"q": "y"}, 3], "arguments": {"q": "{{item}}"}}]},
  {"when": {"last_tool": "search"}, "say": "Found:\n{{results}}"},
  {"when": {"user_turns": {"min": 3}}, "say": "Turn {{turn}}, {{pick a|b|c}}.", "finish": "length"}
]})json";

class ScriptedModelTest : public testing::Test {
 protected:
  ScriptedModelTest() {
    auto model = ScriptedModel::parse(*Json::parse(kScript), 7);
    EXPECT_TRUE(model.has_value());
    model_ = std::move(*model);
    for (const char* name : {"lookup", "refund", "search"}) {
      contract::ToolDefinition tool;
      tool.name = name;
      request_.tools.push_back(tool);
    }
  }
  void user(std::string text) {
    request_.messages.push_back(Message::of_text(Role::kUser, std::move(text)));
  }
  Message ask() {
    ModelQuestion question{request_, "", true};
    auto answer = model_->answer(question);
    EXPECT_TRUE(answer.has_value());
    finish_ = answer->finish_reason;
    request_.messages.push_back(answer->message);
    return answer->message;
  }
  void result(const contract::ToolCall& call, std::string text) {
    Message message = Message::of_text(Role::kTool, std::move(text));
    message.tool_call_id = call.id;
    request_.messages.push_back(message);
  }
  std::unique_ptr<ScriptedModel> model_;
  ChatRequest request_;
  contract::FinishReason finish_ = contract::FinishReason::kUnknown;
};

TEST_F(ScriptedModelTest, CallsToolsInTurnAndUsesTheirResults) {
  user("I want my money back for order A-17");
  Message first = ask();
  EXPECT_EQ(first.text(), "One moment.");
  ASSERT_EQ(first.tool_calls.size(), 1u);
  EXPECT_EQ(first.tool_calls[0].arguments, R"({"id":"A-17"})");
  EXPECT_EQ(finish_, contract::FinishReason::kToolCalls);
  result(first.tool_calls[0], R"({"total": 12.50, "items": [{"n": 1}, {"n": [2]}]})");
  Message second = ask();
  ASSERT_EQ(second.tool_calls.size(), 1u);
  auto arguments = Json::parse(second.tool_calls[0].arguments);
  EXPECT_EQ(arguments->find("total")->raw_number()->text, "12.50");
  EXPECT_EQ(arguments->find("deep")->dump(), R"([{"n":[2]}])");
  EXPECT_EQ(arguments->get_string("why"), "said: I want my money back for order A-17");
  EXPECT_NE(first.tool_calls[0].id, second.tool_calls[0].id);
  result(second.tool_calls[0], "done");
  EXPECT_EQ(ask().text(), "Refunded 12.50.");
  EXPECT_EQ(finish_, contract::FinishReason::kStop);
}

TEST_F(ScriptedModelTest, FansOutOverAList) {
  user("compare these");
  Message calls = ask();
  ASSERT_EQ(calls.tool_calls.size(), 3u);
  EXPECT_EQ(calls.tool_calls[0].arguments, R"({"q":"x"})");
  EXPECT_EQ(calls.tool_calls[1].arguments, R"({"q":{"q":"y"}})");
  EXPECT_EQ(calls.tool_calls[2].arguments, R"({"q":3})");
  for (const contract::ToolCall& call : calls.tool_calls) result(call, "r" + call.arguments);
  EXPECT_EQ(ask().text(), "Found:\nr{\"q\":\"x\"}\nr{\"q\":{\"q\":\"y\"}}\nr{\"q\":3}");
}

TEST_F(ScriptedModelTest, IsTheSameForSeedAndConversation) {
  for (int i = 0; i < 3; ++i) user("and then?");
  std::string said = ask().text();
  EXPECT_EQ(finish_, contract::FinishReason::kLength);
  request_.messages.pop_back();
  EXPECT_EQ(ask().text(), said);
  EXPECT_TRUE(said.starts_with("Turn 3, "));
}

TEST_F(ScriptedModelTest, CountsWhatNoRuleFits) {
  user("hm");
  EXPECT_EQ(ask().text(), "What?");
  EXPECT_EQ(model_->misses(), 1u);
}

TEST(ScriptedModel, FaultsNameTheRule) {
  auto parse = [](std::string_view text) { return ScriptedModel::parse(*Json::parse(text), 1); };
  EXPECT_FALSE(parse("{}").has_value());
  auto unknown = parse(R"({"rules": [{"say": "a"}, {"when": {"usr": "x"}}]})");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().to_string().find("rule 1"), std::string::npos);
  EXPECT_FALSE(parse(R"({"rules": [{"when": {"user_matches": "("}}]})").has_value());
  EXPECT_FALSE(parse(R"({"rules": [{"finish": "sometime"}]})").has_value());
  EXPECT_FALSE(parse(R"({"rules": [{"call": [{"arguments": {}}]}]})").has_value());
}

}  // namespace
}  // namespace drover::sim
