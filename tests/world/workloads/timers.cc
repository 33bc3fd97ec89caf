// Agents that sleep, for seconds to hours, alone and beside other calls; some users do not wait.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Timers final : public Workload {
 public:
  std::string_view name() const override { return "timers"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    uint64_t seconds = 1 + play.random->below(play.random->chance(0.3) ? 7'200 : 40);
    std::string word = fmt::format("sleep:{}", seconds);
    if (play.random->chance(0.4)) word += "+fast";
    if (play.random->chance(0.2)) word += "+sleep:2";
    std::string text = play.one(0, word);
    session::AgentSpec agent = able_agent();
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    if (play.random->chance(0.3)) co_return Result<void>();  // gone; it must wake by itself
    if (play.random->chance(0.3)) {
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 20s)));
      std::string next = play.script(1);
      CO_TRY_VOID(co_await play.client->post(ctx, id, std::move(next)));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_timers() { return std::make_unique<Timers>(); }

}  // namespace drover::world
