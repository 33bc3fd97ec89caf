#pragma once
// The world: one machine with one process at a time (and now and then a second one, which the lock
// of the data folder refuses), models, tools, users, and trouble, all on virtual time and all
// drawn from one seed. run() plays it to its end and judges it; the same options always give the
// same report.
//
// Everything in it is single-threaded and owned here. Limits: kStepsMax, kTimeMax.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/sim_loop.h"
#include "world/book.h"
#include "world/clouds.h"
#include "world/crash_points.h"
#include "world/faults.h"
#include "world/machine.h"
#include "world/node.h"
#include "world/scenario.h"
#include "world/tool_servers.h"
#include "world/verdict.h"

namespace drover::world {

/// What came of a run. Everything but the violations is the same for the same options.
struct Report {
  std::string hash;  // of all journals
  std::vector<std::string> violations;
  std::vector<std::string> trace;
  size_t sessions = 0;
  uint64_t events = 0;
  uint64_t crashes = 0;
  uint64_t refused = 0;  // second processes
  uint64_t tool_calls = 0;
  uint64_t steps = 0;
  ReachedCounts reached{};
};

class Client;

class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Report run();

  // For the parts.
  const Options& options() const { return options_; }
  const Scenario& scenario() const { return scenario_; }
  async::SimLoop& loop() { return loop_; }
  Verdict& verdict() { return verdict_; }
  Book& book() { return book_; }
  Machine& machine() { return *machine_; }
  Faults& faults() { return faults_; }
  Clouds& clouds() { return clouds_; }
  ToolServers& tool_servers() { return tool_servers_; }
  CrashPoints& points() { return points_; }
  /// A seed of its own for each part.
  uint64_t seed(std::string_view part) const;
  uint64_t next_number() { return ++numbers_; }
  /// Users at work, by number: who waits when nothing moves any more.
  std::map<int, std::pair<std::string, const Client*>>& users() { return users_; }

  // Nodes.
  Node* serving() { return serving_.get(); }
  bool superseded(int node) const { return serving_ == nullptr || serving_->number() != node; }
  /// Passes a crash point; true if the process dies of it, now or within that time.
  bool strike(Point point, int node, Duration within = Duration::zero());
  /// A new process that has opened the store, and does nothing yet.
  Result<void> prepare_node();
  /// It takes up its work: it serves.
  void start_node();
  /// A second process beside the serving one, which is refused: false. Where the lock is missing it
  /// serves from now on, and the other one goes on without having noticed.
  bool start_second();
  void kill_superseded();
  Node* superseded_node() { return superseded_.get(); }
  /// All processes end at once; with the power, what was not synced goes too.
  void crash(bool power);
  /// The machine's clock is off by this from now on, whatever process runs.
  void set_clock(Duration off);
  Duration clock_off() const { return clock_off_; }
  /// Woken by each crash.
  async::WaitQueue& crashed() { return crashed_; }

 private:
  static constexpr uint64_t kStepsMax = 20'000'000;
  static constexpr Duration kTimeMax = 6h;

  void supersede();
  void play();
  void judge();
  void clean_up();
  static void bury(std::unique_ptr<Node> node);
  /// Ends every process there is and closes the store.
  void end_processes();
  /// Steps the loop until the condition holds; false at a limit, a deadlock or a violation.
  bool run_until(const std::function<bool()>& condition, MonoTime limit);

  Options options_;
  Scenario scenario_;
  async::SimLoop loop_;
  Verdict verdict_;
  SeededRandom machine_random_;
  SeededRandom point_random_;
  std::unique_ptr<Machine> machine_;
  Book book_;
  Faults faults_;
  Clouds clouds_;
  ToolServers tool_servers_;
  CrashPoints points_;
  async::WaitQueue crashed_;
  std::unique_ptr<Node> prepared_;
  std::unique_ptr<Node> serving_;
  std::unique_ptr<Node> superseded_;
  std::map<int, std::pair<std::string, const Client*>> users_;
  int nodes_ = 0;
  Duration clock_off_{};
  uint64_t numbers_ = 0;
  uint64_t steps_ = 0;
  Report report_;
};

}  // namespace drover::world
