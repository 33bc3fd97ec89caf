// The operator's rules on verbs, at the routes: what they refuse, what is audited, and that nobody
// walks round them.

#include "api/routes_test_fixture.h"

namespace drover::api {
namespace {

/// Rules on verbs, and none on the use of data.
class VerbRules final : public policy::Authorizer {
 public:
  using Judge = std::optional<policy::Denial> (*)(const policy::VerbAsk& ask);
  VerbRules(std::string name, Judge judge) : name_(std::move(name)), judge_(judge) {}
  std::optional<policy::Denial> deny(const policy::Ask&, const policy::Thing&) const override {
    return std::nullopt;
  }
  std::optional<policy::Denial> deny_verb(const policy::VerbAsk& ask) const override {
    return judge_(ask);
  }
  bool by_tenant() const override { return false; }
  std::string fingerprint() const override { return name_; }

 private:
  std::string name_;
  Judge judge_;
};

class RoutesRules : public RoutesFixture {
 protected:
  void rule(std::string name, VerbRules::Judge judge) {
    policy::PolicySpec spec;
    spec.authorizers = {std::make_shared<VerbRules>(std::move(name), judge)};
    policy_.replace(*policy::Policy::make(std::move(spec)));
  }
};

std::optional<policy::Denial> no_verbs(const policy::VerbAsk& ask) {
  return policy::Denial{"no-" + ask.verb, ask.agent + " " + ask.data.text()};
}

/// Keeps one key from killing.
std::optional<policy::Denial> no_kills(const policy::VerbAsk& ask) {
  if (ask.verb != "kill" || ask.name != "k-sessions") return std::nullopt;
  return policy::Denial{"no-kills", ask.agent + " " + ask.data.text()};
}

/// Keeps from verbs what is confidential.
std::optional<policy::Denial> none_on_confidential(const policy::VerbAsk& ask) {
  if (ask.data.sensitivity < contract::Sensitivity::kConfidential) return std::nullopt;
  return policy::Denial{"two-pairs-of-eyes", ask.verb};
}

TEST_F(RoutesRules, EachVerbIsPutToTheOperatorsRulesAndItsRefusalIsAudited) {
  add("one.test");
  Reply made =
      call("POST", "/v1/sessions", R"({"agent":"helper","data_class":"sensitivity=internal"})");
  ASSERT_EQ(made.status, 201) << made.body;
  std::string id(made.json().get_string("id").value_or(""));
  std::string path = "/v1/sessions/" + id;
  EXPECT_EQ(call("PUT", "/v1/memory/notes/k", R"({"text":"x"})").status, 200);
  EXPECT_EQ(call("GET", path + "/export").status, 200);
  EXPECT_EQ(call("GET", "/v1/audit").json().find("data")->array_items()->size(), 0u);

  rule("no verbs", no_verbs);
  add_key("k-approver", "ten_a", {identity::Scope::kApprove});
  principals_["k-approver"].gate = &gate_;
  struct Row {
    const char* verb;
    const char* method;
    std::string target;
    const char* body;
    const char* key;
  };
  const Row rows[] = {
      {"approve", "POST", path + "/approvals/w1", R"({"decision":"approve"})", "k-approver"},
      {"extend", "POST", path + "/budget", R"({"steps":1})", "k-approver"},
      {"export", "GET", path + "/export", "", "k-all"},
      {"kill", "POST", "/v1/kill", "", "k-all"},
      {"purge", "DELETE", "/v1/memory/notes/k", "", "k-all"},
      {"catalog", "POST", "/v1/admin/reload", "", "k-operator"},
      {"server", "POST", "/v1/admin/backup", R"({"path":"/tmp/x"})", "k-operator"},
      {"keys", "GET", "/v1/keys", "", "k-all"},
      {"agents", "POST", path + "/move", R"({"version":"2"})", "k-all"},
  };
  for (const Row& row : rows) {
    std::string body = row.body;
    if (std::string_view(row.verb) == "kill") {
      body = R"({"target":"session","what":")" + id + "\"}";
    }
    Reply refused = call(row.method, row.target, body, row.key);
    EXPECT_EQ(refused.status, 403) << row.verb << " " << refused.body;
    EXPECT_NE(refused.error_member("message").find("no-" + std::string(row.verb)),
              std::string::npos)
        << refused.body;
    Json audit = call("GET", "/v1/audit?limit=1", "", "k-operator").json();
    const Json& entry = audit.find("data")->array_items()->front();
    EXPECT_EQ(entry.get_string("verb"), row.verb);
    EXPECT_EQ(entry.get_string("name"), row.key);
    EXPECT_EQ(entry.get_string("reason"), "policy");
    bool of_session = row.target.find(id) != std::string::npos || body.find(id) != body.npos;
    if (of_session && std::string_view(row.verb) != "agents") {
      EXPECT_EQ(entry.get_string("session"), id) << row.verb;
      EXPECT_NE(refused.body.find("helper sensitivity=internal"), std::string::npos) << row.verb;
    }
  }
  // Reading and talking are no verbs; nobody but an admin reads the audit, each tenant its own.
  EXPECT_EQ(call("GET", path).status, 200);
  EXPECT_EQ(call("GET", "/v1/audit", "", "k-sessions").status, 403);
  EXPECT_EQ(call("GET", "/v1/audit", "", "k-other").json().find("data")->array_items()->size(), 0u);
  EXPECT_EQ(call("GET", "/v1/audit?tenant=default", "", "k-all").status, 404);
  expect_error(call("GET", "/v1/audit?tenant=nobody", "", "k-operator"), 404, "no tenant 'nobody'");
  expect_error(call("GET", "/v1/audit?tenant=nobody", "", "k-all"), 404, "not found");
  EXPECT_EQ(call("GET", "/v1/audit?before=x").status, 400);
  policy_.replace(std::make_shared<policy::Policy>());
  EXPECT_EQ(call("GET", path + "/export").status, 200) << "the rules are others now";
}

TEST_F(RoutesRules, ACancelIsJudgedAsAKillOfThatSession) {
  add("one.test");
  auto begin = [&] {
    Reply made =
        call("POST", "/v1/sessions", R"({"agent":"helper","data_class":"sensitivity=internal"})");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json().get_text("id");
  };
  auto cancel = [&](const std::string& id, const std::string& key) {
    return call("POST", "/v1/sessions/" + id + "/cancel", R"({"reason":"done"})", key);
  };
  auto show = [&](const std::string& id) { return call("GET", "/v1/sessions/" + id).json(); };
  auto audit = [&] { return call("GET", "/v1/audit").json(); };
  const std::string first = begin();
  EXPECT_EQ(cancel(first, "k-sessions").status, 202) << "without rules the scope is enough";
  EXPECT_EQ(show(first).get_string("end_reason"), "cancelled");
  EXPECT_EQ(audit().find("data")->array_items()->size(), 0u);

  rule("no kills", no_kills);
  const std::string id = begin();
  Reply refused = cancel(id, "k-sessions");
  expect_error(refused, 403, "'kill': no-kills: helper sensitivity=internal");
  EXPECT_NE(show(id).get_string("status"), "ended");
  Json entries = audit();
  ASSERT_EQ(entries.find("data")->array_items()->size(), 1u);
  const Json& entry = entries.find("data")->array_items()->front();
  EXPECT_EQ(entry.get_string("verb"), "kill");
  EXPECT_EQ(entry.get_string("name"), "k-sessions");
  EXPECT_EQ(entry.get_string("session"), id);
  EXPECT_EQ(entry.get_string("reason"), "policy");
  EXPECT_EQ(cancel(id, "k-call").status, 403) << "and the scope is still needed";
  EXPECT_EQ(cancel(id, "k-all").status, 202) << "the rule is for another key";
  EXPECT_EQ(show(id).get_string("end_reason"), "cancelled");
  EXPECT_EQ(show(id).get_string("status"), "ended");
}

TEST_F(RoutesRules, ARuleOnAClassIsNotWalkedRoundByNamingMoreAtOnce) {
  add("one.test");
  rule("confidential", none_on_confidential);
  auto begin = [&](const std::string& data_class) {
    Reply made = call("POST", "/v1/sessions",
                      R"({"agent":"helper","data_class":"sensitivity=)" + data_class + "\"}");
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json().get_text("id");
  };
  const std::string secret = begin("confidential");
  const std::string open = begin("internal");
  auto kill = [&](const std::string& target, const std::string& what) {
    Json body = Json::object().set("target", target).set("what", what);
    return call("POST", "/v1/kill", body.dump());
  };
  EXPECT_EQ(kill("session", secret).status, 403);
  EXPECT_EQ(kill("tree", secret).status, 403);
  Reply many = kill("agent", "helper");
  ASSERT_EQ(many.status, 200) << many.body;
  EXPECT_NE(many.body.find("two-pairs-of-eyes"), std::string::npos) << many.body;
  EXPECT_EQ(call("GET", "/v1/sessions/" + open).json().get_string("status"), "ended");
  EXPECT_NE(call("GET", "/v1/sessions/" + secret).json().get_string("status"), "ended");

  const std::string note = R"({"text":"x","data_class":"sensitivity=)";
  EXPECT_EQ(call("PUT", "/v1/memory/notes/secret", note + "confidential\"}").status, 200);
  EXPECT_EQ(call("PUT", "/v1/memory/notes/open", note + "internal\"}").status, 200);
  expect_error(call("DELETE", "/v1/memory/notes/secret"), 403, "two-pairs-of-eyes");
  EXPECT_EQ(call("GET", "/v1/memory/notes/secret").status, 200) << "it is still there";
  EXPECT_EQ(call("DELETE", "/v1/memory/notes/open").status, 200);
  EXPECT_EQ(call("DELETE", "/v1/memory/notes/open").status, 404);
  EXPECT_EQ(call("DELETE", "/v1/memory/notes/open", "", "k-call").status, 403)
      << "whoever may purge nothing is not told what there is";
}

}  // namespace
}  // namespace drover::api
