// Work that is given back.

#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

/// Gives back what is offered, as long as it is of that kind; how often.
int give_back_all(Workers& w, bool plan) {
  int tries = 0;
  for (;; ++tries) {
    const auto items = w.lease(1s);
    if (items.empty() || items[0].item.plan != plan || tries > 100) return tries;
    EXPECT_TRUE(w.give_back(items[0].item.key, "cannot"));
  }
}

TEST(Work, GivenBackWorkIsOfferedAgainButNotForEver) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  EXPECT_EQ(give_back_all(w, false), static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_TRUE(w.payload(id, kind::kToolResult).get_bool("is_error").value_or(false));
  EXPECT_EQ(w.payload(id, kind::kToolResult).get_string("content"),
            "Error: given up after 20 attempts; the last was given back: cannot");
}

TEST(Work, AnErrorThatIsNoneGivesNothingBack) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  const Leased item = w.lease_one();
  for (const char* error : {"null", "\"cannot\"", "true", "[]", R"({"message":7})"}) {
    Json body = Json::object().set("content", "x").set("error", *Json::parse(error));
    auto wrong = w.finish(item.item.key, std::move(body));
    ASSERT_FALSE(wrong) << error;
    EXPECT_EQ(wrong.error().code, Code::kInvalidArgument) << error;
  }
  EXPECT_EQ(w.count(id, kind::kToolCall), 1u) << "the lease is as it was";
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("content", "x")));
}

TEST(Work, AQuestionThatIsGivenBackForEverWaitsForAPerson) {
  Workers w;
  SessionId id = w.begin(Json());
  auto post = [&w, &id](std::string text) {
    return w.loop.run_task(w.manager->post_message(
        w.ctx, w.who, id, contract::Message::of_text(contract::Role::kUser, std::move(text))));
  };
  ASSERT_TRUE(post("go"));
  EXPECT_EQ(give_back_all(w, true), static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).reason, "planner");
  EXPECT_NE(w.payload(id, kind::kPlan).dump().find("given up after 20"), std::string::npos);
  EXPECT_NE(w.payload(id, kind::kPlan).dump().find("given back: cannot"), std::string::npos);
  ASSERT_TRUE(post("go on"));
  EXPECT_EQ(give_back_all(w, true), static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).reason, "planner");
}

TEST(Work, WhyWorkWasGivenBackStandsInTheNewAttempt) {
  PlacedWorkers w;
  w.queue_in("de", "sensitivity=internal");
  SessionId id = w.begin(step_plan(1));
  auto give_back = [&w](std::string why, Duration after = 0s) {
    const Leased given = w.lease_one(1s, 60s);
    w.loop.run_for(after);
    ASSERT_TRUE(w.give_back(given.item.key, std::move(why)));
    w.loop.run_for(100ms);
  };
  give_back("closed until nine");
  EXPECT_EQ(w.payload(id, kind::kToolCall).get_string("given_back"), "closed until nine");
  EXPECT_EQ(w.last(id, kind::kToolCall).attempt, 2u);
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal");
  std::string euros;
  for (size_t i = 0; i < limits::kGiveBackBytesMax; ++i) euros += "€";
  give_back(euros, 10s);  // by then it sleeps
  const std::string kept = w.payload(id, kind::kToolCall).get_text("given_back");
  EXPECT_EQ(kept, euros.substr(0, kept.size()));
  EXPECT_LE(kept.size(), limits::kGiveBackBytesMax);
  EXPECT_EQ(kept.size() % 3, 0u) << "whole characters";
  // One that is lost otherwise says nothing of those before.
  ASSERT_EQ(w.lease(1s, 1s).size(), 1u);
  w.loop.run_for(3s);
  EXPECT_EQ(w.last(id, kind::kToolCall).attempt, 4u);
  EXPECT_EQ(w.payload(id, kind::kToolCall).find("given_back"), nullptr);
  const Leased item = w.lease_one(1s);
  ASSERT_TRUE(w.finish(item.item.key, Json::object().set("content", "done")));
  give_back("no idea");
  EXPECT_EQ(w.payload(id, kind::kPlanRequested).get_string("given_back"), "no idea");
}

}  // namespace
}  // namespace drover::session
