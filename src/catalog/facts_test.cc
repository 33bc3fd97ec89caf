#include "catalog/facts.h"

#include <gtest/gtest.h>

namespace drover::catalog {
namespace {

Result<Facts> read(const std::string& json) {
  return Facts::from_json(*Json::parse(json), "a page", "2026-11-01");
}

TEST(Facts, KeepTheirSourceAndDate) {
  auto facts =
      read(R"({"zone":"de","sovereignty":{"value":2,"source":"an audit","date":"2026-06-01"}})");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->text("zone"), "de");
  EXPECT_EQ(facts->find("zone")->source, "a page");
  EXPECT_EQ(facts->find("sovereignty")->source, "an audit");
  EXPECT_EQ(facts->find("sovereignty")->date, "2026-06-01");
  auto again = Facts::from_json(facts->to_json(), "", "");
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *facts);
}

TEST(Facts, OfOnesOwnWin) {
  Facts base = *read(R"({"zone":"de","retention":"30d"})");
  base.overlay(*Facts::from_json(*Json::parse(R"({"retention":"none"})"), "operator", ""));
  EXPECT_EQ(base.text("retention"), "none");
  EXPECT_EQ(base.find("retention")->source, "operator");
  EXPECT_EQ(base.text("zone"), "de");
}

TEST(Facts, AreCheckedByTheirKind) {
  for (const char* json :
       {R"({"zone":7})", R"({"zone":""})", R"({"certifications":[7]})", R"({"sovereignty":"x"})",
        R"({"sovereignty":-1})", R"({"batch":"yes"})", R"({"retention":"soon"})",
        R"({"cleared_for":"secret"})", R"({"rtt_ms":{"a":"b"}})", R"({"colour":"red"})", "[]",
        R"({"tenancy":"private"})", R"({"tenancy":true})"}) {
    auto facts = read(json);
    ASSERT_FALSE(facts) << json;
    EXPECT_EQ(facts.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(read(R"({"tenancy":"private"})").error().message,
            "fact 'tenancy' must be shared or dedicated (shared: a general pool; dedicated: nobody "
            "else's work)");
  EXPECT_TRUE(read(R"({"tenancy":"shared"})"));
  EXPECT_TRUE(read(R"({"tenancy":"dedicated"})"));
  EXPECT_TRUE(read(R"({"certifications":"c5","rtt_ms":{"eu-west-1":25},"batch":true})"));
  EXPECT_FALSE(read(R"({"operator":")" + std::string(5000, 'x') + "\"}"));
}

}  // namespace
}  // namespace drover::catalog
