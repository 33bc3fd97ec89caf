#include "base/limits/identity.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/bytes.h"
#include "base/log.h"
#include "identity/audit.h"
#include "identity/keys.h"
#include "store/memory/memory_store.h"

namespace drover::identity {
namespace {

struct World {
  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{3};
  store::MemoryStore store{random};
  Keys keys{store.documents(), random};
  Tenants tenants{store.documents(), random};

  NewKey create(const TenantId& tenant, std::vector<Scope> scopes) {
    loop.run_for(1ms);
    auto made = loop.run_task(keys.create(ctx, tenant, "test", std::move(scopes)));
    EXPECT_TRUE(made) << made.error().to_string();
    return std::move(*made);
  }
  Code refused(std::string_view key, std::string_view remote = "1.2.3.4") {
    auto who = keys.authenticate(key, remote, loop.mono());
    EXPECT_FALSE(who);
    return who ? Code::kInternal : who.error().code;
  }
};

Principal with(const char* tenant, std::vector<Scope> scopes) {
  Principal out;
  out.tenant = TenantId(tenant);
  out.scopes = std::move(scopes);
  return out;
}

TEST(Authorise, EachActionNeedsItsScope) {
  const struct {
    Action action;
    Scope scope;
  } table[] = {{Action::kCallModel, Scope::kCall},       {Action::kCreateSession, Scope::kSessions},
               {Action::kReadSession, Scope::kSessions}, {Action::kWriteSession, Scope::kSessions},
               {Action::kReadMemory, Scope::kSessions},  {Action::kWriteMemory, Scope::kSessions},
               {Action::kApprove, Scope::kApprove},      {Action::kExtendBudget, Scope::kApprove},
               {Action::kKill, Scope::kSessions},        {Action::kKillMany, Scope::kAdmin},
               {Action::kReadAgents, Scope::kSessions},  {Action::kManageAgents, Scope::kAdmin},
               {Action::kReadTrace, Scope::kSessions},   {Action::kManageKeys, Scope::kAdmin},
               {Action::kManageServer, Scope::kAdmin}};
  const TenantId own = default_tenant();
  for (const auto& row : table) {
    for (Scope scope : {Scope::kCall, Scope::kSessions, Scope::kApprove, Scope::kAdmin}) {
      auto allowed = authorise(with("ten_default", {scope}), row.action, own);
      EXPECT_EQ(allowed.has_value(), scope == row.scope) << static_cast<int>(row.action);
      if (!allowed) EXPECT_EQ(allowed.error().code, Code::kPermissionDenied);
    }
  }
}

TEST(Authorise, AnotherTenantsThingIsNotFound) {
  const Principal a = Principal::system(TenantId("ten_a"));
  const Principal the_operator = Principal::system(default_tenant());
  for (Action action :
       {Action::kCallModel, Action::kCreateSession, Action::kReadSession, Action::kWriteSession,
        Action::kApprove, Action::kExtendBudget, Action::kKill, Action::kKillMany,
        Action::kReadAgents, Action::kManageAgents, Action::kReadMemory, Action::kWriteMemory,
        Action::kReadTrace, Action::kManageKeys}) {
    auto refused = authorise(a, action, TenantId("ten_b"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kNotFound);
    EXPECT_TRUE(authorise(a, action, TenantId("ten_a")));
    // The operator manages keys and stops what runs everywhere, and sees nothing else of others.
    EXPECT_EQ(authorise(the_operator, action, TenantId("ten_b")).has_value(),
              action == Action::kManageKeys || action == Action::kKillMany);
  }
  EXPECT_FALSE(authorise(a, Action::kManageServer, TenantId("ten_a")));
  EXPECT_FALSE(authorise(Principal(), Action::kCallModel, TenantId()));
}

/// Lets nobody export, and remembers what it was told.
struct OneRule final : Gate {
  bool has_rules() const override { return true; }
  Result<void> judge(const Principal&, Action action, const Subject& subject) const override {
    ++asked;
    if (action != Action::kExport || subject.data_class.empty()) return {};
    return fail(Error(Code::kPermissionDenied, "not that").with_reason("policy"));
  }
  void denied(const Principal&, Action action, const Subject& subject,
              const Error& error) const override {
    told.push_back(std::string(verb_of(action)) + " " + subject.session + " " + error.reason);
  }
  mutable int asked = 0;
  mutable std::vector<std::string> told;
};

TEST(Authorise, VerbsAreThenPutToTheOperatorsRulesAndRefusalsAreTold) {
  OneRule gate;
  Principal who = with("ten_a", {Scope::kCall, Scope::kSessions});
  who.gate = &gate;
  Subject secret;
  secret.owner = TenantId("ten_a");
  secret.session = "ses_1";
  secret.data_class = "sensitivity=confidential";
  auto refused = authorise(who, Action::kExport, secret);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "policy");
  secret.data_class.clear();
  EXPECT_TRUE(authorise(who, Action::kExport, secret));
  EXPECT_EQ(gate.asked, 2);
  // What the scopes refuse, no rule is asked for; it is told all the same.
  EXPECT_FALSE(authorise(who, Action::kApprove, secret));
  EXPECT_FALSE(authorise(who, Action::kManageKeys, TenantId("ten_b")));
  EXPECT_EQ(gate.asked, 2);
  // No verb, no rule: the way of each call.
  EXPECT_TRUE(authorise(who, Action::kCallModel, TenantId("ten_a")));
  EXPECT_FALSE(authorise(who, Action::kReadSession, TenantId("ten_b")));
  EXPECT_EQ(gate.asked, 2);
  EXPECT_FALSE(may(who, Action::kApprove, TenantId("ten_a"))) << "asked for showing: not told";
  EXPECT_EQ(gate.told,
            (std::vector<std::string>{"export ses_1 policy", "approve ses_1 missing_scope",
                                      "keys  not_found"}));
}

AuditEntry refusal(const char* tenant, const char* key, const char* verb) {
  AuditEntry out;
  out.tenant = TenantId(tenant);
  out.key = key;
  out.verb = verb;
  out.owner = TenantId(tenant);
  out.reason = "missing_scope";
  out.why = "no";
  return out;
}

TEST(Audit, KeepsWhatWasRefusedOverARestartAndCountsTheSameOnce) {
  World w;
  {
    Audit audit(w.store.documents(), w.ctx);
    ASSERT_TRUE(w.loop.run_task(audit.load(w.ctx)));
    audit.refused(refusal("ten_a", "key_1", "approve"));
    for (int i = 0; i < 100; ++i) audit.refused(refusal("ten_b", "key_2", "export"));
    w.loop.run_for(limits::kAuditSame + 1s);
    audit.refused(refusal("ten_b", "key_2", "export"));
    w.loop.run_for(1s);
    EXPECT_EQ(audit.unwritten(), 0u);
    w.loop.run_task(audit.stop());
  }
  Audit again(w.store.documents(), w.ctx);
  ASSERT_TRUE(w.loop.run_task(again.load(w.ctx)));
  auto all = again.list(std::nullopt, 0, 50);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].verb, "export");
  EXPECT_EQ(all[0].times, 1u) << "a minute later it is a new one";
  EXPECT_EQ(all[1].times, 100u);
  EXPECT_EQ(all[2].verb, "approve");
  EXPECT_EQ(again.list(TenantId("ten_a"), 0, 50).size(), 1u);
  EXPECT_EQ(again.list(std::nullopt, all[1].sequence, 50).size(), 1u);
  again.refused(refusal("ten_a", "key_1", "kill"));
  EXPECT_EQ(again.list(std::nullopt, 0, 1).front().sequence, all[0].sequence + 1);
  w.loop.run_task(again.stop());
}

