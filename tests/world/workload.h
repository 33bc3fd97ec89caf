#pragma once
// A workload plays one session as its users see it, from making it to leaving it. One file each in
// workloads/, one line in workloads/table.cc.
//
// Runs on the world's loop; ends by itself once trouble is over, with an error only if Drover
// refused what it must not refuse.

#include <memory>
#include <string_view>
#include <vector>

#include "world/client.h"

namespace drover::world {

struct Play {
  World* world = nullptr;
  Client* client = nullptr;
  SeededRandom* random = nullptr;
  int number = 0;

  /// "#12.1 do fast+slow pay say": up to four steps of tools, then an answer.
  std::string script(int turn);
  /// "#12.1 do WORD say".
  std::string one(int turn, const std::string& word) const;
  /// The same as script() for an agent with a planner: waits, children, requests for more and calls
  /// of these models among the tools.
  std::string plan(int turn, const std::vector<std::string>& models);
  /// Limits of the agent's tree and rules for its requests.
  void bound(session::AgentSpec& agent);
  Duration pause(Duration least, Duration most);
};

class Workload {
 public:
  virtual ~Workload() = default;
  virtual std::string_view name() const = 0;
  /// How often it is drawn, beside the others.
  virtual int weight() const { return 1; }
  virtual Task<Result<void>> play(Context ctx, Play play) = 0;
};

const std::vector<std::unique_ptr<Workload>>& workloads();
Workload& draw_workload(Random& random);

/// One session from its making until it is at rest; with that chance it is cancelled on the way.
Task<Result<void>> play_to_rest(Context ctx, Play play, session::AgentSpec agent, std::string text,
                                double cancels);

/// An agent with the simulated tools, and one with all the built-in ones beside them.
session::AgentSpec plain_agent();
session::AgentSpec able_agent();

}  // namespace drover::world
