// Agents with a step budget that ask for more: a rule grants it, a person decides, or nobody.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Extensions final : public Workload {
 public:
  std::string_view name() const override { return "extensions"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.step_budget.tokens = static_cast<int64_t>(600 + play.random->below(1'000));
    if (play.random->chance(0.3)) agent.step_budget.time = 3s;
    agent.extensions.auto_requests = static_cast<int64_t>(play.random->below(3));
    agent.extensions.auto_tokens = 1'500;
    agent.extensions.auto_time = 12s;
    agent.extensions.ask = play.random->chance(0.6);
    std::string text = play.one(0, "extend:500 fast+extend:700 extend:900 slow");
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_extensions() { return std::make_unique<Extensions>(); }

}  // namespace drover::world