TEST(Audit, IsBoundedAndTheOldestGoes) {
  World w;
  configure_log(LogLevel::kError, LogFormat::kText);  // a line for each otherwise
  Audit audit(w.store.documents(), w.ctx);
  for (size_t i = 0; i < limits::kAuditEntriesMax + 5; ++i) {
    audit.refused(refusal("ten_a", ("key_" + std::to_string(i)).c_str(), "kill"));
  }
  w.loop.run_for(600s);
  auto stored = w.loop.run_task(w.store.documents().list(w.ctx, "audit"));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->size(), limits::kAuditEntriesMax);
  EXPECT_EQ(audit.list(std::nullopt, 0, 100'000).back().key, "key_5");
  w.loop.run_task(audit.stop());
}

TEST(Keys, AKeyIsFoundUntilItIsRevoked) {
  World w;
  NewKey made = w.create(TenantId("ten_a"), {Scope::kCall});
  auto who = w.keys.authenticate(made.key.reveal(), "1.2.3.4", w.loop.mono());
  ASSERT_TRUE(who);
  EXPECT_EQ((*who)->tenant, TenantId("ten_a"));
  EXPECT_EQ((*who)->key, made.info.id);
  EXPECT_TRUE((*who)->has(Scope::kCall));
  EXPECT_FALSE((*who)->has(Scope::kAdmin));
  auto other = w.loop.run_task(w.keys.revoke(w.ctx, TenantId("ten_b"), made.info.id));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kNotFound);
  ASSERT_TRUE(w.loop.run_task(w.keys.revoke(w.ctx, TenantId("ten_a"), made.info.id)));
  EXPECT_EQ(w.refused(made.key.reveal()), Code::kUnauthenticated);
  ASSERT_TRUE(w.keys.find(made.info.id)->revoked.has_value());
  // A call that is under way stays the key's.
  EXPECT_EQ((*who)->key, made.info.id);
  EXPECT_TRUE(authorise(*who, Action::kCallModel, TenantId("ten_a")));
}

