// A session hops between endpoints, and its scratch data with it.
#include "road/road_test_fixture.h"
#include "session/fakes.h"
#include "session/manager.h"
#include "session/memory_host.h"
#include "store/memory/memory_store.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kScratchClerk =
    R"({"name":"clerk","instructions":"Be kind.","models":["m"],)"
    R"("memory":{"namespace":"pad:{session}"}})";

class ScratchSessions : public road::RoadFixture {
 protected:
  void SetUp() override {
    at("east.test", R"({"fault_domain":"east-1","zone":"us","region":"east"})");
    at("west.test", R"({"fault_domain":"west-1","zone":"de","region":"west"})");
    store("east", R"({"fault_domain":"east-1","zone":"us","region":"east"})");
    store("west", R"({"fault_domain":"west-1","zone":"de","region":"west"})");
    store(road::kOwnStore, R"({"zone":"de"})");
    make();
    effects_ = std::make_unique<road::Effects>(random_, &spans_, &metrics_, &policy_);
    effects_->guard().set_things(things_);
    start();
  }
  void TearDown() override { loop_.run_task(manager_->stop()); }

  /// As a process does; what was in memory is gone.
  void start() {
    if (manager_) loop_.run_task(manager_->stop());
    memory_ = std::make_unique<memory::Memory>(own_.records());
    memory_->add_store(road::kOwnStore, own_.records());
    memory_->add_store("east", east_.records());
    memory_->add_store("west", west_.records());
    scratch_ = std::make_unique<memory::Scratch>(*memory_);
    memory_->set_scratch(scratch_.get());
    host_ = make_memory_host(*memory_);
    Services s;
    s.loop = &loop_;
    s.random = &random_;
    s.journal = &own_.journal();
    s.road = road_.get();
    s.memory = host_.get();
    s.scratch = scratch_.get();
    s.tools = &tools_;
    s.effects = effects_.get();
    s.spans = &spans_;
    manager_ = std::make_unique<SessionManager>(s, Context(loop_));
    ASSERT_TRUE(loop_.run_task(scratch_->open(Context(loop_))));
    ASSERT_TRUE(loop_.run_task(manager_->recover(Context(loop_))));
  }
  static catalog::Facts facts(const std::string& json) {
    return *catalog::Facts::from_json(*Json::parse(json), "test", "");
  }
  void at(const std::string& host, const std::string& json) {
    facts_ = facts(json);
    add(host);
  }
  void store(const std::string& name, const std::string& json) {
    parts_.settings.stores.push_back(road::StoreSpec{name, facts(json)});
    road::ThingSpec thing;
    thing.kind = policy::ThingKind::kStore;
    thing.facts = facts(json);
    things_[name] = std::move(thing);
  }
  /// The endpoint's next answers, the last one from then on; each after `pause`.
  void answers(const std::string& host, const std::string& body, Duration pause = {}) {
    road::ImposterScript script;
    script.then(road::answer(200, body).parts[0].bytes, pause);
    imposter(host).script(std::move(script));
  }
  void down(const std::string& host) {
    imposter(host).script(road::answer(503, R"({"error":{"message":"no"}})"));
  }
  SessionId begin(const std::string& data_class = "") {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kScratchClerk));
    spec.data_class = data_class;
    spec.message = contract::Message::of_text(contract::Role::kUser, "go");
    auto id = loop_.run_task(manager_->create(Context(loop_), who_, std::move(spec)));
    EXPECT_TRUE(id);
    loop_.run_for(20s);
    return *id;
  }
  void say(const SessionId& id, Duration time = 20s) {
    contract::Message message = contract::Message::of_text(contract::Role::kUser, "and now?");
    ASSERT_TRUE(
        loop_.run_task(manager_->post_message(Context(loop_), who_, id, std::move(message))));
    loop_.run_for(time);
  }
  /// What each placement says of the scratch data.
  std::vector<Json> scratch(const SessionId& id) {
    std::vector<Json> out;
    auto events = loop_.run_task(manager_->events(Context(loop_), who_, id, 1, 1000));
    for (const contract::Event& e : *events) {
      if (e.kind != kind::kPlacementDecided) continue;
      Json payload = *Json::parse(e.payload);
      const Json* said = payload.find("scratch");
      out.push_back(said == nullptr ? Json() : *said);
    }
    return out;
  }
  std::string last_result(const SessionId& id) {
    std::string out;
    auto events = loop_.run_task(manager_->events(Context(loop_), who_, id, 1, 1000));
    for (const contract::Event& e : *events) {
      if (e.kind == kind::kToolResult) out = e.payload;
    }
    return out;
  }
  std::string keys(store::MemoryStore& store, const SessionId& id) {
    auto listed = loop_.run_task(
        store.records().list(Context(loop_), TenantId("ten_1"), "pad:" + id.str(), "", "", 1000));
    std::string out;
    for (const store::Record& record : *listed) out += record.key;
    return out;
  }
  std::string where(const SessionId& id) {
    return "own:" + keys(own_, id) + " east:" + keys(east_, id) + " west:" + keys(west_, id);
  }

  store::MemoryStore own_{random_}, east_{random_}, west_{random_};
  std::unique_ptr<memory::Memory> memory_;
  std::unique_ptr<memory::Scratch> scratch_;
  std::unique_ptr<MemoryHost> host_;
  FakeTools tools_;
  std::map<std::string, road::ThingSpec> things_;
  std::unique_ptr<road::Effects> effects_;
  std::unique_ptr<SessionManager> manager_;
  identity::Principal who_ = identity::Principal::system(TenantId("ten_1"));
};

