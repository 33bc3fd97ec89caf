// The class of memories: what a step writes has its session's, what it reads raises it, and what
// nothing could be done with together is not found.
#include "session/road_sessions_fixture.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kClerk =
    R"({"name":"clerk","instructions":"Be kind.","models":["m"],"memory":{"namespace":"notes"}})";

/// The text of the user's last message names a tool and its arguments.
Result<Message> obey(const contract::ChatRequest& request) {
  const Message& last = request.messages.back();
  if (last.role != Role::kUser) return say("done");
  std::string text = last.text();
  size_t space = text.find(' ');
  return call_tool(text.substr(0, space), text.substr(space + 1));
}

struct Remembering : World {
  Remembering() {
    loop.run_task(manager->stop());
    Services s = services();
    s.memory = host.get();
    manager = std::make_unique<SessionManager>(s, ctx);
    road.answer = obey;
    road::ThingSpec store;
    store.kind = policy::ThingKind::kStore;
    store.facts = *catalog::Facts::from_json(
        *Json::parse(R"({"zone":"de","cleared_for":"confidential","purposes":"any"})"), "test", "");
    std::map<std::string, road::ThingSpec> things;
    things[road::kOwnStore] = std::move(store);
    effects.guard().set_things(std::move(things));
  }
  SessionId begin(const std::string& data_class, const std::string& message) {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kClerk));
    spec.data_class = data_class;
    spec.message = Message::of_text(Role::kUser, message);
    auto id = loop.run_task(manager->create(ctx, who, std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    loop.run_for(5s);
    return *id;
  }
  memory::Memory memory{store.records()};
  std::unique_ptr<MemoryHost> host = make_memory_host(memory);
};

TEST(MemoryClasses, AMemoryHasTheClassOfItsSessionAndRaisesWhoeverReadsIt) {
  Remembering w;
  SessionId writer =
      w.begin("residency=eu;sensitivity=confidential", R"(memory_write {"key":"k","text":"tea"})");
  EXPECT_EQ(w.payload(writer, kind::kToolResult).get_bool("is_error"), std::nullopt);
  auto stored = w.loop.run_task(w.store.records().get(w.ctx, TenantId("ten_a"), "notes", "k"));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->data_class, "residency=eu;sensitivity=confidential");

  SessionId reader = w.begin("purpose=care", R"(memory_search {"query":"tea"})");
  const std::string both = "residency=eu;sensitivity=confidential;purpose=care";
  EXPECT_EQ(w.last(reader, kind::kToolResult).data_class, stored->data_class);
  EXPECT_EQ(w.state(reader).data_class, both);
  EXPECT_EQ(w.road.classes.back(), both) << "the model that reads the result is called with it";
  // What it writes from now on has it too, and so has a session that resumes.
  w.restart();
  EXPECT_EQ(w.state(reader).data_class, both);
}

TEST(MemoryClasses, WhatContradictsTheSessionIsNotFoundAndReadingItSaysTheRule) {
  Remembering w;
  w.begin("residency=de", R"(memory_write {"key":"german","text":"tea"})");
  w.begin("purpose=billing", R"(memory_write {"key":"bill","text":"tea"})");
  SessionId reader = w.begin("purpose=care", R"(memory_search {"query":"tea"})");
  std::string found(w.payload(reader, kind::kToolResult).get_string("content").value_or(""));
  EXPECT_NE(found.find("german"), std::string::npos) << found;
  EXPECT_EQ(found.find("bill"), std::string::npos) << "its purpose is another: " << found;
  EXPECT_EQ(w.state(reader).data_class, "residency=de;purpose=care");
  reader = w.begin("purpose=care", R"(memory_read {"key":"bill"})");
  Json read = w.payload(reader, kind::kToolResult);
  EXPECT_EQ(read.get_bool("is_error"), true);
  std::string why(read.get_string("content").value_or(""));
  EXPECT_NE(why.find("class: its inputs may be used for different purposes only"),
            std::string::npos)
      << why;
  EXPECT_EQ(w.state(reader).data_class, "purpose=care") << "nothing was learnt";
  EXPECT_EQ(w.state(reader).reason, "message") << "and it goes on";
}

/// Over the real road: endpoints in two zones, one of them abroad.
class MemoryBorder : public RoadSessions {
 protected:
  void SetUp() override {
    cleared("us.test", "us", "internal");
    cleared("de.test", "de", "confidential");
    road::ThingSpec& own = things_[road::kOwnStore];
    own.kind = policy::ThingKind::kStore;
    own.facts = facts("de", "restricted");
    own.facts.overlay(
        *catalog::Facts::from_json(*Json::parse(R"({"tenancy":"dedicated"})"), "test", ""));
    effects_->guard().set_things(things_);
  }
  static catalog::Facts facts(const std::string& zone, const std::string& cleared_for) {
    Json json = Json::object().set("prompt_cache", "none").set("zone", zone);
    json.set("cleared_for", cleared_for);
    return *catalog::Facts::from_json(json, "test", "");
  }
  void cleared(const std::string& host, const std::string& zone, const std::string& cleared_for) {
    facts_ = facts(zone, cleared_for);
    add(host);
  }
  SessionId asked() {
    SessionId id = begin(kClerk, "", "what do we know?");
    loop_.run_for(30s);
    return id;
  }
};

TEST_F(MemoryBorder, AMemoryOfAZoneTakesTheSessionThatReadsItThere) {
  remember("ward", "tea CANARY-memory", "residency=de;sensitivity=confidential");
  // Nothing is said of the session yet, so the first endpoint may serve it. Then it reads.
  imposter("us.test").script(
      road::answer(200, asks_for("memory_search", R"({\"query\":\"tea\"})")));
  imposter("de.test").script(road::answer(200, road::chat_body("it is tea")));
  SessionId id = asked();
  std::string journal = journal_of(id);
  EXPECT_NE(journal.find("CANARY-memory"), std::string::npos) << journal;
  EXPECT_NE(journal.find("it is tea"), std::string::npos) << journal;
  EXPECT_EQ(imposter("us.test").requests().size(), 1u);
  EXPECT_EQ(imposter("us.test").requests().front().find("CANARY"), std::string::npos);
  ASSERT_EQ(imposter("de.test").requests().size(), 1u);
  EXPECT_NE(imposter("de.test").requests().front().find("CANARY-memory"), std::string::npos);
}

TEST_F(MemoryBorder, WhatNoModelOfTheAgentMaySeeIsNotFound) {
  remember("secret", "tea CANARY-restricted", "sensitivity=restricted");
  remember("french", "tea CANARY-french", "residency=fr");
  remember("open", "tea for all", "");
  imposter("us.test").script(
      road::answer(200, asks_for("memory_search", R"({\"query\":\"tea\"})")));
  imposter("us.test").script(road::answer(200, asks_for("memory_read", R"({\"key\":\"secret\"})")));
  imposter("us.test").script(road::answer(200, road::chat_body("tea for all it is")));
  SessionId id = asked();
  std::string journal = journal_of(id);
  EXPECT_EQ(journal.find("CANARY"), std::string::npos) << journal;
  EXPECT_NE(journal.find("tea for all"), std::string::npos) << journal;
  EXPECT_NE(journal.find("no model of this agent may see data of the class "
                         "sensitivity=restricted"),
            std::string::npos)
      << journal;
  EXPECT_NE(journal.find("tea for all it is"), std::string::npos) << "and it went on";
}

}  // namespace
}  // namespace drover::session