/// A store whose writes take a moment.
class SlowDocuments final : public store::MemoryDocuments {
 public:
  using MemoryDocuments::MemoryDocuments;
  Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                         Json value) override {
    CO_TRY_VOID(co_await async::sleep_for(ctx, 1ms));
    co_return co_await MemoryDocuments::put(ctx, std::move(collection), std::move(name),
                                            std::move(value));
  }
};

Task<void> revoke_it(Keys* keys, Context ctx, KeyId id, bool* done) {
  *done = (co_await keys->revoke(ctx, TenantId("ten_a"), id)).has_value();
}
Task<void> give_budgets(Keys* keys, Context ctx, KeyId id, bool* done) {
  *done = (co_await keys->set_budgets(ctx, TenantId("ten_a"), id, Json())).has_value();
}

TEST(Keys, AChangeOfBudgetsUnderWayDoesNotBringBackARevokedKey) {
  World w;
  store::MemoryDisk disk;
  SlowDocuments slow(disk);
  Keys keys(slow, w.random);
  auto made = w.loop.run_task(keys.create(w.ctx, TenantId("ten_a"), "test", {Scope::kCall}));
  ASSERT_TRUE(made);
  async::Scope both(w.ctx);
  bool revoked = false;
  bool changed = false;
  both.spawn(revoke_it(&keys, both.context(), made->info.id, &revoked));
  both.spawn(give_budgets(&keys, both.context(), made->info.id, &changed));
  w.loop.run_task(both.join());
  EXPECT_TRUE(revoked && changed);
  EXPECT_FALSE(keys.authenticate(made->key.reveal(), "r", w.loop.mono()));
  Keys after(slow, w.random);
  ASSERT_TRUE(w.loop.run_task(after.load(w.ctx)));
  EXPECT_FALSE(after.authenticate(made->key.reveal(), "r", w.loop.mono()));
}

