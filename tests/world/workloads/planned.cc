// Agents whose planner is a program behind HTTP: it calls tools and models, spawns, waits, and asks
// for more.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Planned final : public Workload {
 public:
  std::string_view name() const override { return "planned"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    agent.planner.url = "http://planner.test/plan";
    std::vector<std::string> models = {"m", "n"};
    if (play.random->chance(0.3)) agent.models.clear();
    play.bound(agent);
    std::string text = play.plan(0, models);
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY(auto rest, co_await play.client->settle(ctx, id, play.random));
    if (rest.status != "ended") {
      std::string next = play.plan(1, models);
      CO_TRY_VOID(co_await play.client->post(ctx, id, std::move(next)));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_planned() { return std::make_unique<Planned>(); }

}  // namespace drover::world
