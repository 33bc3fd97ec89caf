// Agents whose loop is elsewhere: workers lease their plans and their tool calls.

#include "world/workers.h"
#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Queued final : public Workload {
 public:
  std::string_view name() const override { return "queued"; }
  int weight() const override { return 3; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    agent.planner.queue = kWorkQueue;
    agent.tools.clear();
    agent.models.clear();
    if (play.random->chance(0.2)) agent.tree.steps = 3;
    if (play.random->chance(0.2)) agent.step_budget.time = 20s;
    play.bound(agent);
    std::string text = play.random->chance(0.5) ? play.script(0) : play.plan(0, {});
    co_return co_await play_to_rest(ctx, play, std::move(agent), std::move(text), 0.2);
  }
};

}  // namespace

std::unique_ptr<Workload> make_queued() { return std::make_unique<Queued>(); }

}  // namespace drover::world
