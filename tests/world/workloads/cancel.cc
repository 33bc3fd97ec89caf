// A user who changes his mind: the session ends at some moment, whatever was under way.

#include "world/workloads/table.h"
#include "world/world.h"

namespace drover::world {
namespace {

class Cancel final : public Workload {
 public:
  std::string_view name() const override { return "cancel"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    std::string first = play.script(0);
    CO_TRY(SessionId id, co_await play.client->create(ctx, plain_agent(), std::move(first)));
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 10s)));
    CO_TRY_VOID(co_await play.client->cancel(ctx, id));
    CO_TRY(auto rest, co_await play.client->rest(ctx, id));
    if (rest.status != "ended") {
      play.world->verdict().fail("promises", id.str() + " was cancelled and has not ended");
    }
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_cancel() { return std::make_unique<Cancel>(); }

}  // namespace drover::world
