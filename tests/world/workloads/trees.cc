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
    co_return co_await play_to_rest(ctx, play, std::move(agent), std::move(text), 0.25);
  }
};

}  // namespace

std::unique_ptr<Workload> make_trees() { return std::make_unique<Trees>(); }

}  // namespace drover::world
