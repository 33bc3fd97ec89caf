// Sessions that are purged once they have ended, alone or with a tree below them.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Purges final : public Workload {
 public:
  std::string_view name() const override { return "purges"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.end_after_answer = true;
    const bool tree = play.random->chance(0.3);
    std::string text = tree ? play.one(0, "spawn:3:all:fast fast") : play.script(0);
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY(auto rest, co_await play.client->settle(ctx, id, play.random));
    if (rest.status != "ended") {
      CO_TRY_VOID(co_await play.client->cancel(ctx, id));
      CO_TRY(rest, co_await play.client->rest(ctx, id));
    }
    // Longer than any disk takes: the store in memory shows what is not durable yet.
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(3s, 6s)));
    for (;;) {
      auto purged = co_await play.client->purge(ctx, id);
      if (purged || purged.error().reason != "open") co_return purged;
      // Its end was seen before it was durable, and a crash took it back.
      CO_TRY_VOID(co_await play.client->cancel(ctx, id));
    }
  }
};

}  // namespace

std::unique_ptr<Workload> make_purges() { return std::make_unique<Purges>(); }

}  // namespace drover::world
