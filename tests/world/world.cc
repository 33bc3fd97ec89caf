#include "world/world.h"

#include <algorithm>

#include "world/director.h"
#include "world/workers.h"
#include "world/workload.h"

namespace drover::world {
namespace {

using async::Context;
using async::Task;

/// One user with one session.
Task<void> play_one(Context ctx, World* world, int number) {
  SeededRandom random(world->seed("user") + static_cast<uint64_t>(number) * 104'729);
  auto spread = static_cast<uint64_t>(world->scenario().spread.count());
  auto slept = co_await async::sleep_for(ctx, Duration(static_cast<int64_t>(random.below(spread))));
  if (!slept) co_return;
  Client client(*world);
  Play play;
  play.world = world;
  play.client = &client;
  play.random = &random;
  play.number = number;
  Workload& workload = draw_workload(random);
  world->users()[number] = std::make_pair(std::string(workload.name()), &client);
  auto done = co_await workload.play(ctx, play);
  world->users().erase(number);
  if (done || ctx.cancelled()) co_return;
  world->verdict().fail("users", fmt::format("{} {} was refused: {}", workload.name(), number,
                                             done.error().to_string()));
}

}  // namespace

World::World(const Options& options)
    : options_(options),
      scenario_(Scenario::draw(options)),
      verdict_(loop_, options.trace),
      machine_random_(seed("machine")),
      point_random_(seed("points")),
      machine_(scenario_.log_store ? make_log_machine(machine_random_, options.plant)
                                   : make_memory_machine(machine_random_, options.plant)),
      book_(verdict_),
      faults_(scenario_.rates, seed("faults")),
      clouds_(*this),
      tool_servers_(*this) {}

World::~World() = default;

uint64_t World::seed(std::string_view part) const {
  uint64_t h = 1469598103934665603u;  // FNV-1a
  for (char c : part) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  SeededRandom mixed(options_.seed ^ h);
  return mixed.next();
}

bool World::strike(Point point, int node, Duration within) {
  if (superseded(node) || !points_.hit(point)) return false;
  bool power = point == Point::kDuringSync || point_random_.chance(0.6);
  verdict_.note("node {}: struck at point {}", node, static_cast<int>(point));
  auto later = Duration(
      static_cast<int64_t>(point_random_.below(static_cast<uint64_t>(within.count()) + 1)));
  if (point == Point::kDuringSync) machine_->strike(point_random_.below(4));
  loop_.call_after(later, [this, node, power] {
    if (!superseded(node)) crash(power);
  });
  return true;
}

void World::set_clock(Duration off) {
  clock_off_ = off;
  verdict_.note("the clock is off by {} ms", off.count() / 1'000'000);
  for (Node* node : {serving_.get(), superseded_.get(), prepared_.get()}) {
    if (node != nullptr) node->loop().set_wall_offset(off);
  }
}

Result<void> World::prepare_node() {
  prepared_ = std::make_unique<Node>(*this, ++nodes_);
  prepared_->loop().set_wall_offset(clock_off_);
  auto opened = machine_->open(prepared_->loop());
  if (opened) return {};
  if (serving_ == nullptr) {
    machine_->end_process();
    end_processes();
    return opened;
  }
  prepared_->kill();
  bury(std::move(prepared_));
  return opened;
}

bool World::start_second() {
  auto opened = prepare_node();
  if (!opened) {
    ++report_.refused;
    verdict_.note("node {}: is refused: {}", nodes_, opened.error().message);
    return false;
  }
  supersede();
  start_node();
  return true;
}

void World::start_node() {
  serving_ = std::move(prepared_);
  verdict_.note("node {}: starts", nodes_);
  serving_->start();
}

void World::supersede() {
  verdict_.note("node {}: is superseded", serving_->number());
  // Its callers hear nothing any more.
  for (auto& [number, caller] : serving_->callers()) caller->lost();
  serving_->callers().clear();
  superseded_ = std::move(serving_);
}

void World::bury(std::unique_ptr<Node> node) {
  if (node == nullptr || node->clean()) return;
  // It holds coroutines that would be destroyed under themselves: lost, and reported by kill().
  Node* lost = node.release();
  (void)lost;
}

void World::kill_superseded() {
  if (superseded_ != nullptr) superseded_->kill();
  bury(std::move(superseded_));
}

void World::end_processes() {
  std::unique_ptr<Node> nodes[] = {std::move(superseded_), std::move(serving_),
                                   std::move(prepared_)};
  for (auto& node : nodes) {
    if (node != nullptr) node->kill();
  }
  machine_->close();
  for (auto& node : nodes) bury(std::move(node));
}

void World::crash(bool power) {
  ++report_.crashes;
  verdict_.note("all processes {}", power ? "end: the power is gone" : "are killed");
  if (power) {
    machine_->cut_power();
  } else {
    machine_->end_process();
  }
  end_processes();
  crashed_.wake_all();
}

bool World::run_until(const std::function<bool()>& condition, MonoTime limit) {
  while (!condition()) {
    if (!verdict_.ok() || loop_.mono() > limit || steps_ >= kStepsMax) return false;
    if (!loop_.step()) return false;
    ++steps_;
  }
  return verdict_.ok();
}

void World::play() {
  Context root(loop_);
  async::Scope users(root);
  async::Scope directors(root);
  Director director(*this);
  director.start(directors);
  for (int i = 1; i <= kWorkers; ++i) directors.spawn(run_worker(directors.context(), this, i));
  for (int i = 1; i <= scenario_.sessions; ++i) {
    users.spawn(play_one(users.context(), this, i));
  }
  MonoTime limit = MonoTime{} + kTimeMax;
  auto over = [&] { return director.calm() && users.running() == 0 && serving_ != nullptr; };
  bool done = run_until(over, limit);
  if (!done && verdict_.ok()) {
    std::string who;
    for (const auto& [number, user] : users_) {
      who += fmt::format("; {} {} {}", user.first, number, user.second->doing());
    }
    verdict_.fail("stuck", fmt::format("{} users still wait{}", users.running(), who));
  }
  if (done) {
    // A last crash, and a long quiet: whatever would still move must do so now.
    loop_.run_for(60s);
    crash(true);
    done = run_until([&] { return serving_ != nullptr; }, limit);
    MonoTime quiet = loop_.mono() + 10min;
    if (done) run_until([&] { return loop_.mono() > quiet; }, limit);
    // A timer may be due in its last moment: on, until a minute brings nothing.
    bool moves = done;
    for (int minutes = 0; moves && minutes < 10; ++minutes) {
      const uint64_t before = book_.events();
      quiet = loop_.mono() + 1min;
      run_until([&] { return loop_.mono() > quiet; }, limit);
      moves = book_.events() != before;
    }
  }
  users.cancel("the world ends");
  directors.cancel("the world ends");
  auto gone = [&] { return users.running() == 0 && directors.running() == 0; };
  for (uint64_t i = 0; i < kStepsMax && !gone() && loop_.step(); ++i) {
  }
}

/// Every journal once more, as the next process would find it.
void World::judge() {
  if (!verdict_.ok()) return;
  machine_->end_process();
  end_processes();
  auto opened = prepare_node();
  if (!opened) return verdict_.fail("recovery", "the store does not open at the end");
  Context root(loop_);
  loop_.run_task(book_.audit(root, machine_->journal()));
  if (verdict_.ok()) loop_.run_task(book_.close(root, machine_->journal()));
}

void World::clean_up() {
  machine_->end_process();
  end_processes();
  loop_.run_for(2min);  // what is still on its way arrives at nobody
}

Report World::run() {
  play();
  judge();
  clean_up();
  report_.hash = book_.hash();
  report_.violations = verdict_.violations();
  report_.trace.assign(verdict_.trace().begin(), verdict_.trace().end());
  report_.sessions = book_.sessions();
  report_.events = book_.events();
  report_.tool_calls = tool_servers_.performed();
  report_.steps = steps_;
  report_.reached = verdict_.reached();
  return report_;
}

}  // namespace drover::world
