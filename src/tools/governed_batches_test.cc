// Calls of agents that go to a tool server together, and how its answer is dealt back.

#include <gtest/gtest.h>

#include "tools/governed_client_test_fixture.h"

namespace drover::tools {
namespace {

using async::Scope;

class GovernedBatches : public GovernedTest {};

/// Answers "get_many" with what each key deserves.
Result<ToolOutcome> many(const ToolInvocation& call) {
  if (call.tool != "many") return text("single " + call.arguments);
  Json arguments = *Json::parse(call.arguments);
  Json results = Json::array();
  for (const Json& key : *arguments.find("keys")->array_items()) {
    if (*key.string() == "bad") {
      results.push(Json::object().set("error", Json::object().set("message", "no such key")));
    } else {
      results.push(Json::object().set("of", key));
    }
  }
  return text(Json::object().set("results", std::move(results)).dump());
}

constexpr const char* kForm =
    R"({"tool":"many","items":"keys","item":"key","results":"results","max":50,"window_ms":5})";

std::string key(std::string value) { return R"({"key":")" + value + R"("})"; }

TEST_F(GovernedBatches, AFanOutGoesAsOneCallAndIsDealtBack) {
  batch("get", kForm);
  fake_->answer = many;
  Said* a = begin(invocation("get", key("a")));
  Said* b = begin(invocation("get", key("bad")));
  loop_.run_for(3ms);
  Said* c = begin(invocation("get", key("c"), "s2"));
  finish();
  ASSERT_EQ(fake_->calls.size(), 1u);
  EXPECT_EQ(fake_->calls[0].arguments, R"({"keys":["a","bad","c"]})");
  EXPECT_EQ(a->content, R"({"of":"a"})");
  EXPECT_EQ(b->content, "error no such key");
  EXPECT_EQ(c->content, R"({"of":"c"})");
  EXPECT_EQ(a->report.batch, 3u);
  EXPECT_EQ(a->report.waited, 5ms);
  EXPECT_EQ(c->report.waited, 2ms);
  const Json& last = fake_->calls[0].meta.back().second;
  ASSERT_EQ(fake_->calls[0].meta.back().first, "drover/calls");
  EXPECT_EQ((*last.array_items())[2].get_string("idempotency_key"), "s2/3");
  EXPECT_TRUE(fake_->calls[0].idempotency_key.starts_with("s1/1+2-"));
}

TEST_F(GovernedBatches, AFullBatchDoesNotWait) {
  batch("get", R"({"tool":"many","items":"keys","item":"key","results":"results","max":4,)"
               R"("window_ms":1000})");
  fake_->answer = many;
  MonoTime began = loop_.mono();
  for (int i = 0; i < 8; ++i) begin(invocation("get", key(std::to_string(i))));
  finish();
  EXPECT_EQ(fake_->calls.size(), 2u);
  EXPECT_EQ(loop_.mono() - began, fake_->takes);
}

TEST_F(GovernedBatches, WhatStaysAloneIsCalledAsItIs) {
  batch("get", kForm);
  fake_->answer = many;
  Said a = one(invocation("get", key("a")));
  EXPECT_EQ(a.content, R"(single {"key":"a"})");
  EXPECT_EQ(a.report.batch, 0u);
  // Arguments that the form does not know.
  Said* b = begin(invocation("get", R"({"id":1})"));
  begin(invocation("get", "nonsense"));
  finish();
  EXPECT_EQ(b->content, R"(single {"id":1})");
}

TEST_F(GovernedBatches, OnlyCallsThatAgreeInTheRestGoTogether) {
  batch("get", kForm);
  fake_->answer = many;
  begin(invocation("get", R"({"key":"a","lang":"de"})"));
  begin(invocation("get", R"({"lang":"de","key":"b"})"));
  begin(invocation("get", R"({"key":"c","lang":"en"})"));
  begin(invocation("get", R"({"key":"d","lang":"de"})", "s1", "t2"));
  finish();
  ASSERT_EQ(fake_->calls.size(), 3u);
  EXPECT_EQ(fake_->calls[0].arguments, R"({"lang":"de","keys":["a","b"]})");
}

TEST_F(GovernedBatches, ReadsShareFirstAndGoTogetherThen) {
  batch("read", kForm);
  fake_->answer = many;
  Said* a = begin(invocation("read", key("a")));
  Said* b = begin(invocation("read", key("a"), "s2"));
  begin(invocation("read", key("c")));
  finish();
  ASSERT_EQ(fake_->calls.size(), 1u);
  EXPECT_EQ(fake_->calls[0].arguments, R"({"keys":["a","c"]})");
  EXPECT_TRUE(b->report.coalesced);
  EXPECT_EQ(b->report.batch, 2u);
  EXPECT_EQ(a->content, b->content);
}

TEST_F(GovernedBatches, AnAnswerThatCannotBeDealtIsAskedForSinglyOrFails) {
  for (std::string answer : {R"({"results":[1,2,3]})", R"({"results":7})", "no JSON", "{}"}) {
    batch("read", kForm);
    batch("write", kForm);
    fake_->answer = [answer](const ToolInvocation& call) -> Result<ToolOutcome> {
      return text(call.tool == "many" ? answer : "single");
    };
    Said* a = begin(invocation("read", key("a")));
    Said* b = begin(invocation("read", key("b")));
    finish();
    EXPECT_EQ(a->content + b->content, "singlesingle") << answer;
    a = begin(invocation("write", key("a")));
    b = begin(invocation("write", key("b")));
    finish();
    EXPECT_TRUE(a->content.starts_with("! tool 'many', asked for a batch, ")) << a->content;
    EXPECT_EQ(a->content, b->content);
  }
  EXPECT_EQ(fake_->calls.size(), 4u * (3 + 1));
}

TEST_F(GovernedBatches, ABatchRefusedBeforeItRanIsCalledSingly) {
  batch("write", kForm);
  fake_->answer = [](const ToolInvocation& call) -> Result<ToolOutcome> {
    if (call.tool == "many") return fail(Code::kInvalidArgument, "unknown tool");
    return text("single");
  };
  Said* a = begin(invocation("write", key("a")));
  begin(invocation("write", key("b")));
  finish();
  EXPECT_EQ(a->content, "single");
  EXPECT_EQ(fake_->calls.size(), 3u);
}

TEST_F(GovernedBatches, WhoLeavesBeforeABatchGoesIsNotInIt) {
  batch("get", kForm);
  fake_->answer = many;
  Scope leaving{Context(loop_)};
  begin(leaving, invocation("get", key("gone")));
  begin(invocation("get", key("a")));
  begin(invocation("get", key("b")));
  leaving.cancel("not wanted");
  loop_.run_task(leaving.join());
  finish();
  ASSERT_EQ(fake_->calls.size(), 1u);
  EXPECT_EQ(fake_->calls[0].arguments, R"({"keys":["a","b"]})");
}

}  // namespace
}  // namespace drover::tools
