// How agents' calls reach a tool server, on virtual time: what is shared, what goes together, what
// is tried again, and what never meets.

#include "tools/governed_client.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/tool_calls.h"
#include "base/limits/tools.h"

namespace drover::tools {
namespace {

using async::Scope;
using async::SimLoop;

/// A server whose calls a function answers after a while.
class FakeServer final : public ServerClient {
 public:
  using Answer = std::function<Result<ToolOutcome>(const ToolInvocation&)>;
  Task<Result<std::vector<contract::ToolDefinition>>> list(Context) override {
    co_return std::vector<contract::ToolDefinition>();
  }
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override {
    calls.push_back(invocation);
    auto slept = co_await async::sleep_for(ctx, takes);
    if (!slept) {
      ++broken_off;
      co_return fail(std::move(slept).error());
    }
    co_return answer(invocation);
  }
  ToolTraits traits(const std::string& tool) const override {
    ToolTraits told;
    told.read_only = tool.starts_with("read");
    if (tool == "risky") told.idempotent = false;
    if (tool == "put") told.idempotent = true;
    return told;
  }
  Task<void> close(Context) override { co_return; }
  Task<void> retire(Context) override { co_return; }
  const ToolServer& server() const override { return server_; }
  std::string version() const override { return "fake"; }

  ToolServer server_;
  Duration takes = 10ms;
  Answer answer;
  std::vector<ToolInvocation> calls;
  int broken_off = 0;
};

ToolOutcome text(std::string content) {
  ToolOutcome out;
  out.content = std::move(content);
  return out;
}

struct Said {
  std::string content;  // or "! " and the error
  CallReport report;
};

Task<void> call_into(Context ctx, GovernedClient* client, ToolInvocation invocation, Said* said) {
  invocation.report = &said->report;
  auto outcome = co_await client->call(ctx, std::move(invocation));
  said->content = !outcome            ? "! " + outcome.error().message
                  : outcome->is_error ? "error " + outcome->content
                                      : outcome->content;
}

class GovernedTest : public testing::Test {
 protected:
  GovernedTest() {
    auto made = std::make_unique<FakeServer>();
    fake_ = made.get();
    fake_->answer = [](const ToolInvocation& call) { return text(call.tool + call.arguments); };
    client_ = std::make_unique<GovernedClient>(
        std::move(made), std::make_shared<Limiter>(loop_, &random_, "tool server 'x'", true),
        &random_);
  }
  ~GovernedTest() override { loop_.run_task(client_->close(Context(loop_))); }

  ToolInvocation invocation(std::string tool, std::string arguments, std::string session = "s1",
                            std::string tenant = "t1") {
    ToolInvocation out;
    out.tool = std::move(tool);
    out.arguments = std::move(arguments);
    out.idempotency_key = session + "/" + std::to_string(++keys_);
    out.origin.tenant = std::move(tenant);
    out.origin.principal = "p";
    out.origin.session = std::move(session);
    return out;
  }
  Said* begin(ToolInvocation call) { return begin(scope_, std::move(call)); }
  Said* begin(Scope& scope, ToolInvocation call) {
    said_.push_back(std::make_unique<Said>());
    scope.spawn(call_into(scope.context(), client_.get(), std::move(call), said_.back().get()));
    return said_.back().get();
  }
  void finish() { loop_.run_task(scope_.join()); }
  Said one(ToolInvocation call) {
    Said* said = begin(std::move(call));
    finish();
    return *said;
  }
  void batch(std::string tool, std::string json) {
    auto form = batch_form_from_json(*Json::parse(json));
    ASSERT_TRUE(form) << form.error().message;
    fake_->server_.batch[std::move(tool)] = *form;
  }

  SimLoop loop_;
  SeededRandom random_{1};
  FakeServer* fake_ = nullptr;
  std::unique_ptr<GovernedClient> client_;
  std::vector<std::unique_ptr<Said>> said_;
  Scope scope_{Context(loop_)};
  int keys_ = 0;
};

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

// --- Batches ---

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

TEST_F(GovernedTest, AFanOutGoesAsOneCallAndIsDealtBack) {
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

TEST_F(GovernedTest, AFullBatchDoesNotWait) {
  batch("get", R"({"tool":"many","items":"keys","item":"key","results":"results","max":4,)"
               R"("window_ms":1000})");
  fake_->answer = many;
  MonoTime began = loop_.mono();
  for (int i = 0; i < 8; ++i) begin(invocation("get", key(std::to_string(i))));
  finish();
  EXPECT_EQ(fake_->calls.size(), 2u);
  EXPECT_EQ(loop_.mono() - began, fake_->takes);
}

TEST_F(GovernedTest, WhatStaysAloneIsCalledAsItIs) {
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

TEST_F(GovernedTest, OnlyCallsThatAgreeInTheRestGoTogether) {
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

TEST_F(GovernedTest, ReadsShareFirstAndGoTogetherThen) {
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

TEST_F(GovernedTest, AnAnswerThatCannotBeDealtIsAskedForSinglyOrFails) {
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

TEST_F(GovernedTest, ABatchRefusedBeforeItRanIsCalledSingly) {
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

TEST_F(GovernedTest, WhoLeavesBeforeABatchGoesIsNotInIt) {
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

TEST(BatchForm, NamesWhatIsWrong) {
  for (const char* bad :
       {"[]", "{}", R"({"tool":"a"})", R"({"items":"a"})", R"({"tool":"a","items":""})",
        R"({"tool":"a","items":"b","max":1})", R"({"tool":"a","items":"b","max":5000})",
        R"({"tool":"a","items":"b","window_ms":-1})", R"({"tool":"a","items":"b","windw":1})"}) {
    auto form = batch_form_from_json(*Json::parse(bad));
    ASSERT_FALSE(form) << bad;
    EXPECT_EQ(form.error().code, Code::kInvalidArgument);
  }
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
