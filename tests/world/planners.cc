#include "world/planners.h"

#include "world/wire.h"
#include "world/world.h"

namespace drover::world {
namespace {

using async::Context;
using async::Task;

class NodePlanner final : public session::PlannerClient {
 public:
  NodePlanner(World& world, int node, Life& life) : world_(world), node_(node), life_(life) {}

  Task<Result<Json>> ask(Context ctx, session::PlannerQuestion question) override {
    if (life_.dead()) co_return fail(Life::error());
    if (world_.strike(Point::kEffectStart, node_)) co_return fail(co_await life_.hang(ctx));
    EffectStart start;
    start.node = node_;
    start.key = question.idempotency_key;
    start.attempt = static_cast<int>(question.attempt);
    start.name = "planner";
    world_.book().effect_started(start);
    PlannerFate fate = world_.faults().planner_fate();
    CO_TRY_VOID(co_await async::sleep_for(ctx, fate.think));
    if (world_.strike(Point::kEffectEnd, node_)) co_return fail(co_await life_.hang(ctx));
    if (fate.end == PlannerFate::End::kUnavailable) {
      co_return fail(Code::kUnavailable, "the planner answers 503", Retry::kSameTarget);
    }
    if (fate.end == PlannerFate::End::kNonsense) {
      co_return Json::object().set("effects", "as you like");
    }
    co_return planner_over_wire(plan_of(question.body), world_.faults().damage());
  }

 private:
  World& world_;
  int node_;
  Life& life_;
};

}  // namespace

std::unique_ptr<session::PlannerClient> make_planner(World& world, int node, Life& life) {
  return std::make_unique<NodePlanner>(world, node, life);
}

}  // namespace drover::world
