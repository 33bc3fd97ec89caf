// A user who talks, turn by turn, and waits for each answer. Some sessions end with their answer.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Talk final : public Workload {
 public:
  std::string_view name() const override { return "talk"; }
  int weight() const override { return 6; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    agent.end_after_answer = play.random->chance(0.3);
    if (play.random->chance(0.2)) agent.models.push_back("n");  // at the dearest price of all
    std::string first = play.script(0);
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(first)));
    auto turns = static_cast<int>(1 + play.random->below(4));
    for (int turn = 1; turn <= turns; ++turn) {
      CO_TRY(auto rest, co_await play.client->settle(ctx, id, play.random));
      if (rest.status == "ended") break;
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(100ms, 5s)));
      std::string next = play.script(turn);
      CO_TRY_VOID(co_await play.client->post(ctx, id, std::move(next)));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_talk() { return std::make_unique<Talk>(); }

}  // namespace drover::world
