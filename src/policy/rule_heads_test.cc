// Whose decisions may serve everybody: only those of rules that say nothing of who asks.

#include "policy/rule_heads.h"

#include <gtest/gtest.h>

namespace drover::policy {
namespace {

TEST(RuleHeads, BareOnesDecideAlikeForAll) {
  for (std::string_view rules : {
           "",
           "permit(principal, action, resource);",
           "permit(principal,action,resource);forbid(principal,action,resource);",
           "permit (\n  principal,\n  action, resource\n);",
           "permit( // whoever\r\n principal // it is\n , action, resource);",
           "// all of them\n@id(\"a // b\")\nforbid(principal, action, resource)\n"
           "when { context.sensitivity >= 2 } unless { resource has zone };",
           "permit(principal, action, resource); // no principal is looked at",
       }) {
    EXPECT_FALSE(looks_at_principals(rules)) << rules;
  }
}

TEST(RuleHeads, AllElseLooks) {
  for (std::string_view rules : {
           R"(forbid(principal == Tenant::"ten_2", action, resource);)",
           R"(forbid(principal in Tenant::"ten_2", action, resource);)",
           "forbid(principal is Tenant, action, resource);",
           R"(when { [principal, Tenant::"zz"].contains(Tenant::"ten_2") })",
           R"(when { {who: principal, what: 1}.who == Tenant::"ten_2" })",
           R"(when { [Tenant::"zz", principal].contains(Tenant::"ten_2") })",
           R"(when { [(principal), Tenant::"zz"].contains(Tenant::"ten_2") })",
           R"(when { resource.pool == "a//b" && [principal, Tenant::"z"].isEmpty() })",
           R"(when { resource.pool == "\"//" && [principal, Tenant::"z"].isEmpty() })",
           "permit(principal, action, resource) // x\rwhen { [principal, context].isEmpty() };",
           "permit(\n?principal, action, resource);",
           "permit(principal",
           "@permit(principal) forbid(a)",
           R"(when { context has "principal)",
       }) {
    EXPECT_TRUE(looks_at_principals(rules)) << rules;
  }
}

TEST(RuleHeads, TheTenantsThatTheyName) {
  using Found = std::vector<std::string>;
  auto named = [](std::string_view rules) {
    Found out;
    for (const NamedTenant& tenant : tenants_named(rules, "r.cedar")) {
      out.push_back(tenant.id + " " + tenant.place);
    }
    return out;
  };
  EXPECT_EQ(named(R"(forbid(principal == Tenant::"ten_2", action, resource);
                             // forbid(principal == Tenant::"ten_of_a_comment", action, resource);
                             permit(principal in Tenant :: "ten_3", action, resource)
                             when { resource.pool == "Tenant::" && principal != Tenant::"ten_2" };)"),
            (Found{"ten_2 r.cedar:1:21", "ten_3 r.cedar:3:50"}));
  EXPECT_EQ(named("// ä\n@id(\"é\") Tenant::\"x\""), Found{"x r.cedar:2:10"}) << "characters";
  EXPECT_EQ(named(R"(forbid(principal is Tenant, action, resource == Store::"ten_2");)"), Found());
  for (std::string_view cut : {"Tenant", "Tenant:", "Tenant::", "Tenant::\""}) {
    EXPECT_EQ(named(cut), Found()) << cut;
  }
}

}  // namespace
}  // namespace drover::policy
