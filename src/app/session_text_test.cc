#include "app/session_text.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

TEST(SessionText, ACallThatABudgetStoppedWaitsForNoModel) {
  for (const char* reason : {"step_budget", "subtask_budget", "tree_budget", "budget_exceeded"}) {
    EXPECT_TRUE(stopped_by_budget(Json::object().set("reason", reason))) << reason;
  }
  for (const char* reason : {"no_place", "model_not_found", ""}) {
    EXPECT_FALSE(stopped_by_budget(Json::object().set("reason", reason))) << reason;
  }
  EXPECT_FALSE(stopped_by_budget(Json::object().set("code", "unavailable")));
}

Json event_of(const std::string& kind, const std::string& payload) {
  return Json::object().set("kind", kind).set("payload", *Json::parse(payload));
}

const std::string kLong(300, 'x');

TEST(EventSummary, APlacementThatWentNowhereSaysWhy) {
  Json event = event_of("placement.decided", R"({"endpoints":[],"rejected":[
      {"endpoint":"virginia","rule":"residency","reason":"the data may be in de; its zone is us"},
      {"endpoint":"spare","reason":"it is down"}]})");
  EXPECT_EQ(event_summary(event),
            "nowhere; virginia: residency: the data may be in de; its zone is us; spare: it is "
            "down");
  EXPECT_EQ(event_summary(event_of("placement.decided", R"({"endpoints":["a","b"]})")), "a, b");
}

TEST(EventSummary, AReasonIsNotCut) {
  const std::string error = R"({"error":{"message":")" + kLong + R"( the reason"}})";
  for (const char* kind : {"model.result", "plan", "tool.result", "failover"}) {
    EXPECT_TRUE(event_summary(event_of(kind, error)).ends_with(" the reason")) << kind;
  }
}

TEST(EventSummary, OnlyAScreenCutsText) {
  Json said =
      event_of("observation", R"({"message":{"role":"user","content":")" + kLong + R"("}})");
  EXPECT_LT(event_summary(said).size(), 110u);
  EXPECT_EQ(event_summary(said, true), kLong);
  Json other = event_of("memory.write", R"({"key":")" + kLong + R"("})");
  EXPECT_EQ(event_summary(other, true), R"({"key":")" + kLong + R"("})");
  const std::string error = R"({"error":{"message":")" + std::string(5000, 'x') + R"( its end"}})";
  for (const char* kind : {"model.result", "plan", "tool.result", "failover"}) {
    EXPECT_LT(event_summary(event_of(kind, error)).size(), 2100u) << kind;
    EXPECT_TRUE(event_summary(event_of(kind, error), true).ends_with(" its end")) << kind;
  }
}

TEST(FailureText, SaysWhetherAnotherAttemptFollows) {
  Json failure = *Json::parse(R"({"of":"model","error":{"message":"no place","retry":"never"}})");
  EXPECT_EQ(failure_text(failure), "no place");
  failure = *Json::parse(R"({"of":"model","error":{"message":"busy","retry":"same_target"}})");
  EXPECT_EQ(failure_text(failure), "busy (it is tried again)");
}

TEST(NoEndpointText, SaysWhetherOneIsMissing) {
  Json none = *Json::parse(R"({"ranked":[],"rejected":[]})");
  EXPECT_TRUE(needs_no_endpoint(none));
  EXPECT_TRUE(no_endpoint_text(none, true).starts_with("No endpoint is needed: "));
  Json unserved = *Json::parse(R"({"ranked":[],"unserved_models":["nots"],"rejected":[
      {"endpoint":"nots","reason":"no endpoint serves this model"}]})");
  EXPECT_FALSE(needs_no_endpoint(unserved));
  EXPECT_EQ(no_endpoint_text(unserved, true), "No endpoint serves the model 'nots'.");
  Json placed_elsewhere = unserved;
  placed_elsewhere.set("last", Json::object());
  EXPECT_EQ(no_endpoint_text(placed_elsewhere, true),
            "For its next call, no endpoint of the configuration in use here serves the model "
            "'nots'; how its last call was placed stands below.");
  Json refused = *Json::parse(R"({"ranked":[],"unserved_models":["nots"],"rejected":[
      {"endpoint":"nots","reason":"no endpoint serves this model"},
      {"endpoint":"virginia","rule":"residency","reason":"its zone is us"}]})");
  EXPECT_EQ(no_endpoint_text(refused, true), "No endpoint may be used (--explain says why).");
  EXPECT_EQ(no_endpoint_text(refused, false), "No endpoint may be used.");
}

}  // namespace
}  // namespace drover::app
