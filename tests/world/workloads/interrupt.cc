// A user who does not wait: messages arrive in the middle of turns, several in a row.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Interrupt final : public Workload {
 public:
  std::string_view name() const override { return "interrupt"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    std::string first = play.script(0);
    CO_TRY(SessionId id, co_await play.client->create(ctx, plain_agent(), std::move(first)));
    auto messages = static_cast<int>(1 + play.random->below(6));
    for (int i = 1; i <= messages; ++i) {
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 1500ms)));
      std::string next = play.script(i);
      CO_TRY_VOID(co_await play.client->post(ctx, id, std::move(next)));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_interrupt() { return std::make_unique<Interrupt>(); }

}  // namespace drover::world
