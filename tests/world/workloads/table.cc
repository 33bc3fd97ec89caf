#include "world/workloads/table.h"

#include <fmt/format.h>

#include "world/tool_servers.h"

namespace drover::world {

const std::vector<std::unique_ptr<Workload>>& workloads() {
  static const std::vector<std::unique_ptr<Workload>> all = [] {
    std::vector<std::unique_ptr<Workload>> out;
    out.push_back(make_talk());
    out.push_back(make_interrupt());
    out.push_back(make_cancel());
    out.push_back(make_limits());
    out.push_back(make_timers());
    out.push_back(make_approvals());
    out.push_back(make_signals());
    out.push_back(make_trees());
    out.push_back(make_budgets());
    out.push_back(make_subtasks());
    out.push_back(make_extensions());
    out.push_back(make_planned());
    out.push_back(make_queued());
    out.push_back(make_kills());
    out.push_back(make_moves());
    out.push_back(make_purges());
    return out;
  }();
  return all;
}

Workload& draw_workload(Random& random) {
  uint64_t sum = 0;
  for (const auto& w : workloads()) sum += static_cast<uint64_t>(w->weight());
  uint64_t at = random.below(sum);
  for (const auto& w : workloads()) {
    auto weight = static_cast<uint64_t>(w->weight());
    if (at < weight) return *w;
    at -= weight;
  }
  return *workloads().back();
}

Task<Result<void>> play_to_rest(Context ctx, Play play, session::AgentSpec agent, std::string text,
                                double cancels) {
  CO_TRY(SessionId id, co_await play.client->create(ctx, std::move(agent), std::move(text)));
  if (play.random->chance(cancels)) {
    CO_TRY_VOID(co_await async::sleep_for(ctx, play.pause(0ms, 8s)));
    CO_TRY_VOID(co_await play.client->cancel(ctx, id));
  }
  CO_TRY(auto last, co_await play.client->settle(ctx, id, play.random));
  (void)last;
  co_return Result<void>();
}

session::AgentSpec plain_agent() {
  session::AgentSpec agent;
  agent.name = "worker";
  agent.version = "1";
  agent.instructions = "Do what the user says.";
  agent.models = {"m"};
  agent.tools = {"sim"};
  return agent;
}

session::AgentSpec able_agent() {
  session::AgentSpec agent = plain_agent();
  agent.builtins = {"sleep", "wait_for_signal", "spawn", "request_extension"};
  return agent;
}

std::string Play::one(int turn, const std::string& word) const {
  return fmt::format("#{}.{} do {} say", number, turn, word);
}

std::string Play::script(int turn) {
  std::string out = fmt::format("#{}.{} do", number, turn);
  const std::vector<std::string>& tools = ToolServers::names();
  uint64_t steps = random->below(4);
  for (uint64_t i = 0; i < steps; ++i) {
    uint64_t side_by_side = 1 + (random->chance(0.4) ? random->below(4) : 0);
    for (uint64_t k = 0; k < side_by_side; ++k) {
      // Long ones hold everything up, so there are few.
      std::string tool = tools[random->below(tools.size())];
      if (tool == "long" && !random->chance(0.2)) tool = "fast";
      out += (k == 0 ? " " : "+") + tool;
    }
  }
  return out + " say";
}

std::string Play::plan(int turn, const std::vector<std::string>& models) {
  static constexpr const char* kWords[] = {"sleep:2",
                                           "sleep:20",
                                           "signal:go:8",
                                           "signal:then",
                                           "ask",
                                           "extend:500",
                                           "extend:2000",
                                           "spawn:2:all:fast",
                                           "spawn:3:any:slow",
                                           "spawn:4:2:pay",
                                           "spawn:2:all:sleep.3",
                                           "spawn:2:all:spawn.2.all.fast"};
  std::string out = fmt::format("#{}.{} do", number, turn);
  const std::vector<std::string>& tools = ToolServers::names();
  uint64_t steps = random->below(4);
  for (uint64_t i = 0; i < steps; ++i) {
    uint64_t side_by_side = 1 + (random->chance(0.4) ? random->below(3) : 0);
    for (uint64_t k = 0; k < side_by_side; ++k) {
      std::string word = kWords[random->below(std::size(kWords))];
      if (random->chance(0.3)) word = random->chance(0.5) ? "fast" : tools[random->below(2)];
      if (!models.empty() && random->chance(0.2)) {
        word = "think:" + models[random->below(models.size())];
      }
      out += (k == 0 ? " " : "+") + word;
    }
  }
  return out + " say";
}

void Play::bound(session::AgentSpec& agent) {
  agent.tree.width = static_cast<int64_t>(1 + random->below(4));
  agent.tree.depth = static_cast<int64_t>(1 + random->below(2));
  if (random->chance(0.3)) agent.tree.spawns = 3;
  agent.extensions.auto_requests = static_cast<int64_t>(random->below(3));
  agent.extensions.auto_tokens = 1'500;
  agent.extensions.auto_time = 12s;
  agent.extensions.ask = random->chance(0.6);
}

Duration Play::pause(Duration least, Duration most) {
  auto span = static_cast<uint64_t>((most - least).count());
  return least + Duration(static_cast<int64_t>(random->below(span + 1)));
}

}  // namespace drover::world
