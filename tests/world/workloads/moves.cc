// A session that is moved to another version of its agent in the middle of its work.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Moves final : public Workload {
 public:
  std::string_view name() const override { return "moves"; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    session::AgentSpec next = agent;
    next.version = "2";
    next.instructions = "Do what the user says, better.";
    std::string text = play.script(0);
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 8s)));
    CO_TRY_VOID(co_await play.client->move(ctx, id, std::move(next)));
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_moves() { return std::make_unique<Moves>(); }

}  // namespace drover::world
