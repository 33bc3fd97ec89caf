#pragma once
// Sessions over a real road, with imposters for providers: for what only the two together can show.
// Virtual time, seeded.

#include "road/road_test_fixture.h"
#include "session/fakes.h"
#include "session/manager.h"
#include "session/memory_host.h"
#include "store/memory/memory_store.h"

namespace drover::session {

class RoadSessions : public road::RoadFixture {
 protected:
  RoadSessions() {
    effects_ = std::make_unique<road::Effects>(random_, &spans_, &metrics_, &policy_);
    things_["fake"].facts = facts_of("de");
    effects_->guard().set_things(things_);
    tools_.latency["look"] = 1ms;
    Services s;
    s.loop = &loop_;
    s.random = &random_;
    s.journal = &store_.journal();
    s.road = road_.get();
    s.memory = memory_host_.get();
    s.tools = &tools_;
    s.effects = effects_.get();
    s.spans = &spans_;
    manager_ = std::make_unique<SessionManager>(s, Context(loop_));
  }
  void TearDown() override { loop_.run_task(manager_->stop()); }

  static catalog::Facts facts_of(const std::string& zone) {
    return *catalog::Facts::from_json(
        *Json::parse(R"({"prompt_cache":"none","zone":")" + zone + "\"}"), "test", "");
  }
  void at(const std::string& host, const std::string& zone, const std::string& model = "m") {
    facts_ = facts_of(zone);
    add(host, "env:GOOD_KEY", model);
  }
  SessionId begin(std::string_view agent, const std::string& data_class, const std::string& text) {
    NewSession spec;
    auto read = AgentSpec::from_json(*Json::parse(agent));
    EXPECT_TRUE(read) << read.error().message;
    spec.agent = *read;
    spec.data_class = data_class;
    spec.message = contract::Message::of_text(contract::Role::kUser, text);
    auto id = loop_.run_task(manager_->create(Context(loop_), who_, std::move(spec)));
    EXPECT_TRUE(id);
    return *id;
  }
  std::string journal_of(const SessionId& id) {
    std::string out;
    auto events = loop_.run_task(manager_->events(Context(loop_), who_, id, 1, 1000));
    for (const contract::Event& e : *events) out += e.kind + " " + e.payload + "\n";
    return out;
  }
  bool say(const SessionId& id, const std::string& text) {
    contract::Message message = contract::Message::of_text(contract::Role::kUser, text);
    return loop_.run_task(manager_->post_message(Context(loop_), who_, id, std::move(message)))
        .has_value();
  }

  void remember(const std::string& key, const std::string& text, const std::string& data_class) {
    memory::Scope scope;
    scope.tenant = who_.tenant;
    scope.name_space = "notes";
    memory::Entry entry;
    entry.key = key;
    entry.text = text;
    entry.data_class = data_class;
    ASSERT_TRUE(loop_.run_task(memory_.write(Context(loop_), scope, entry)));
  }

  store::MemoryStore store_{random_};
  memory::Memory memory_{store_.records()};
  std::unique_ptr<MemoryHost> memory_host_ = make_memory_host(memory_);
  std::map<std::string, road::ThingSpec> things_;
  FakeTools tools_;
  std::unique_ptr<road::Effects> effects_;
  std::unique_ptr<SessionManager> manager_;
  identity::Principal who_ = identity::Principal::system(TenantId("ten_1"));
};

}  // namespace drover::session
