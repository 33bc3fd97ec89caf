// Agents that spawn children: more than there are places for, deeper than they may, for all, any or
// some of the results; and parents that are cancelled over them.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Trees final : public Workload {
 public:
  std::string_view name() const override { return "trees"; }
  int weight() const override { return 3; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.tree.width = static_cast<int64_t>(1 + play.random->below(4));
    agent.tree.depth = static_cast<int64_t>(1 + play.random->below(2));
    if (play.random->chance(0.3)) agent.tree.spawns = 3;
    static constexpr const char* kWords[] = {"spawn:3:all:fast", "spawn:4:any:slow",
                                             "spawn:5:2:fast+pay", "spawn:2:all:sleep.3",
                                             "spawn:2:all:spawn.2.all.say"};
    std::string word = kWords[play.random->below(std::size(kWords))];
    if (play.random->chance(0.2)) word += "+spawn:2:all:fast";
    std::string text = play.one(0, word + " fast");
    CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
    if (play.random->chance(0.25)) {
      CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 8s)));
      CO_TRY_VOID(co_await play.client->cancel(ctx, id));
    }
    CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
    (void)last;
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Workload> make_trees() { return std::make_unique<Trees>(); }

}  // namespace drover::world
