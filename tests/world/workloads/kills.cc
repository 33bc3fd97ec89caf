// A person who kills: a session, a whole tree, everything of an agent, or of a tenant.

#include "world/workloads/table.h"
#include "world/world.h"

namespace drover::world {
namespace {

class Kills final : public Workload {
 public:
  std::string_view name() const override { return "kills"; }

  Task<Result<void>> play(Context ctx, Play play) override {
    if (play.random->chance(0.25)) co_return co_await kill_tenant(ctx, play);
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

 private:
  /// Two sessions of a tenant of their own end, and nobody else's are named.
  static Task<Result<void>> kill_tenant(Context ctx, Play play) {
    TenantId tenant(fmt::format("{}{}", kDoomedTenant, play.number));
    Client first(*play.world, tenant);
    Client second(*play.world, tenant);
    session::AgentSpec agent = able_agent();
    std::string tree = play.one(0, "spawn:3:all:slow+slow sleep:60");
    CO_TRY(SessionId one, co_await first.create(ctx, agent, std::move(tree)));
    std::string alone = play.one(1, "slow slow sleep:60");
    CO_TRY(SessionId other, co_await second.create(ctx, agent, std::move(alone)));
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 10s)));
    session::KillTarget target;
    target.kind = session::KillTarget::Kind::kTenant;
    CO_TRY(auto report, co_await first.kill(ctx, target));
    for (const session::Killed& killed : report.stopped) {
      // To a tenant another's session is not there.
      auto state = co_await first.state(ctx, killed.id);
      if (!state) {
        play.world->verdict().fail("kills", killed.id.str() + " was stopped with the tenant " +
                                                tenant.str() + ": " + state.error().to_string());
      }
    }
    if (!report.failed.empty()) co_return Result<void>();  // it said so
    CO_TRY(auto rest_of_one, co_await first.rest(ctx, one));
    CO_TRY(auto rest_of_other, co_await second.rest(ctx, other));
    if (rest_of_one.status != "ended" || rest_of_other.status != "ended") {
      play.world->verdict().fail("promises", tenant.str() + " was killed and has open sessions");
    }
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_kills() { return std::make_unique<Kills>(); }

}  // namespace drover::world