constexpr const char* kNote = R"({\"key\":\"k\",\"text\":\"tea at five\"})";

TEST_F(ScratchSessions, ItIsWrittenWhereTheEndpointIsAndHopsWithTheSession) {
  answers("east.test", asks_for("memory_write", kNote));
  down("east.test");
  answers("west.test", road::chat_body("noted"));
  answers("west.test", asks_for("memory_read", R"({\"key\":\"k\"})"));
  answers("west.test", road::chat_body("it was tea"));
  // The tool call's turn is served by east, the turn after it by west, for east is down.
  SessionId id = begin();
  std::vector<Json> said = scratch(id);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].get_string("store"), "east");
  EXPECT_EQ(said[0].get_string("from"), road::kOwnStore);
  EXPECT_EQ(said[0].get_int("records"), 0);
  EXPECT_EQ(said[1].get_string("store"), "west");
  EXPECT_EQ(said[1].get_string("from"), "east");
  EXPECT_EQ(said[1].get_int("records"), 1);
  EXPECT_EQ(said[1].get_int("bytes"), 16);
  EXPECT_TRUE(said[1].get_int("took_us"));
  EXPECT_EQ(said[1].get_string("reason"), "it stands in the fault domain of west.test, west-1");
  EXPECT_EQ(where(id), "own: east: west:k");
  // And it is read there, also by whoever takes the session up later.
  start();
  say(id);
  EXPECT_NE(last_result(id).find("tea at five"), std::string::npos) << last_result(id);
  EXPECT_EQ(scratch(id).back().get_string("from"), std::nullopt) << "it stays";
  bool traced = false;
  for (const store::SpanRow& span : spans_.spans()) {
    traced = traced || (span.name == "scratch move" &&
                        span.attributes.json().get_string("drover.scratch.to") == "west");
  }
  EXPECT_TRUE(traced);
}

TEST_F(ScratchSessions, AStoreOutsideTheZoneNeverSeesIt) {
  endpoints_[0].facts = facts(R"({"fault_domain":"east-1","zone":"de","prompt_cache":"none"})");
  ASSERT_TRUE(catalog_.replace(endpoints_));
  answers("east.test", asks_for("memory_write", kNote));
  answers("east.test", road::chat_body("noted"));
  SessionId id = begin("residency=de");
  Json said = scratch(id).back();
  EXPECT_EQ(said.get_string("store"), road::kOwnStore) << said.dump();
  EXPECT_NE(said.get_text("reason").find("east -> residency"), std::string::npos) << said.dump();
  EXPECT_EQ(where(id), "own:k east: west:");
  EXPECT_EQ(east_.disk().syncs(), 0u) << "not a byte of it";
}

