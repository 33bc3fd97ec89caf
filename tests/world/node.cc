#include "world/node.h"

#include "world/clouds.h"
#include "world/planners.h"
#include "world/tool_servers.h"
#include "world/world.h"

namespace drover::world {
namespace {

constexpr uint64_t kWindDownStepsMax = 20'000'000;

}  // namespace

Node::Node(World& world, int number)
    : world_(world),
      number_(number),
      loop_(world.loop()),
      random_(world.seed("node") + static_cast<uint64_t>(number) * 7919),
      journal_(world, number, life_),
      effects_(random_, nullptr, nullptr),
      road_(world.clouds().road_for(number, life_)),
      tools_(world.tool_servers().tools_for(number, life_)),
      planner_(make_planner(world, number, life_)) {
  async::Context root(loop_);
  scope_ = std::make_unique<async::Scope>(root);
  session::Services services;
  services.loop = &loop_;
  services.random = &random_;
  services.journal = &journal_;
  services.road = road_.get();
  services.effects = &effects_;
  services.tools = tools_.get();
  services.planner = planner_.get();
  manager_ = std::make_unique<session::SessionManager>(services, scope_->context());
}

Node::~Node() { DROVER_ASSERT(life_.dead()); }

async::Task<void> Node::recover(async::Context ctx, Node* node) {
  for (;;) {
    auto woken = co_await node->manager_->recover(ctx);
    if (woken) {
      node->world_.verdict().note("node {}: woke {} sessions", node->number_, *woken);
      co_return;
    }
    auto slept = co_await async::sleep_for(ctx, 500ms);
    if (!slept) co_return;
  }
}

void Node::start() {
  loop_.post([this] { scope_->spawn(recover(scope_->context(), this)); });
}

async::Task<void> Node::stop(Node* node, bool* done) {
  node->scope_->cancel("killed");
  co_await node->manager_->stop();
  co_await node->road_->close();
  co_await node->scope_->join();
  *done = true;
}

void Node::kill() {
  loop_.kill();
  for (auto& [id, caller] : callers_) caller->lost();
  callers_.clear();
  life_.end();
  bool done = false;
  async::detail::start_detached(stop(this, &done));
  bool empty = loop_.wind_down(kWindDownStepsMax);
  clean_ = done && empty;
  if (!clean_) {
    // A process told to end would not end either.
    world_.verdict().fail("shutdown", fmt::format("node {} does not come to its end", number_));
  }
}

}  // namespace drover::world
