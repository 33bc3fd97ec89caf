#include "policy/gate.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/limits/policy.h"
#include "store/memory/memory_store.h"

namespace drover::policy {
namespace {

using identity::Action;
using identity::Principal;
using identity::Scope;

/// Denies one verb to keys of one name, and to all for confidential data; counts its questions.
class FakeRules final : public Authorizer {
 public:
  std::optional<Denial> deny(const Ask&, const Thing&) const override { return std::nullopt; }
  std::optional<Denial> deny_verb(const VerbAsk& ask) const override {
    ++asked;
    if (!there) return Denial{"fake", "no answer", true};
    if (ask.verb == "kill" && ask.name == "intern") return Denial{"fake:kill", "interns do not"};
    if (ask.data.sensitivity >= contract::Sensitivity::kConfidential) {
      return Denial{"fake:" + ask.agent, "confidential"};
    }
    return std::nullopt;
  }
  bool by_tenant() const override { return false; }
  std::string fingerprint() const override { return "fake"; }
  uint64_t generation() const override { return generation_now; }
  mutable int asked = 0;
  bool there = true;
  uint64_t generation_now = 0;
};

struct World {
  World() {
    PolicySpec spec;
    spec.authorizers = {rules};
    spec.tenants["ten_b"] = *contract::DataClass::parse("sensitivity=confidential");
    holder.replace(*Policy::make(std::move(spec)));
  }
  Principal key(const char* tenant, const char* name) {
    Principal out;
    out.tenant = TenantId(tenant);
    out.key = KeyId(std::string("key_") + name);
    out.name = name;
    out.scopes = {Scope::kSessions, Scope::kApprove};
    out.gate = &gate;
    return out;
  }
  async::SimLoop loop;
  async::Context ctx{loop};
  SeededRandom random{1};
  store::MemoryStore store{random};
  std::shared_ptr<FakeRules> rules = std::make_shared<FakeRules>();
  PolicyHolder holder;
  identity::Audit audit{store.documents(), ctx};
  VerbGate gate{holder, &audit};
};

TEST(Gate, WhoCouldNotBeAskedIsNoRule) {
  World w;
  w.rules->there = false;
  auto refused = authorise(w.key("ten_a", "nurse"), Action::kKill, TenantId("ten_a"));
  ASSERT_FALSE(refused) << "no is the answer all the same";
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().retry, Retry::kAfter);
  EXPECT_EQ(refused.error().retry_after, limits::kUnaskedRetry);
  EXPECT_NE(refused.error().message.find("nobody could be asked"), std::string::npos)
      << refused.error().message;
  auto entries = w.audit.list(std::nullopt, 0, 10);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].reason, "policy_unavailable");
  EXPECT_NE(entries[0].why.find("fake: no answer"), std::string::npos) << entries[0].why;
  w.loop.run_task(w.audit.stop());
}

TEST(Gate, ARefusedVerbNamesTheRuleAndIsAudited) {
  World w;
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kKill, TenantId("ten_a")));
  auto refused = authorise(w.key("ten_a", "intern"), Action::kKill, TenantId("ten_a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(refused.error().reason, "policy");
  EXPECT_NE(refused.error().message.find("fake:kill: interns do not"), std::string::npos);
  // The scopes refuse it: no rule is asked, the audit hears of it.
  int asked = w.rules->asked;
  EXPECT_FALSE(authorise(w.key("ten_a", "nurse"), Action::kManageKeys, TenantId("ten_a")));
  EXPECT_EQ(w.rules->asked, asked);
  auto entries = w.audit.list(std::nullopt, 0, 10);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].verb, "keys");
  EXPECT_EQ(entries[0].reason, "missing_scope");
  EXPECT_EQ(entries[1].verb, "kill");
  EXPECT_EQ(entries[1].key, "key_intern");
  EXPECT_EQ(entries[1].reason, "policy");
  w.loop.run_task(w.audit.stop());
}

TEST(Gate, ASessionIsJudgedByItsClassWithTheTenantsFloors) {
  World w;
  identity::Subject subject;
  subject.owner = TenantId("ten_a");
  subject.session = "ses_1";
  subject.agent = "ward";
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kExport, subject));
  subject.data_class = "sensitivity=confidential";
  auto refused = authorise(w.key("ten_a", "nurse"), Action::kExport, subject);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("fake:ward"), std::string::npos);
  subject.owner = TenantId("ten_b");
  subject.data_class = "";
  EXPECT_FALSE(authorise(w.key("ten_b", "nurse"), Action::kExport, subject)) << "by its floor";
}

TEST(Gate, ARecordOfMemoryIsJudgedByItsOwnClass) {
  World w;
  identity::Subject subject;
  subject.owner = TenantId("ten_a");
  subject.record = true;
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kPurge, subject));
  subject.data_class = "sensitivity=confidential";
  EXPECT_FALSE(authorise(w.key("ten_a", "nurse"), Action::kPurge, subject));
  subject.data_class = "sensitivity=internal";
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kPurge, subject)) << "nothing is kept";
  subject.owner = TenantId("ten_b");
  EXPECT_FALSE(authorise(w.key("ten_b", "nurse"), Action::kPurge, subject)) << "by its floor";
}

TEST(Gate, AnswersAreKeptUntilTheRulesChange) {
  World w;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kKill, TenantId("ten_a")));
  }
  EXPECT_EQ(w.rules->asked, 1);
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kExport, TenantId("ten_a")));
  EXPECT_TRUE(authorise(w.key("ten_a", "other"), Action::kKill, TenantId("ten_a")));
  EXPECT_EQ(w.rules->asked, 3) << "another verb, another key";
  w.rules->generation_now = 1;
  EXPECT_TRUE(authorise(w.key("ten_a", "nurse"), Action::kKill, TenantId("ten_a")));
  EXPECT_EQ(w.rules->asked, 4);
  w.holder.replace(std::make_shared<Policy>());
  EXPECT_TRUE(authorise(w.key("ten_a", "intern"), Action::kKill, TenantId("ten_a")))
      << "the new policy has no such rule";
}

TEST(Gate, TheProcessItselfHasNone) {
  EXPECT_TRUE(authorise(Principal::system(TenantId("ten_a")), Action::kKill, TenantId("ten_a")));
}

}  // namespace
}  // namespace drover::policy
