// An external authoriser on the simulated network, spoken to as OPA is.
#include "road/opa.h"

#include "base/limits/policy.h"
#include "road/asking_gate.h"
#include "road/opa_test_fixture.h"

namespace drover::road {
namespace {

TEST_F(OpaTest, DecidesOnceForATenantAndAClassAndIsThenNotAsked) {
  says(R"({"result":["b.test","not-asked-about"]})");
  EXPECT_EQ(call(), "b.test");
  EXPECT_EQ(call(), "b.test");
  EXPECT_EQ(asked(), 1u);
  const std::string& request = imposter("opa.test").requests().front();
  EXPECT_NE(request.find("POST /v1/data/drover/allow"), std::string::npos) << request;
  EXPECT_NE(request.find(R"({"input":{"tenant":"ten_1","action":"call_model","data":{"class":"")"),
            std::string::npos)
      << request;
  EXPECT_NE(
      request.find(
          R"({"id":"a.test","kind":"model","pool":"serverless","prompt_cache":"none","retention":"none","zone":"de"})"),
      std::string::npos)
      << request;
  says(R"({"result":{"allow":["a.test"],"why":{"b.test":"only for the others"}}})");
  EXPECT_EQ(call("residency=eu"), "a.test") << "another class is another question";
  EXPECT_EQ(asked(), 2u);
  std::vector<std::string> ladder = {"m"};
  Explanation why = road_->explain({"ten_1", *contract::DataClass::parse("residency=eu"), ladder});
  ASSERT_EQ(why.rejected.size(), 1u);
  EXPECT_EQ(why.rejected[0].rule, "opa");
  EXPECT_EQ(why.rejected[0].reason, "only for the others");
}

TEST_F(OpaTest, TheTraceSaysWhereACallMightRunAndWhyNotElsewhere) {
  says(R"({"result":{"allow":["b.test"],"why":{"a.test":"only for the others"}}})");
  EXPECT_EQ(call("residency=eu"), "b.test");
  std::string trace;
  for (const store::SpanRow& span : spans_.spans()) trace += span.attributes.inside();
  EXPECT_NE(trace.find(R"("drover.placement":"b.test")"), std::string::npos) << trace;
  EXPECT_NE(trace.find("a.test -> opa: only for the others"), std::string::npos) << trace;
  EXPECT_NE(trace.find("drover.placement.epochs"), std::string::npos) << trace;
}

TEST_F(OpaTest, FailsClosedWhateverGoesWrong) {
  struct Bad {
    std::string body;
    int status;
    const char* code;
  };
  const Bad bad[] = {
      {"{}", 200, "permission_denied"},
      {R"({"result":true})", 200, "permission_denied"},
      {R"({"result":[1]})", 200, "permission_denied"},
      {R"({"result":{"allowed":["a.test"]}})", 200, "permission_denied"},
      {"no json", 200, "permission_denied"},
      // It is not there: no word of its rules.
      {R"({"result":["a.test"]})", 500, "unavailable"},
      {R"({"result":["a.test"]})", 302, "unavailable"},
  };
  for (const Bad& b : bad) {
    says(b.body, b.status);
    std::string out = call();
    EXPECT_TRUE(
        out.starts_with(std::string(b.code) + ": no endpoint of the model 'm' may see this data"))
        << b.body << " " << out;
    EXPECT_NE(out.find("-> opa: the external authoriser gave no answer"), std::string::npos) << out;
    loop_.run_for(2s);
  }
  EXPECT_EQ(imposter("a.test").requests().size() + imposter("b.test").requests().size(), 0u);
  says(R"({"result":["a.test"]})");
  EXPECT_EQ(call(), "a.test") << "asked again a moment later";
}

TEST_F(OpaTest, WhoIsRefusedWhileItIsNotThereMayComeBack) {
  says("", 503);
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kUnavailable);
  EXPECT_EQ(out.error().error.reason, "policy_unavailable");
  EXPECT_EQ(out.error().error.retry, Retry::kAfter);
  EXPECT_EQ(out.error().error.retry_after, limits::kUnaskedRetry);
  loop_.run_for(limits::kUnaskedRetry);
  // What rules of our own remove stays a no, whoever is there.
  ModelCall elsewhere = call_for(request_body(false));
  elsewhere.data_class = *contract::DataClass::parse("residency=us");
  auto never = run(std::move(elsewhere));
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().error.reason, "no_place") << never.error().error.to_string();
  says(R"({"result":["a.test"]})");
  EXPECT_EQ(call(), "a.test");
}

