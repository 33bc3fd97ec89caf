// Tool calls that wait for a person, who allows, edits or refuses them, and answers twice.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Approvals final : public Workload {
 public:
  std::string_view name() const override { return "approvals"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    agent.approvals = {"pay"};
    if (play.random->chance(0.3)) agent.approvals.push_back("f*");
    std::string text = play.one(0, play.random->chance(0.5) ? "pay+fast pay" : "pay+pay+flaky");
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_approvals() { return std::make_unique<Approvals>(); }

}  // namespace drover::world
