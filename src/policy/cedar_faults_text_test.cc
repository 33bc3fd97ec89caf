// The engine's faults as lines; what it finds itself is in cedar_faults_test.cc.

#include <gtest/gtest.h>

#include "policy/cedar_faults.h"

namespace drover::policy {
namespace {

std::string fault_lines(std::initializer_list<std::tuple<int, int, const char*>> faults) {
  Json list = Json::array();
  for (const auto& [line, column, message] : faults) {
    list.push(Json::object().set("line", line).set("column", column).set("message", message));
  }
  return cedar_faults(list, "r.cedar");
}

TEST(CedarFaultLines, AFaultIsToldOnceForAllKindsThatItIsFoundFor) {
  EXPECT_EQ(
      fault_lines(
          {{3, 8, "for policy `policy1`, attribute `colour` on entity type `Endpoint` not found"},
           {3, 8, "for policy `policy1`, attribute `colour` on entity type `Session` not found"},
           {3, 8, "for policy `policy1`, attribute `colour` on entity type `Tool` not found"}}),
      "r.cedar:3:8: for policy `policy1`, attribute `colour` on entity type `Endpoint`, `Session`, "
      "`Tool` not found");
  EXPECT_EQ(fault_lines({{1, 2, "no `hue` on `Endpoint` here"},
                         {1, 2, "no `hue` on `Tool` here"},
                         {1, 2, "no `hue` on `Tool` here"},
                         {1, 2, "no `hue` on `Endpoint` here"}}),
            "r.cedar:1:2: no `hue` on `Endpoint`, `Tool` here")
      << "each kind is named once";
  // Only some kinds have something that may be meant.
  EXPECT_EQ(
      fault_lines({{1, 2, "attribute `nme` on entity type `Endpoint` not found"},
                   {1, 2, "attribute `nme` on entity type `Key` not found (did you mean `name`?)"},
                   {1, 2, "attribute `nme` on entity type `Tool` not found"}}),
      "r.cedar:1:2: attribute `nme` on entity type `Endpoint`, `Key`, `Tool` not found (did "
      "you mean `name`?)");
}

TEST(CedarFaultLines, OtherFaultsKeepTheirLines) {
  const char* missing = "attribute `colour` on entity type `Tool` not found";
  EXPECT_EQ(fault_lines({{1, 2, missing}, {1, 3, missing}}),
            "r.cedar:1:2: " + std::string(missing) + "\nr.cedar:1:3: " + std::string(missing))
      << "of two places";
  EXPECT_EQ(fault_lines({{1, 2, "attribute `a` on entity type `Tool` not found"},
                         {1, 2, "attribute `b` on entity type `Store` not found"}}),
            "r.cedar:1:2: attribute `a` on entity type `Tool` not found\n"
            "r.cedar:1:2: attribute `b` on entity type `Store` not found");
  EXPECT_EQ(fault_lines({{4, 1, "unexpected end\nof input"}}),
            "r.cedar:4:1: unexpected end of input");
  EXPECT_EQ(cedar_faults(Json(), "r.cedar"), "");
}

}  // namespace
}  // namespace drover::policy
