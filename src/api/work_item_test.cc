#include <gtest/gtest.h>

#include "api/work.h"

namespace drover::api {
namespace {

session::Leased leased_item(bool plan, std::string_view body) {
  session::Leased out;
  out.item.key = *session::WorkKey::parse("ses_01.12.2");
  out.item.plan = plan;
  out.item.body = *Json::parse(body);
  out.expires = *parse_rfc3339("2026-01-02T03:04:05Z");
  return out;
}

std::string text_of(const std::optional<session::Leased>& leased) {
  std::string out;
  append_work_item(out, leased);
  return out;
}

TEST(WorkItemText, OfAToolCall) {
  const std::string text =
      text_of(leased_item(false, R"({"name":"st\"ep","arguments":"{}","labels":{"a":"b"}})"));
  EXPECT_EQ(text, R"({"lease":"ses_01.12.2","session":"ses_01","sequence":12,"attempt":2,)"
                  R"("kind":"tool_call","expires":")" +
                      format_rfc3339(*parse_rfc3339("2026-01-02T03:04:05Z")) +
                      R"(","name":"st\"ep","arguments":"{}","labels":{"a":"b"}})");
}

TEST(WorkItemText, NullWhereThereIsNone) { EXPECT_EQ(text_of(std::nullopt), "null"); }

TEST(WorkItemText, SaysOnceWhatAQuestionSaysToo) {
  const std::string text = text_of(
      leased_item(true, R"({"session":"ses_01","step":3,"attempt":2,"messages":[],"events":[1]})"));
  EXPECT_EQ(text, R"({"lease":"ses_01.12.2","session":"ses_01","sequence":12,"attempt":2,)"
                  R"("kind":"plan","expires":")" +
                      format_rfc3339(*parse_rfc3339("2026-01-02T03:04:05Z")) +
                      R"(","step":3,"messages":[],"events":[1]})");
}

}  // namespace
}  // namespace drover::api
