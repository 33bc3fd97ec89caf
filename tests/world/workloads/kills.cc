// A person who kills: a session, a whole tree, everything of an agent.

#include "world/workloads/table.h"
#include "world/world.h"

namespace drover::world {
namespace {

class Kills final : public Workload {
 public:
  std::string_view name() const override { return "kills"; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.name = fmt::format("doomed{}", play.number);
    std::string text = play.one(0, "spawn:4:all:slow+slow sleep:60");
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 10s)));
    session::KillTarget target;
    uint64_t which = play.random->below(3);
    target.what = which == 2 ? fmt::format("doomed{}", play.number) : id.str();
    target.kind = which == 0   ? session::KillTarget::Kind::kSession
                  : which == 1 ? session::KillTarget::Kind::kTree
                               : session::KillTarget::Kind::kAgent;
    CO_TRY(auto report, co_await play.client->kill(ctx, target));
    if (!report.failed.empty()) co_return Result<void>();  // it said so
    CO_TRY(auto rest, co_await play.client->rest(ctx, id));
    if (rest.status != "ended") {
      play.world->verdict().fail("promises", id.str() + " was killed and has not ended");
    }
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_kills() { return std::make_unique<Kills>(); }

}  // namespace drover::world
