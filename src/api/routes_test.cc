// The JSON routes: what they answer to what is wrong, and to whom.
#include "api/routes_test_fixture.h"
#include "session/batch.h"

namespace drover::api {
namespace {

class RoutesTest : public RoutesFixture {};

TEST_F(RoutesTest, NewSessionsAreChecked) {
  add("one.test");
  struct Case {
    const char* body;
    int status;
    const char* says;
  };
  const Case cases[] = {
      {"{}", 400, "'agent' is missing"},
      {R"({"agent":"nobody"})", 404, "nobody"},
      {R"({"agent":7})", 400, "agent"},
      {R"({"agent":{"name":"x"}})", 400, "models"},
      {R"({"agent":{"name":"x","models":["m"],"modles":[]}})", 400, "modles"},
      {R"({"agent":{"name":"x","models":["other"]}})", 400, "no endpoint offers"},
      {R"({"agent":"helper","message":7})", 400, "message"},
      {R"({"agent":"helper","message":{"role":"system","content":"x"}})", 400, "role 'user'"},
      {R"({"agent":"helper","labels":[]})", 400, "labels"},
      {R"({"agent":"helper","labels":{"a":1}})", 400, "label"},
      {R"({"agent":"helper","data":"patient"})", 400, "'data': did you mean 'data_class'?"},
      {R"({"agent":"helper","dataclass":"x"})", 400, "'dataclass': did you mean 'data_class'?"},
      {R"({"agent":"helper","colour":"red"})", 400, "unknown member 'colour' (known here: agent"},
      {R"({"agent":"helper","message":{"content":"x","data_class":"y"}})", 400,
       "unknown member 'data_class'"},
  };
  for (const Case& c : cases) {
    expect_error(call("POST", "/v1/sessions", c.body), c.status, c.says);
  }
  EXPECT_EQ(call("POST", "/v1/sessions", R"({"agent":"helper"})", "k-call").status, 403);
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper","labels":{"user":"anna"}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json().get_string("agent"), "helper");
}

TEST_F(RoutesTest, AnotherTenantsSessionIsNotThere) {
  add("one.test");
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  ASSERT_EQ(made.status, 201) << made.body;
  std::string path = "/v1/sessions/" + made.json().get_text("id");
  EXPECT_EQ(call("GET", path).status, 200);
  Reply missing = call("GET", "/v1/sessions/ses_nothing");
  expect_error(missing, 404, "");
  for (const char* key : {"k-other", "k-operator"}) {
    for (const char* rest : {"", "/events", "/export", "/trace"}) {
      EXPECT_EQ(call("GET", path + rest, "", key).status, 404) << key << rest;
    }
    EXPECT_EQ(call("POST", path + "/messages", R"({"content":"x"})", key).status, 404);
    EXPECT_EQ(call("POST", path + "/cancel", "", key).status, 404);
  }
  EXPECT_EQ(call("GET", "/v1/sessions", "", "k-other").json().find("data")->array_items()->size(),
            0u);
}

TEST_F(RoutesTest, SessionRoutesRefuseWhatMakesNoSense) {
  add("one.test");
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  std::string path = "/v1/sessions/" + made.json().get_text("id");
  expect_error(call("GET", "/v1/sessions/not-an-id"), 400, "ses_");
  expect_error(call("GET", path + "/events?from=x"), 400, "from");
  expect_error(call("GET", path + "/events?limit=-1"), 400, "limit");
  expect_error(call("GET", "/v1/sessions?limit=many"), 400, "limit");
  expect_error(call("GET", "/v1/sessions?limit=0"), 400, "limit must be a whole number from 1");
  expect_error(call("GET", "/v1/audit?limit=0"), 400, "limit");
  expect_error(call("GET", "/v1/sessions?before=x"), 400, "ses_");
  expect_error(call("POST", path + "/messages", "{}"), 400, "");
  expect_error(call("POST", path + "/messages", R"({"content":"x","data":"patient"})"), 400,
               "'data': did you mean 'data_class'?");
  expect_error(call("POST", path + "/messages", R"({"message":"x","dataclass":"patient"})"), 400,
               "'dataclass': did you mean 'data_class'?");
  expect_error(call("POST", path + "/messages", R"({"message":{"content":"x","rule":"user"}})"),
               400, "'rule': did you mean 'role'?");
  expect_error(call("POST", path + "/rewards", R"({"name":"x"})"), 400, "value");
  expect_error(call("POST", path + "/rewards", R"({"name":"x","value":"y"})"), 400, "value");
  expect_error(call("POST", "/v1/sessions/import", "not json\n"), 400, "line 1");
  http::ClientRequest follow = request("GET", path + "/events");
  follow.headers.add("accept", "text/event-stream");
  follow.headers.add("last-event-id", "abc");
  expect_error(call(std::move(follow)), 400, "Last-Event-ID");
}

TEST_F(RoutesTest, AnExportImportsAgainAndIsTheSame) {
  add("one.test");
  imposter("one.test").script(road::answer(200, road::chat_body("hello")));
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper","message":"hi"})");
  loop_.run_for(1s);
  std::string path = "/v1/sessions/" + made.json().get_text("id");
  EXPECT_EQ(call("POST", path + "/cancel", R"({"reason":"done"})").status, 202);
  loop_.run_for(1s);
  Reply exported = call("GET", path + "/export");
  EXPECT_EQ(exported.header("content-type"), "application/jsonl");
  EXPECT_EQ(call("POST", "/v1/sessions/import", exported.body).status, 409) << "it is there";
  Reply foreign = call("POST", "/v1/sessions/import", exported.body, "k-other");
  EXPECT_EQ(foreign.status, 403) << "another tenant's session: " << foreign.body;
}

TEST_F(RoutesTest, AnImportSaysWhenItIsNotWhereItsJournalSays) {
  session::State state;
  state.id = SessionId::make(loop_.wall(), random_);
  const std::string parent = SessionId::make(loop_.wall(), random_).str();
  session::Batch batch(state, loop_, random_);
  Json started = Json::object().set("tenant", "ten_b").set("root", parent).set("parent", parent);
  started.set("agent", *Json::parse(R"({"name":"a","models":["m"]})")).set("depth", int64_t{1});
  ASSERT_TRUE(
      batch.add(session::system_draft(contract::kind::kSessionStarted, std::move(started))));
  const std::string line = contract::encode_event(batch.take().front()) + "\n";
  Reply taken = call("POST", "/v1/sessions/import", line, "k-other");
  EXPECT_EQ(taken.status, 201) << taken.body;
  EXPECT_EQ(taken.json().find("parent"), nullptr) << taken.body;
  EXPECT_EQ(taken.json().find("root"), nullptr) << taken.body;
  const Json answer = taken.json();
  const Json* from = answer.find("detached");
  ASSERT_NE(from, nullptr) << taken.body;
  EXPECT_EQ(from->get_string("root"), parent);
  EXPECT_EQ(from->get_string("parent"), parent);
  EXPECT_EQ(from->get_string("why"), "its parent is not here");
  const std::string path = "/v1/sessions/" + state.id.str();
  EXPECT_EQ(call("GET", path + "/export", "", "k-other").body, line);
}

TEST_F(RoutesTest, AMemoryStatesItsClassAndGivesItBack) {
  Reply put = call("PUT", "/v1/memory/notes/k",
                   R"({"text":"tea","data_class":{"residency":"de","sensitivity":"internal"}})");
  ASSERT_EQ(put.status, 200) << put.body;
  Reply got = call("GET", "/v1/memory/notes/k");
  EXPECT_EQ(got.json().get_string("data_class"), "residency=de;sensitivity=internal") << got.body;
  EXPECT_EQ(call("PUT", "/v1/memory/notes/k", R"({"text":"x","data_class":7})").status, 400);
  EXPECT_EQ(call("PUT", "/v1/memory/notes/k", R"({"text":"x","data_class":"nonsense="})").status,
            400);
}

TEST_F(RoutesTest, TheHeadersDataClassCountsWhereTheBodysDoes) {
  add("one.test");
  auto stated = [&](std::string method, std::string path, std::string body) {
    http::ClientRequest asked = request(std::move(method), std::move(path), std::move(body));
    asked.headers.add("x-drover-data-class", "residency=de");
    asked.headers.add("x-drover-data-class", "retention=30d");
    return call(std::move(asked));
  };
  Reply made =
      stated("POST", "/v1/sessions", R"({"agent":"helper","data_class":"sensitivity=internal"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string session = "/v1/sessions/" + made.json().get_text("id");
  EXPECT_EQ(call("GET", session).json().get_text("data_class"),
            "residency=de;sensitivity=internal;retention=30d");
  Reply open = call("POST", "/v1/sessions", R"({"agent":"helper"})");
  const std::string other = "/v1/sessions/" + open.json().get_text("id");
  EXPECT_EQ(stated("POST", other + "/messages", R"({"content":"hello"})").status, 202);
  EXPECT_EQ(call("GET", other).json().get_text("data_class"), "residency=de;retention=30d");
  EXPECT_EQ(stated("PUT", "/v1/memory/notes/h", R"({"text":"tea"})").status, 200);
  EXPECT_EQ(call("GET", "/v1/memory/notes/h").json().get_text("data_class"),
            "residency=de;retention=30d");
  expect_error(stated("POST", other + "/signals/door", R"({"open":true})"), 400, "is not read by");
}

TEST_F(RoutesTest, AnAgentIsDeployedOnlyWithAClassThatIsKnown) {
  auto deploy = [&](const std::string& data) {
    return call("POST", "/v1/agents", R"({"name":"ward","models":["m"],"data":)" + data + "}");
  };
  ASSERT_EQ(deploy(R"("residency=de")").status, 201);
  Reply unknown = deploy(R"("patientt")");
  expect_error(unknown, 400, "agent 'ward': there is no data class 'patientt'");
  EXPECT_EQ(unknown.error_member("code"), "unknown_data_class");
  EXPECT_EQ(deploy(R"({"residency":["atlantis"]})").error_member("code"), "unknown_zone");
  expect_error(deploy(R"("sensitivity=secret")"), 400, "sensitivity 'secret' is unknown");
  Reply shown = call("GET", "/v1/agents/ward");
  EXPECT_EQ(shown.json().find("versions")->array_items()->size(), 1u) << shown.body;
}

TEST_F(RoutesTest, FollowersAreToldOfEventsAsTheyCome) {
  add("one.test");
  imposter("one.test").script(road::answer(200, road::chat_body("hello")));
  Reply made = call("POST", "/v1/sessions", R"({"agent":"helper","message":"hi"})");
  loop_.run_for(1s);
  std::string path = "/v1/sessions/" + made.json().get_text("id");
  ASSERT_EQ(call("POST", path + "/cancel").status, 202);
  loop_.run_for(1s);
  // The session has ended: the stream gives all there is and ends.
  http::ClientRequest follow = request("GET", path + "/events");
  follow.headers.add("accept", "text/event-stream");
  follow.headers.add("last-event-id", "1");
  Reply reply = call(std::move(follow));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(reply.body.find("id: 1\n"), std::string::npos) << "what was seen is not repeated";
  EXPECT_NE(reply.body.find("id: 2\n"), std::string::npos) << reply.body;
  EXPECT_NE(reply.body.find("event: session.ended\n"), std::string::npos) << reply.body;
}

TEST_F(RoutesTest, MemoryKeepsVersionsAndTenantsApart) {
  std::string path = "/v1/memory/customers/anna";
  expect_error(call("PUT", path, "{}"), 400, "'text', 'value' or both");
  expect_error(call("PUT", path, R"({"txt":"x"})"), 400, "unknown member 'txt'");
  expect_error(call("PUT", path, R"({"text":7})"), 400, "'text' must be a text");
  expect_error(call("PUT", path, R"({"text":"x","expected_version":-1})"), 400, "whole number");
  expect_error(call("GET", path), 404, "");
  Reply put = call("PUT", path, R"({"text":"likes trains","expected_version":0})");
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.json().get_int("version"), 1);
  expect_error(call("PUT", path, R"({"text":"x","expected_version":0})"), 409, "");
  http::ClientRequest conditional = request("PUT", path, R"({"text":"likes boats"})");
  conditional.headers.add("if-match", "\"1\"");
  EXPECT_EQ(call(conditional).json().get_int("version"), 2);
  EXPECT_EQ(call(conditional).status, 409);
  conditional.headers.set("if-match", "*");
  expect_error(call(conditional), 400, "If-Match");
  EXPECT_EQ(call("GET", path).json().get_string("text"), "likes boats");
  EXPECT_EQ(call("GET", path, "", "k-other").status, 404);
  EXPECT_EQ(call("GET", path, "", "k-call").status, 403);
  expect_error(call("GET", "/v1/memory/customers?limit=x"), 400, "limit");
  expect_error(call("POST", "/v1/memory/customers/search", "{}"), 400, "'query'");
  expect_error(call("POST", "/v1/memory/customers/search", R"({"query":"x","limit":0})"), 400,
               "'limit'");
  Reply found = call("POST", "/v1/memory/customers/search", R"({"query":"boats"})");
  EXPECT_EQ(found.json().find("data")->array_items()->size(), 1u) << found.body;
  EXPECT_EQ(call("DELETE", path).status, 200);
  EXPECT_EQ(call("DELETE", path).status, 404);
}

TEST_F(RoutesTest, KeysAndTenantsAreForAdmins) {
  expect_error(call("POST", "/v1/keys", "{}", "k-operator"), 400, "'scopes'");
  expect_error(call("POST", "/v1/keys", R"({"label":"x","scopes":["root"]})", "k-operator"), 400,
               "root");
  expect_error(
      call("POST", "/v1/keys", R"({"label":"x","scopes":["call"],"tenant":"no"})", "k-operator"),
      404, "no");
  EXPECT_EQ(call("POST", "/v1/keys", R"({"label":"x","scopes":["call"]})", "k-call").status, 403);
  Reply made = call("POST", "/v1/keys", R"({"label":"x","scopes":["call"]})", "k-operator");
  ASSERT_EQ(made.status, 201) << made.body;
  std::string secret(made.json().get_string("key").value_or(""));
  ASSERT_FALSE(secret.empty());
  std::string id(made.json().get_string("id").value_or(""));
  Reply list = call("GET", "/v1/keys", "", "k-operator");
  EXPECT_NE(list.body.find(id), std::string::npos);
  EXPECT_EQ(list.body.find(secret), std::string::npos) << "shown once";
  // Another tenant's admin does not learn that it is there.
  EXPECT_EQ(call("DELETE", "/v1/keys/" + id, "", "k-other").status, 404);
  EXPECT_EQ(call("GET", "/v1/keys?tenant=default", "", "k-other").status, 404);
  EXPECT_EQ(call("DELETE", "/v1/keys/" + id, "", "k-operator").status, 200);
  expect_error(call("DELETE", "/v1/keys/key_nothing", "", "k-operator"), 404, "key_nothing");
  expect_error(call("DELETE", "/v1/keys/nothing", "", "k-operator"), 400, "key_");
  EXPECT_EQ(call("POST", "/v1/tenants", R"({"name":"b"})", "k-other").status, 403);
  EXPECT_EQ(call("POST", "/v1/tenants", R"({"name":"b"})", "k-operator").status, 201);
  expect_error(call("POST", "/v1/tenants", R"({"name":"b"})", "k-operator"), 409, "'b'");
  expect_error(call("POST", "/v1/tenants", "{}", "k-operator"), 400, "name");
}

TEST_F(RoutesTest, TracesHaveProperIds) {
  expect_error(call("GET", "/v1/traces/xyz"), 400, "32 hex digits");
  expect_error(call("GET", "/v1/traces/" + std::string(32, 'a')), 404, "no such trace");
  EXPECT_EQ(call("GET", "/v1/traces/" + std::string(32, 'a'), "", "k-call").status, 403);
  expect_error(call("GET", "/v1/sessions/ses_none/trace"), 404, "");
}

TEST_F(RoutesTest, TheServerIsTheOperators) {
  EXPECT_EQ(call("POST", "/v1/admin/reload", "", "k-all").status, 403);
  EXPECT_EQ(call("POST", "/v1/admin/reload", "", "k-operator").status, 200);
  EXPECT_EQ(call("POST", "/v1/admin/backup", R"({"path":"/b"})", "k-all").status, 403);
  expect_error(call("POST", "/v1/admin/backup", R"({"path":"b"})", "k-operator"), 400, "absolute");
  expect_error(call("POST", "/v1/admin/backup", "{}", "k-operator"), 400, "absolute");
  EXPECT_TRUE(backups_.empty());
  EXPECT_EQ(call("POST", "/v1/admin/backup", R"({"path":"/b"})", "k-operator").status, 200);
  EXPECT_EQ(backups_, std::vector<std::string>{"/b"});
}

}  // namespace
}  // namespace drover::api
