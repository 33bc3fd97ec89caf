#include "sim/demo_script.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "sim/mcp_demo_tools.h"

namespace drover::sim {
namespace {

using contract::Message;
using contract::Role;

/// A session in small: the model, the demo's tools, and a memory that only remembers texts.
class Day {
 public:
  Day() {
    for (const McpTool& tool : tools_.list()) add_tool(tool.name);
    add_tool("memory_write");
    add_tool("memory_search");
  }
  /// What the agent says in the end; `calls` are all tool calls on the way, turn by turn.
  std::string say(std::string text, std::vector<size_t>& calls) {
    request_.messages.push_back(Message::of_text(Role::kUser, std::move(text)));
    for (int turn = 0; turn < 10; ++turn) {
      ModelQuestion question{request_, "", true};
      auto answer = model_->answer(question);
      EXPECT_TRUE(answer.has_value());
      request_.messages.push_back(answer->message);
      if (answer->message.tool_calls.empty()) return answer->message.text();
      calls.push_back(answer->message.tool_calls.size());
      for (const contract::ToolCall& call : answer->message.tool_calls) run(call);
    }
    ADD_FAILURE() << "the agent never came to an end";
    return {};
  }
  std::vector<std::string> notes;
  uint64_t misses() const { return model_->misses(); }
  void new_session() { request_.messages.clear(); }

 private:
  void add_tool(std::string name) {
    contract::ToolDefinition tool;
    tool.name = std::move(name);
    request_.tools.push_back(std::move(tool));
  }
  void run(const contract::ToolCall& call) {
    Message result;
    McpCall wish;
    wish.name = call.name;
    wish.arguments = *Json::parse(call.arguments);
    if (call.name == "memory_write") {
      notes.emplace_back(wish.arguments.get_string("text").value_or(""));
      result = Message::of_text(Role::kTool, "written");
    } else if (call.name == "memory_search") {
      result = Message::of_text(Role::kTool, notes.empty() ? "nothing" : notes.front());
    } else {
      auto answer = loop_.run_task(tools_.call(async::Context(loop_), std::move(wish)));
      EXPECT_TRUE(answer.has_value() && !answer->is_error) << call.name << call.arguments;
      result = Message::of_text(Role::kTool, answer->text);
    }
    result.tool_call_id = call.id;
    request_.messages.push_back(std::move(result));
  }
  async::SimLoop loop_;
  DemoTools tools_;
  std::shared_ptr<ScriptedModel> model_ = make_demo_model(1);
  contract::ChatRequest request_;
};

TEST(DemoScript, TheSupportAgentLooksUpRefundsAndBooks) {
  Day day;
  std::vector<size_t> calls;
  EXPECT_NE(day.say("Where is my order A-1042?", calls).find("Your order A-1042 is "),
            std::string::npos);
  EXPECT_NE(day.say("I want my money back for it.", calls).find("your receipt is R-"),
            std::string::npos);
  EXPECT_NE(day.say("Find me a flight from Graz to Lund on 2026-12-01.", calls).find("EUR. Where"),
            std::string::npos);
  EXPECT_NE(day.say("Thank you!", calls).find("Have a good day!"), std::string::npos);
  EXPECT_EQ(calls, (std::vector<size_t>{1, 1, 3}));
  EXPECT_EQ(day.misses(), 0u);
}

TEST(DemoScript, ARefundAskedForAtOnceNeedsTheOrderFirst) {
  Day day;
  std::vector<size_t> calls;
  EXPECT_NE(day.say("Refund order B-7, please.", calls).find("receipt is R-"), std::string::npos);
  EXPECT_EQ(calls, (std::vector<size_t>{1, 1}));
}

TEST(DemoScript, TheResearchAgentFansOutAndRemembers) {
  Day day;
  std::vector<size_t> calls;
  std::string said = day.say("Compare heat pumps, grid batteries and night trains.", calls);
  EXPECT_NE(said.find("“Night trains in Europe”"), std::string::npos) << said;
  EXPECT_EQ(calls, (std::vector<size_t>{3, 3}));
  ASSERT_EQ(day.notes.size(), 3u);
  day.new_session();
  said = day.say("What do you remember about heat pumps?", calls);
  EXPECT_NE(said.find("heat pumps: looked up"), std::string::npos) << said;
  EXPECT_EQ(day.misses(), 0u);
}

}  // namespace
}  // namespace drover::sim
