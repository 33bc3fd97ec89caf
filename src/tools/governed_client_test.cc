// How agents' calls reach a tool server: what is shared and never meets, and what is tried again.
// What goes together: governed_batches_test.cc.

#include "tools/governed_client.h"

#include <gtest/gtest.h>

#include "base/limits/tool_calls.h"
#include "base/limits/tools.h"
#include "tools/governed_client_test_fixture.h"

namespace drover::tools {
namespace {

using async::Scope;

// --- Sharing ---

TEST_F(GovernedTest, IdenticalReadsUnderWayShareOneCall) {
  Said* a = begin(invocation("read", R"({"id": 1, "x": "é"})"));
  Said* b = begin(invocation("read", R"({ "x":"\u00e9", "id":1.0 })", "s2"));
  finish();
  EXPECT_EQ(fake_->calls.size(), 1u);
  EXPECT_EQ(a->content, b->content);
  EXPECT_FALSE(a->report.coalesced);
  EXPECT_TRUE(b->report.coalesced);
  EXPECT_FALSE(one(invocation("read", R"({"id": 1, "x": "é"})")).report.coalesced)
      << "an answer is not kept";
  EXPECT_EQ(fake_->calls.size(), 2u);
}

TEST_F(GovernedTest, OthersNeverMeet) {
  ToolInvocation base = invocation("read", R"({"id":1})");
  begin(base);
  ToolInvocation other = base;
  other.origin.tenant = "t2";
  begin(other);
  other = base;
  other.origin.principal = "q";
  begin(other);
  other = base;
  other.origin.data_class = "health";
  begin(other);
  other = base;
  other.tool = "read2";
  begin(other);
  other = base;
  other.arguments = R"({"id":"1"})";
  begin(other);
  // No text of one can be taken for two others.
  other = base;
  other.origin.tenant = "t1:";
  other.origin.principal = "";
  begin(other);
  finish();
  EXPECT_EQ(fake_->calls.size(), 7u);
  for (const auto& said : said_) EXPECT_FALSE(said->report.coalesced);
}

TEST_F(GovernedTest, CallsThatMayChangeSomethingAreEachMade) {
  begin(invocation("write", "{}"));
  begin(invocation("write", "{}"));
  finish();
  EXPECT_EQ(fake_->calls.size(), 2u);
}

TEST_F(GovernedTest, AReadAfterAChangeDoesNotJoinOneFromBefore) {
  begin(invocation("read", "{}"));
  begin(invocation("write", "{}"));
  loop_.run_for(1ms);
  Said* during = begin(invocation("read", "{}"));
  finish();
  EXPECT_FALSE(during->report.coalesced);
  EXPECT_EQ(fake_->calls.size(), 3u);
}

TEST_F(GovernedTest, WhoHasLongerJoinsAllTheSame) {
  Scope brief{Context(loop_).with_timeout(1h)};
  Scope longer{Context(loop_).with_timeout(2h)};
  begin(brief, invocation("read", "{}"));
  Said* b = begin(longer, invocation("read", "{}", "s2"));
  loop_.run_task(brief.join());
  loop_.run_task(longer.join());
  EXPECT_TRUE(b->report.coalesced);
  EXPECT_EQ(fake_->calls.size(), 1u);
}

TEST_F(GovernedTest, TheCallGoesOnWhileAnybodyWaits) {
  Scope first{Context(loop_)};
  begin(first, invocation("read", "{}"));
  Said* b = begin(invocation("read", "{}", "s2"));
  first.cancel("not wanted");
  loop_.run_task(first.join());
  EXPECT_EQ(fake_->broken_off, 0);
  finish();
  EXPECT_EQ(b->content, "read{}");
  EXPECT_EQ(fake_->calls.size(), 1u);
}

TEST_F(GovernedTest, TheCallIsBrokenOffWhenNobodyWaits) {
  Scope both{Context(loop_)};
  begin(both, invocation("read", "{}"));
  begin(both, invocation("read", "{}", "s2"));
  both.cancel("not wanted");
  loop_.run_task(both.join());
  loop_.run_for(1ms);
  EXPECT_EQ(fake_->broken_off, 1);
  EXPECT_EQ(one(invocation("read", "{}")).content, "read{}");
}

TEST_F(GovernedTest, AnErrorIsSharedToo) {
  fake_->answer = [](const ToolInvocation&) -> Result<ToolOutcome> {
    return fail(Code::kInternal, "broken");
  };
  Said* a = begin(invocation("read", "{}"));
  Said* b = begin(invocation("read", "{}"));
  finish();
  EXPECT_EQ(a->content, "! broken");
  EXPECT_EQ(b->content, "! broken");
  EXPECT_EQ(fake_->calls.size(), 1u);
}

// --- Tries ---

TEST_F(GovernedTest, ARefusedCallIsTriedAgainWithItsKeyAfterAPause) {
  int refusals = 2;
  fake_->answer = [&](const ToolInvocation&) -> Result<ToolOutcome> {
    if (refusals-- > 0) {
      return fail(Error(Code::kResourceExhausted, "busy", Retry::kAfter).with_reason("http_429"));
    }
    return text("done");
  };
  MonoTime began = loop_.mono();
  Said said = one(invocation("risky", "{}"));
  EXPECT_EQ(said.content, "done");
  EXPECT_EQ(said.report.tries, 3);
  ASSERT_EQ(fake_->calls.size(), 3u);
  EXPECT_EQ(fake_->calls[2].idempotency_key, fake_->calls[0].idempotency_key);
  EXPECT_EQ(fake_->calls[2].attempt, 3);
  EXPECT_GE(loop_.mono() - began, 750ms) << "half of the first pause and of the doubled second";
  EXPECT_EQ(said.report.waited, loop_.mono() - began - 30ms);
}

TEST_F(GovernedTest, WhatMayHaveRunIsRepeatedOnlyWhereThatIsSafe) {
  fake_->answer = [&](const ToolInvocation&) -> Result<ToolOutcome> {
    return fail(Code::kUnavailable, "gone", Retry::kSameTarget);
  };
  EXPECT_EQ(one(invocation("risky", "{}")).report.tries, 1);
  EXPECT_EQ(one(invocation("write", "{}")).report.tries, limits::kMcpCallTriesMax);
  EXPECT_EQ(one(invocation("put", "{}")).report.tries, limits::kToolTriesMax);
  EXPECT_EQ(one(invocation("read", "{}")).report.tries, limits::kToolTriesMax);
}

TEST_F(GovernedTest, TriesEndWithTheDeadline) {
  fake_->answer = [&](const ToolInvocation&) -> Result<ToolOutcome> {
    return fail(Error(Code::kUnavailable, "busy", Retry::kAfter).with_reason("http_503"));
  };
  MonoTime began = loop_.mono();
  Said said;
  Context brief = Context(loop_).with_timeout(100ms);
  loop_.run_task(call_into(brief, client_.get(), invocation("put", "{}"), &said));
  EXPECT_EQ(said.content, "! busy") << "not what we think of it";
  EXPECT_EQ(loop_.mono() - began, 10ms);
}

}  // namespace
}  // namespace drover::tools