TEST_F(ScratchSessions, ARecordThatMayNotGoThereKeepsTheRestWithIt) {
  down("east.test");
  answers("west.test", asks_for("memory_write", kNote));
  answers("west.test", road::chat_body("noted"));
  SessionId id = begin();
  EXPECT_EQ(where(id), "own: east: west:k");
  // From outside: stricter than anything the session itself knows of.
  auto write = [&](const std::string& key, const std::string& data_class) {
    memory::Scope scope;
    scope.tenant = TenantId("ten_1");
    scope.name_space = "pad:" + id.str();
    memory::Entry entry;
    entry.key = key;
    entry.text = "CANARY";
    entry.data_class = data_class;
    return loop_.run_task(memory_->write(Context(loop_), scope, std::move(entry)));
  };
  ASSERT_TRUE(write("l", "residency=de"));
  health_.succeeded(endpoints_[0]);
  imposter("east.test").only(road::answer(200, road::chat_body("yes")));
  say(id);
  Json said = scratch(id).back();
  EXPECT_EQ(said.get_string("store"), "west") << said.dump();
  EXPECT_NE(said.get_text("reason").find("east -> residency"), std::string::npos) << said.dump();
  EXPECT_EQ(where(id), "own: east: west:kl");
  EXPECT_EQ(east_.disk().syncs(), 0u) << "not a byte of it";
  // One that is written while the call is under way comes after the question.
  memory::Scope scope;
  scope.tenant = TenantId("ten_1");
  scope.name_space = "pad:" + id.str();
  ASSERT_TRUE(loop_.run_task(memory_->remove(Context(loop_), scope, "l")));
  road::ImposterScript slow;
  slow.then(road::answer(200, road::chat_body("yes")).parts[0].bytes, 5s);
  imposter("east.test").only(std::move(slow));
  say(id, 2s);
  ASSERT_TRUE(write("m", "residency=de"));
  loop_.run_for(20s);
  said = scratch(id).back();
  EXPECT_EQ(said.get_string("store"), "west") << said.dump();
  EXPECT_NE(said.get_text("error").find("written meanwhile"), std::string::npos) << said.dump();
  EXPECT_EQ(where(id), "own: east: west:km");
}

TEST_F(ScratchSessions, ACommitThatFailsAfterTheCopyLosesNothingAndLeavesOneThatCounts) {
  answers("east.test", asks_for("memory_write", kNote));
  answers("east.test", road::chat_body("noted"));
  SessionId id = begin();
  EXPECT_EQ(where(id), "own: east:k west:");
  imposter("east.test").only(road::answer(503, R"({"error":{"message":"no"}})"));
  answers("west.test", road::chat_body("yes"), 5s);
  say(id, 3s);
  // The result comes with the copy made; its commit finds a full disk.
  own_.disk().fail_next(Error(Code::kResourceExhausted, "disk full", Retry::kAfter));
  loop_.run_for(40s);
  EXPECT_EQ(where(id), "own: east: west:k");
  EXPECT_EQ(scratch(id).back().get_string("from"), "east") << "once, as far as the journal knows";
  EXPECT_FALSE(scratch_->unsettled(id));
}

TEST_F(ScratchSessions, AProcessThatDiedBetweenCopyAndCommitIsTidiedUpAtTheNextStart) {
  answers("east.test", asks_for("memory_write", kNote));
  answers("east.test", road::chat_body("noted"));
  SessionId id = begin();
  loop_.run_for(10s);
  memory::ScratchOwner owner;
  owner.session = id;
  owner.tenant = TenantId("ten_1");
  owner.name_space = "pad:" + id.str();
  ASSERT_TRUE(loop_.run_task(scratch_->move(Context(loop_), owner, "east", "west", "")));
  EXPECT_EQ(where(id), "own: east:k west:k");
  start();
  EXPECT_EQ(where(id), "own: east:k west:") << "the journal knows of no move";
  EXPECT_FALSE(scratch_->unsettled(id));
}

TEST_F(ScratchSessions, AStoreThatIsFullLeavesItWhereItIsAndTheSessionGoesOn) {
  answers("east.test", asks_for("memory_write", kNote));
  down("east.test");
  answers("west.test", road::chat_body("noted"));
  west_.disk().fail_next(Error(Code::kResourceExhausted, "disk full"), 3);
  SessionId id = begin();
  Json said = scratch(id).back();
  EXPECT_EQ(said.get_string("store"), "east");
  EXPECT_NE(said.get_text("error").find("disk full"), std::string::npos) << said.dump();
  EXPECT_EQ(keys(east_, id), "k");
  // With room again it follows.
  answers("west.test", road::chat_body("yes"));
  say(id);
  EXPECT_EQ(where(id), "own: east: west:k");
}

TEST_F(ScratchSessions, MemoryThatManySessionsShareDoesNotMove) {
  answers("east.test", asks_for("memory_write", kNote));
  answers("east.test", road::chat_body("noted"));
  NewSession spec;
  spec.agent = *AgentSpec::from_json(
      *Json::parse(R"({"name":"clerk","models":["m"],"memory":{"namespace":"shared"}})"));
  spec.message = contract::Message::of_text(contract::Role::kUser, "go");
  auto id = loop_.run_task(manager_->create(Context(loop_), who_, std::move(spec)));
  ASSERT_TRUE(id);
  loop_.run_for(20s);
  EXPECT_TRUE(scratch(*id).back().is_null());
  EXPECT_TRUE(loop_.run_task(own_.records().get(Context(loop_), TenantId("ten_1"), "shared", "k")));
}

}  // namespace
}  // namespace drover::session
