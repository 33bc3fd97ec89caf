#pragma once
// What tests of work share that programs outside do: a queue, and who leases from it.

#include "session/session_test_world.h"

namespace drover::session {

inline constexpr std::string_view kQueued = R"({"name":"q","planner":{"queue":"work"}})";

inline Json step_plan(int n) {
  std::string text = R"({"effects":[{"kind":"tool_call","name":"step","arguments":{"n":)" +
                     std::to_string(n) + "}}]}";
  return *Json::parse(text);
}
inline Json end_plan() { return *Json::parse(R"({"effects":[{"kind":"end","result":"done"}]})"); }

/// Sessions whose planner is the queue "work", and one who works for it.
struct Workers : World {
  std::vector<Leased> lease(Duration wait = 0s, Duration time = 30s) {
    LeaseRequest request;
    request.queues = {"work"};
    request.worker = "w1";
    request.wait = wait;
    request.lease_time = time;
    auto got = loop.run_task(manager->lease(ctx, who, request));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::vector<Leased>();
  }
  /// The same where there is exactly one item.
  Leased lease_one(Duration wait = 0s, Duration time = 30s) {
    std::vector<Leased> items = lease(wait, time);
    EXPECT_EQ(items.size(), 1u);
    return items.empty() ? Leased() : std::move(items[0]);
  }
  Result<WorkAnswer> finish(const WorkKey& key, Json body, bool next = false) {
    WorkResult result;
    result.body = std::move(body);
    result.next = next;
    result.worker = "w1";
    return loop.run_task(manager->finish_work(ctx, who, key, std::move(result)));
  }
  Result<WorkAnswer> give_back(const WorkKey& key, std::string why) {
    Json error = Json::object().set("message", std::move(why));
    return finish(key, Json::object().set("error", std::move(error)));
  }
  /// finish(), asking for what is answered ahead of the commit; that, if there was something.
  Result<std::optional<WorkAnswer>> finish_ahead(const WorkKey& key, Json body,
                                                 Tell tell = nullptr) {
    WorkResult result;
    result.body = std::move(body);
    result.next = true;
    std::optional<WorkAnswer> told;
    const uint64_t synced = store.disk().syncs();
    Ahead<WorkAnswer> ahead = [&](WorkAnswer answer) {
      told = std::move(answer);
      EXPECT_EQ(store.disk().syncs(), synced);
      return tell;
    };
    auto done =
        loop.run_task(manager->finish_work(ctx, who, key, std::move(result), std::move(ahead)));
    if (!done) return fail(done.error());
    EXPECT_FALSE(told && done->next);
    return told;
  }
  static NewSession planned(Json plan) {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kQueued));
    spec.plan = std::move(plan);
    return spec;
  }
  SessionId begin(Json plan) {
    auto id = loop.run_task(manager->create(ctx, who, planned(std::move(plan))));
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
};

inline constexpr std::string_view kQueuedInEurope =
    R"({"name":"q","planner":{"queue":"work"},"data":"residency=eu"})";

/// Where workers are, what their results bring, and where this server is.
struct PlacedWorkers : Workers {
  static catalog::Facts facts(const std::string& json) {
    return *catalog::Facts::from_json(*Json::parse(json), "test", "");
  }
  void queue_in(const std::string& zone, const std::string& brings = "",
                const std::string& here = R"({"zone":"de","cleared_for":"internal"})") {
    std::map<std::string, road::ThingSpec> things;
    road::ThingSpec& queue = things["queue:work"];
    queue.facts = facts(R"({"cleared_for":"internal","zone":")" + zone + "\"}");
    queue.data_class = brings;
    road::ThingSpec& own = things[road::kOwnStore];
    own.kind = policy::ThingKind::kStore;
    own.facts = facts(here);
    effects.guard().set_things(std::move(things));
  }
};

}  // namespace drover::session
