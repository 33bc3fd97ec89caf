// Children that may use so many tokens with all below them: what is given is handed on, runs out,
// and is raised.

#include "world/workloads/table.h"

namespace drover::world {
namespace {

class Subtasks final : public Workload {
 public:
  std::string_view name() const override { return "subtasks"; }
  int weight() const override { return 2; }

  Task<Result<void>> play(Context ctx, Play play) override {
    session::AgentSpec agent = able_agent();
    agent.output_tokens_max = 200;
    agent.tree.depth = 3;
    static constexpr const char* kWords[] = {"spawn:3:all:fast:700",
                                             "spawn:2:any:slow:400",
                                             "spawn:2:all:spawn.2.all.fast:1500",
                                             "spawn:1:all:spawn.3.all.fast.600:1200",
                                             "spawn:1:all:spawn.2.all.spawn.2.all.fast:2500",
                                             "spawn:1:all:spawn.3.any.slow:1200"};
    std::string word = kWords[play.random->below(std::size(kWords))];
    if (play.random->chance(0.3)) word += "+fast";
    std::string text = play.one(0, word + " fast");
    co_return co_await play_to_rest(ctx, play, std::move(agent), std::move(text), 0.2);
  }
};

}  // namespace

std::unique_ptr<Workload> make_subtasks() { return std::make_unique<Subtasks>(); }

}  // namespace drover::world