TEST_F(OpaTest, AnAnswerThatComesTooLateIsNone) {
  OpaOptions options;
  options.timeout = 100ms;
  use(options);
  says(R"({"result":["a.test"]})", 200, 150ms);
  MonoTime before = loop_.mono();
  EXPECT_TRUE(call().starts_with("unavailable"));
  EXPECT_LE(loop_.mono() - before, Duration(110ms));
}

TEST_F(OpaTest, AnAnswerThatIsTooLongIsNoneAndSaysSo) {
  says(std::string(limits::kOpaAnswerBytesMax + 1, ' '));
  const std::string out = call();
  EXPECT_TRUE(out.starts_with("unavailable: ")) << out;
  EXPECT_NE(out.find("its answer is longer than 1048576 bytes: let it say the ids"),
            std::string::npos)
      << out;
}

TEST_F(OpaTest, ACallThatHasWaitedIsToldSoTooWhereItCannotBeAsked) {
  OpaOptions options;
  options.keep = 1s;
  use(options);
  says(R"({"result":["a.test","b.test"]})");
  auto budget = budget_from_json(*Json::parse(R"({"name":"r","requests":1,"per":"minute"})"));
  ASSERT_TRUE(budget);
  ASSERT_TRUE(accounts_.set_budgets({*budget}));
  ASSERT_TRUE(run(neutral_call()));
  async::Scope scope{Context(loop_)};
  ModelFailure failure;
  struct Caller {
    static Task<void> run(Context ctx, Road* road, ModelCall call, ModelFailure* failure) {
      auto out = co_await road->call_model(ctx, std::move(call), nullptr);
      if (!out) *failure = std::move(out.error());
    }
  };
  scope.spawn(Caller::run(scope.context(), road_.get(), neutral_call(), &failure));
  loop_.run_for(2s);  // it waits for its budget, and what was said is over
  says("", 503);
  EXPECT_TRUE(call().starts_with("unavailable: "));
  loop_.run_task(scope.join());
  EXPECT_EQ(failure.error.code, Code::kUnavailable) << failure.error.to_string();
  EXPECT_EQ(failure.error.reason, policy::kUnasked);
  EXPECT_EQ(failure.error.retry, Retry::kAfter);
  EXPECT_EQ(failure.error.retry_after, limits::kUnaskedRetry);
  ASSERT_FALSE(failure.attempts.empty());
  for (const AttemptRecord& made : failure.attempts) {
    EXPECT_EQ(made.error->reason, policy::kUnasked) << made.endpoint->id << " was not refused";
  }
  EXPECT_EQ(imposter("a.test").requests().size() + imposter("b.test").requests().size(), 1u);
}

TEST_F(OpaTest, IsAskedAgainBesideTheCallsAndItsLastAnswerHoldsUntilItIsOver) {
  says(R"({"result":["a.test"]})");
  EXPECT_EQ(call(), "a.test");
  loop_.run_for(40s);  // more than half of 60 s
  says(R"({"result":["b.test"]})");
  EXPECT_EQ(call(), "a.test") << "the call does not wait";
  loop_.run_for(1s);
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(call(), "b.test");
  // Now it is gone: what it said last holds, then nothing is allowed.
  loop_.run_for(40s);
  says("", 503);
  EXPECT_EQ(call(), "b.test");
  loop_.run_for(30s);
  says("", 503);
  EXPECT_TRUE(call().starts_with("unavailable"));
}

TEST_F(OpaTest, ManyCallsAtOnceAskOnce) {
  says(R"({"result":["a.test","b.test"]})", 200, 50ms);
  async::Scope scope{Context(loop_)};
  int answered = 0;
  struct Caller {
    static Task<void> run(Context ctx, Road* road, ModelCall call, int* answered) {
      auto out = co_await road->call_model(ctx, std::move(call), nullptr);
      *answered += out ? 1 : 0;
    }
  };
  for (int i = 0; i < 20; ++i) {
    imposter("a.test").script(answer(200, chat_body("a")));
    scope.spawn(
        Caller::run(scope.context(), road_.get(), call_for(request_body(false)), &answered));
  }
  loop_.run_for(10s);
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(asked(), 1u);
  loop_.run_task(scope.join());
}

TEST_F(OpaTest, OneMoreRuleThereNeverAddsWhatTheBuiltInRulesRemoved) {
  facts_ = *catalog::Facts::from_json(*Json::parse(R"({"zone":"us","prompt_cache":"none"})"),
                                      "test", "");
  add("us.test");
  imposter("us.test").script(answer(200, chat_body("us")));
  says(R"({"result":["a.test","b.test","us.test"]})");
  EXPECT_EQ(call("residency=us"), "us.test");
  says(R"({"result":["us.test"]})");
  EXPECT_TRUE(call("residency=eu").starts_with("permission_denied"));
}

