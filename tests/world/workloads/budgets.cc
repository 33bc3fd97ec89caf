// Trees whose budget runs out, and is raised a little, or not.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Budgets final : public Workload {
 public:
  std::string_view name() const override { return "budgets"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.output_tokens_max = 200;
    agent.tree.tokens = static_cast<int64_t>(800 + play.random->below(3'000));
    if (play.random->chance(0.3)) agent.tree.steps = 4;
    if (play.random->chance(0.3)) agent.tree.cost = Money::from_pico_usd(5'000'000'000);
    if (play.random->chance(0.2)) agent.tree.time = 4s;
    std::string text =
        play.one(0, play.random->chance(0.5) ? "spawn:4:all:fast fast" : "fast fast+pay fast");
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    if (play.random->chance(0.3)) co_return Result<void>();  // nobody raises it: it waits
    if (play.random->chance(0.4)) {
      // Raised once, and nobody looks after it any more.
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(1s, 15s)));
      CO_TRY_VOID(co_await play.client->raise_tree(ctx, id, 3'000));
      co_return Result<void>();
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_budgets() { return std::make_unique<Budgets>(); }

}  // namespace drover::world