TEST(Keys, PrincipalsAreSharedAndPassTheGate) {
  World w;
  OneRule gate;
  Keys keys(w.store.documents(), w.random, &gate);
  auto made = w.loop.run_task(keys.create(w.ctx, TenantId("ten_a"), "test", {Scope::kCall}));
  ASSERT_TRUE(made);
  auto first = keys.authenticate(made->key.reveal(), "r", w.loop.mono());
  auto again = keys.authenticate(made->key.reveal(), "r", w.loop.mono());
  ASSERT_TRUE(first && again);
  EXPECT_EQ(&**first, &**again);
  EXPECT_EQ((*first)->gate, &gate);
}

TEST(PrincipalRef, IsNobodyUntilItIsSomebody) {
  PrincipalRef who;
  EXPECT_TRUE(who->tenant.empty());
  EXPECT_FALSE(authorise(who, Action::kCallModel, TenantId("ten_a")));
  EXPECT_FALSE(authorise(who, Action::kCallModel, who->tenant));
  who = with("ten_a", {Scope::kCall});
  EXPECT_TRUE(authorise(who, Action::kCallModel, TenantId("ten_a")));
}

TEST(Keys, SurviveARestartAndKeepTheSecretOut) {
  World w;
  NewKey kept = w.create(TenantId("ten_a"), {Scope::kCall, Scope::kSessions});
  NewKey revoked = w.create(TenantId("ten_a"), {Scope::kCall});
  ASSERT_TRUE(w.loop.run_task(w.keys.revoke(w.ctx, TenantId("ten_a"), revoked.info.id)));
  Keys again(w.store.documents(), w.random);
  ASSERT_TRUE(w.loop.run_task(again.load(w.ctx)));
  EXPECT_TRUE(again.authenticate(kept.key.reveal(), "r", w.loop.mono()));
  EXPECT_FALSE(again.authenticate(revoked.key.reveal(), "r", w.loop.mono()));
  EXPECT_EQ(again.list(TenantId("ten_a")).size(), 2u);
  EXPECT_EQ(again.list(TenantId("ten_a")).front().id, revoked.info.id);
  EXPECT_EQ(again.find(kept.info.id)->fingerprint, kept.info.fingerprint);
  EXPECT_TRUE(again.list(TenantId("ten_b")).empty());
  auto stored = w.loop.run_task(w.store.documents().list(w.ctx, "keys"));
  ASSERT_TRUE(stored && stored->size() == 2);
  for (const auto& [name, json] : *stored) {
    const std::string text = json.dump();
    EXPECT_EQ(text.find(kept.key.reveal().substr(4, 20)), std::string::npos);
    EXPECT_EQ(text.find("drv_"), std::string::npos);
  }
}

TEST(Keys, TheFirstStartMakesOneAdminKey) {
  World w;
  auto first = w.loop.run_task(w.keys.ensure_admin(w.ctx));
  ASSERT_TRUE(first && first->has_value());
  auto who = w.keys.authenticate((*first)->key.reveal(), "r", w.loop.mono());
  ASSERT_TRUE(who);
  EXPECT_TRUE(authorise(**who, Action::kManageServer, default_tenant()));
  auto second = w.loop.run_task(w.keys.ensure_admin(w.ctx));
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->has_value());
  // With the last one revoked, nobody could come in: a new one is made.
  ASSERT_TRUE(w.loop.run_task(w.keys.revoke(w.ctx, default_tenant(), (*first)->info.id)));
  EXPECT_TRUE(w.loop.run_task(w.keys.ensure_admin(w.ctx))->has_value());
}

