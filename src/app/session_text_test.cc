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

}  // namespace
}  // namespace drover::app
