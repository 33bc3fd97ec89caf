// Tools and memory on the road: what their traces say, and what of bound data stays out of them.
#include "road/effects.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "trace/ring_sink.h"

namespace drover::road {
namespace {

struct World {
  async::SimLoop loop;
  SeededRandom random{1};
  trace::RingSink spans;
  policy::PolicyHolder policy;
  Effects effects{random, &spans, nullptr, &policy};

  /// The trace of an effect that fails so, on data of that class.
  std::string trace_of_failure(const std::string& data_class, Error error) {
    EffectCall call = tool_effect(identity::Principal::system(TenantId("ten_1")), "ses_1", "ward",
                                  "look", "call_1");
    call.data_class = data_class;
    std::function<Task<Result<int>>(Context)> fails = [&error](Context) { return failing(error); };
    auto out =
        loop.run_task(run_effect<int>(Context(loop), &effects, std::move(call), std::move(fails)));
    EXPECT_FALSE(out.result);
    EXPECT_EQ(out.result.error().message, error.message) << "the caller hears it";
    const store::SpanRow& span = spans.spans().back();
    return span.name + " " + std::string(span.attributes.inside());
  }
  static Task<Result<int>> failing(Error error) { co_return fail(std::move(error)); }
};

TEST(Effects, WordsOfAToolAboutBoundDataStayOutOfTheTrace) {
  World w;
  Error error(Code::kUnavailable, "no such patient: CANARY");
  std::string open = w.trace_of_failure("", error);
  EXPECT_NE(open.find("CANARY"), std::string::npos) << open;
  for (const char* bound : {"residency=de", "sensitivity=confidential", "retention=none"}) {
    std::string trace = w.trace_of_failure(bound, error);
    EXPECT_EQ(trace.find("CANARY"), std::string::npos) << trace;
    EXPECT_NE(trace.find("unavailable"), std::string::npos) << "what kind of error: " << trace;
    EXPECT_NE(trace.find(bound), std::string::npos) << "and of what data: " << trace;
  }
  // A floor of the tenant's binds what nobody said anything of.
  policy::PolicySpec spec;
  spec.tenants["ten_1"] = *contract::DataClass::parse("residency=de");
  w.policy.replace(*policy::Policy::make(std::move(spec)));
  EXPECT_EQ(w.trace_of_failure("", error).find("CANARY"), std::string::npos);
}

TEST(Effects, ARefusalByTheRulesIsInOurOwnWordsAndStands) {
  World w;
  auto refused =
      w.effects.guard().check(policy::ThingKind::kTool, "look", TenantId("ten_1"), "residency=de");
  ASSERT_FALSE(refused);
  std::string trace = w.trace_of_failure("residency=de", refused.error());
  EXPECT_NE(trace.find("its zone is not stated"), std::string::npos) << trace;
}

}  // namespace
}  // namespace drover::road
