// Agents that wait for signals, which come before, during and after the wait, or not at all.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Signals final : public Workload {
 public:
  std::string_view name() const override { return "signals"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    bool bounded = play.random->chance(0.4);
    std::string word = bounded ? "signal:go:8" : "signal:go";
    if (play.random->chance(0.4)) word += "+slow";
    std::string text = play.one(0, word + " fast signal:then");
    session::AgentSpec agent = able_agent();
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    if (play.random->chance(0.5)) {
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 10s)));
      CO_TRY_VOID(co_await play.client->signal(ctx, id, "go"));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_signals() { return std::make_unique<Signals>(); }

}  // namespace drover::world
