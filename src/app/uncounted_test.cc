#include "app/uncounted.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

catalog::Endpoint endpoint(std::string id, std::string provider, bool priced) {
  catalog::Endpoint out;
  out.id = std::move(id);
  out.provider = std::move(provider);
  out.price.known = priced;
  return out;
}

road::Budget budget(std::string_view json) {
  return road::budget_from_json(*Json::parse(json)).value();
}

TEST(UncountedMoney, NamesEndpointsWithoutAPriceAndTheBudgetsThatDoNotHoldThere) {
  const std::vector<catalog::Endpoint> endpoints = {endpoint("gpt", "openai", true),
                                                    endpoint("ours", "vllm", false)};
  const std::string text = uncounted_money(
      endpoints, {budget(R"({"name":"house","money":5})"), budget(R"({"name":"t","tokens":5})"),
                  budget(R"({"name":"their","provider":"openai","money":5})"),
                  budget(R"({"name":"each","provider":"*","money":5})")});
  EXPECT_NE(text.find("the endpoint 'ours': "), std::string::npos) << text;
  EXPECT_NE(text.find("('house', 'each')"), std::string::npos) << text;
}

TEST(UncountedMoney, SaysNothingWhereEachBudgetCounts) {
  const std::vector<catalog::Endpoint> ours = {endpoint("ours", "vllm", false)};
  EXPECT_EQ(uncounted_money(ours, {budget(R"({"name":"t","tokens":5})")}), "");
  EXPECT_EQ(uncounted_money(ours, {budget(R"({"name":"o","provider":"openai","money":5})")}), "");
  catalog::Endpoint later = endpoint("later", "vllm", false);
  later.price_changes.emplace_back();
  later.price_changes.back().price.known = true;
  EXPECT_EQ(uncounted_money({later, endpoint("gpt", "openai", true)},
                            {budget(R"({"name":"house","money":5})")}),
            "");
}

TEST(UncountedMoney, CountsWhatWouldBeALongList) {
  std::vector<catalog::Endpoint> many;
  for (char c = 'a'; c <= 'e'; ++c) many.push_back(endpoint(std::string(1, c), "vllm", false));
  const std::string text = uncounted_money(many, {budget(R"({"name":"house","money":5})")});
  EXPECT_NE(text.find("the endpoints 'a', 'b', 'c' and 2 more: "), std::string::npos) << text;
}

}  // namespace
}  // namespace drover::app
