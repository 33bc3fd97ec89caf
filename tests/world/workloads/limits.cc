// Agents that reach their limit of steps: they pause with their state kept, or end.

#include "world/workloads/table.h"
#include "world/world.h"

namespace drover::world {
namespace {

class Limits final : public Workload {
 public:
  std::string_view name() const override { return "limits"; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = plain_agent();
    agent.steps_max = static_cast<int64_t>(1 + play.random->below(3));
    bool ends = play.random->chance(0.5);
    if (ends) agent.at_limit = session::AgentSpec::AtLimit::kEnd;
    std::string text = fmt::format("#{} do fast fast+pay fast fast say", play.number);
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    CO_TRY(auto rest, co_await play.client->settle(ctx, id, play.random));
    bool right = rest.status == (ends ? "ended" : "waiting");
    // An answer that lost its tool calls on the way ends the turn before the limit.
    bool early = rest.waiting_for == "message" && play.world->scenario().rates.answer_damaged > 0;
    if (!right && !early && rest.helped == 0) {
      play.world->verdict().fail("limits", id.str() + " is " + rest.status + " at its limit");
    }
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_limits() { return std::make_unique<Limits>(); }

}  // namespace drover::world