TEST(Keys, WrongKeysAreToldApartFromTypos) {
  World w;
  NewKey made = w.create(TenantId("ten_a"), {Scope::kCall});
  std::string typo(made.key.reveal());
  typo[10] = typo[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(w.refused(typo), Code::kUnauthenticated);
  auto unknown = w.keys.authenticate(typo, "r", w.loop.mono());
  EXPECT_NE(unknown.error().message.find("typo"), std::string::npos);
  EXPECT_EQ(unknown.error().message.find(typo.substr(4, 10)), std::string::npos);
  EXPECT_EQ(w.refused(""), Code::kUnauthenticated);
  EXPECT_EQ(w.refused("sk-other"), Code::kUnauthenticated);
  EXPECT_EQ(w.refused(std::string(100'000, 'x')), Code::kUnauthenticated);
}

TEST(Keys, FailuresAreLimitedPerAddressButARightKeyPasses) {
  World w;
  NewKey made = w.create(TenantId("ten_a"), {Scope::kCall});
  for (int i = 0; i < limits::kAuthFailuresMax; ++i) {
    EXPECT_EQ(w.refused("wrong"), Code::kUnauthenticated);
  }
  EXPECT_EQ(w.refused("wrong"), Code::kResourceExhausted);
  auto limited = w.keys.authenticate("wrong", "1.2.3.4", w.loop.mono());
  ASSERT_TRUE(limited.error().retry_after.has_value());
  EXPECT_GT(limited.error().retry_after->count(), 0);
  EXPECT_LE(*limited.error().retry_after, limits::kAuthFailureRefill + 1ns);
  EXPECT_EQ(w.refused("wrong", "5.6.7.8"), Code::kUnauthenticated);
  EXPECT_TRUE(w.keys.authenticate(made.key.reveal(), "1.2.3.4", w.loop.mono()));
  w.loop.run_for(limits::kAuthFailureRefill);
  EXPECT_EQ(w.refused("wrong"), Code::kUnauthenticated);
  EXPECT_EQ(w.refused("wrong"), Code::kResourceExhausted);
}

TEST(AuthFailures, ForgetsTheOldestAddress) {
  AuthFailures failures(3);
  MonoTime now{};
  for (int i = 0; i < limits::kAuthFailuresMax; ++i) failures.count("a", now);
  EXPECT_GT(failures.count("a", now), Duration::zero());
  failures.count("b", now);
  failures.count("c", now);
  failures.count("a", now);  // still remembered
  failures.count("d", now);  // b goes
  EXPECT_EQ(failures.remotes(), 3u);
  EXPECT_GT(failures.count("a", now), Duration::zero());
  for (int i = 0; i < 100; ++i) failures.count("x" + std::to_string(i), now);
  EXPECT_EQ(failures.remotes(), 3u);
  EXPECT_EQ(failures.count("a", now), Duration::zero());
}

TEST(Keys, BadRequestsAreRefused) {
  World w;
  auto none = w.loop.run_task(w.keys.create(w.ctx, TenantId("ten_a"), "x", {}));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kInvalidArgument);
  auto no_label = w.loop.run_task(w.keys.create(w.ctx, TenantId("ten_a"), "", {Scope::kCall}));
  EXPECT_FALSE(no_label);
  EXPECT_FALSE(parse_scope("root"));
  EXPECT_EQ(*parse_scope("sessions"), Scope::kSessions);
}

TEST(Keys, AFailedWriteLeavesNoKeyBehind) {
  World w;
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "disk full"));
  auto made = w.loop.run_task(w.keys.create(w.ctx, TenantId("ten_a"), "x", {Scope::kCall}));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(w.keys.list(std::nullopt).empty());
}

TEST(Tenants, AreMadeFoundAndKept) {
  World w;
  ASSERT_TRUE(w.loop.run_task(w.tenants.load(w.ctx)));
  EXPECT_EQ(w.tenants.find("default")->id, default_tenant());
  w.loop.run_for(1s);
  auto made = w.loop.run_task(w.tenants.create(w.ctx, "Müller AG"));
  ASSERT_TRUE(made) << made.error().to_string();
  auto twice = w.loop.run_task(w.tenants.create(w.ctx, "Müller AG"));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::kAlreadyExists);
  Tenants again(w.store.documents(), w.random);
  ASSERT_TRUE(w.loop.run_task(again.load(w.ctx)));
  ASSERT_EQ(again.list().size(), 2u);
  EXPECT_EQ(again.list()[0].id, default_tenant());
  EXPECT_EQ(again.find(made->id.str())->name, "Müller AG");
  EXPECT_FALSE(again.find("nobody"));
}

}  // namespace
}  // namespace drover::identity