TEST_F(OpaTest, ComesAndGoesWhileCallsAreInFlight) {
  loop_.run_task(opa_->stop());
  opa_ = std::make_unique<Opa>(Context(loop_), *client_);
  policy_.replace(std::make_shared<policy::Policy>());
  parts_.external = opa_.get();
  make();
  EXPECT_FALSE(opa_->active());
  EXPECT_EQ(call(), "a.test");
  EXPECT_EQ(asked(), 0u) << "without a URL nobody is asked";

  ImposterScript slow = answer(200, chat_body("late"));
  slow.parts.front().pause = 1s;
  imposter("a.test").only(std::move(slow));
  async::Scope scope{Context(loop_)};
  int answered = 0;
  struct Caller {
    static Task<void> run(Context ctx, road::Road* road, ModelCall call, int* answered) {
      auto out = co_await road->call_model(ctx, std::move(call), nullptr);
      *answered += out ? 1 : 0;
    }
  };
  scope.spawn(Caller::run(scope.context(), road_.get(), call_for(request_body(false)), &answered));
  loop_.run_for(10ms);
  says(R"({"result":["b.test"]})");
  OpaOptions options;
  options.url = "http://opa.test/v1/data/drover/allow";
  opa_->configure(options);
  policy_.replace(policy::Policy().with(opa_->authorizer()));
  EXPECT_EQ(call(), "b.test");
  EXPECT_EQ(asked(), 1u);
  loop_.run_task(scope.join());
  EXPECT_EQ(answered, 1) << "it was placed before";

  opa_->configure(OpaOptions());
  policy_.replace(std::make_shared<policy::Policy>());
  EXPECT_EQ(call(), "a.test");
  EXPECT_EQ(asked(), 1u);
}

TEST_F(OpaTest, VerbsAreAskedAboutAndFailClosed) {
  AskingGate gate(policy_, nullptr);
  gate.set_external(opa_.get());
  identity::Principal who = identity::Principal::system(TenantId("ten_1"));
  who.key = KeyId("key_1");
  who.name = "nurse";
  who.gate = &gate;
  auto tried = [&](identity::Action action, const std::string& session) {
    identity::Subject subject;
    subject.owner = who.tenant;
    subject.session = session;
    subject.data_class = "sensitivity=confidential";
    auto done = loop_.run_task(identity::authorise_asking(Context(loop_), who, action, subject));
    return done ? std::string() : done.error().message;
  };
  EXPECT_NE(identity::authorise(who, identity::Action::kKill, who.tenant)
                .error()
                .message.find("has not been asked yet"),
            std::string::npos)
      << "who cannot wait is refused";
  says(R"({"result":["kill","export","purge"]})");
  EXPECT_EQ(tried(identity::Action::kKill, ""), "");
  EXPECT_NE(
      imposter("opa.test")
          .last_body()
          .find(R"("action":"manage","key":"key_1","name":"nurse","scopes":["call","sessions")"),
      std::string::npos)
      << imposter("opa.test").last_body();
  EXPECT_NE(tried(identity::Action::kManageAgents, "").find("opa: "), std::string::npos);
  EXPECT_EQ(asked(), 1u) << "one question about all that the key may try";
  EXPECT_TRUE(identity::authorise(who, identity::Action::kKill, who.tenant)) << "it is at hand";

  says(R"({"result":{"allow":[],"why":{"export":"it is confidential"}}})");
  EXPECT_NE(tried(identity::Action::kExport, "ses_1").find("it is confidential"),
            std::string::npos);
  EXPECT_EQ(asked(), 2u) << "each session is a question of its own";
  EXPECT_NE(imposter("opa.test").last_body().find(R"("session":"ses_1")"), std::string::npos);
  EXPECT_NE(imposter("opa.test").last_body().find(R"("sensitivity":"confidential")"),
            std::string::npos);

  says("{}", 500);
  loop_.run_for(120s);
  const std::string unasked = tried(identity::Action::kKill, "");
  EXPECT_NE(unasked.find("nobody could be asked whether this key may do 'kill'"), std::string::npos)
      << unasked;
  EXPECT_NE(unasked.find("gave no answer"), std::string::npos) << unasked;
  // Scopes come first: who lacks one is no question for anybody.
  const size_t before = asked();
  who.scopes = {identity::Scope::kCall};
  loop_.run_for(10s);
  EXPECT_NE(tried(identity::Action::kPurge, "").find("scope"), std::string::npos);
  EXPECT_EQ(asked(), before);
}

}  // namespace
}  // namespace drover::road
