#include "world/tool_servers.h"

#include "world/wire.h"
#include "world/world.h"

namespace drover::world {
namespace {

using async::Context;
using async::Task;

constexpr Duration kCallTimeout = 30s;

using Slot = async::OneShot<Result<tools::ToolOutcome>>;

class NodeTools final : public tools::ToolSet {
 public:
  NodeTools(World& world, int node, Life& life) : world_(world), node_(node), life_(life) {}

  Task<Result<std::vector<tools::BoundTool>>> list(Context ctx,
                                                   std::vector<std::string> servers) override {
    std::vector<tools::BoundTool> out;
    for (const std::string& name : ToolServers::names()) {
      tools::BoundTool tool;
      tool.definition.name = name;
      tool.server = "sim";
      out.push_back(std::move(tool));
    }
    co_return out;
  }

  Task<Result<tools::ToolOutcome>> call(Context ctx, tools::ToolInvocation call) override {
    if (life_.dead()) co_return fail(Life::error());
    if (world_.strike(Point::kEffectStart, node_)) co_return fail(co_await life_.hang(ctx));
    note_start(call);
    auto slot = std::make_shared<Slot>();
    send(call, slot);
    if (world_.strike(Point::kEffectSent, node_)) co_return fail(co_await life_.hang(ctx));
    Context bounded = ctx.with_timeout(kCallTimeout);
    auto answer = co_await slot->take(bounded);
    if (life_.dead()) co_return fail(Life::error());
    if (world_.strike(Point::kEffectEnd, node_)) co_return fail(co_await life_.hang(ctx));
    if (!answer) {
      Error error = std::move(answer).error();
      if (error.code == Code::kDeadlineExceeded) error.retry = Retry::kSameTarget;
      co_return fail(std::move(error));
    }
    co_return std::move(*answer);
  }

 private:
  void note_start(const tools::ToolInvocation& call) {
    EffectStart start;
    start.node = node_;
    start.key = call.idempotency_key;
    start.attempt = call.attempt;
    start.name = call.tool;
    world_.book().effect_started(start);
  }

  /// Puts the call on its way; its answer comes back by the world's time alone.
  void send(const tools::ToolInvocation& call, const std::shared_ptr<Slot>& slot) {
    ToolFate fate = world_.faults().tool_fate(call.tool);
    World* world = &world_;
    if (!fate.request_lost) {
      world_.loop().call_after(fate.request + fate.work, [world, call, slot, fate] {
        tools::ToolOutcome outcome = world->tool_servers().perform(call, fate.error);
        if (fate.reply_lost) return;
        auto arrived = world->tool_servers().send_back(call, outcome);
        world->loop().call_after(fate.reply, [slot, arrived] { slot->set(arrived); });
      });
    }
    if (fate.doubled) {
      // A proxy on the way sends it again; whoever asked hears the first answer.
      world_.loop().call_after(fate.second_request, [world, call, slot] {
        tools::ToolOutcome outcome = world->tool_servers().perform(call, false);
        slot->set(outcome);
      });
    }
  }

  World& world_;
  int node_;
  Life& life_;
};

}  // namespace

const std::vector<std::string>& ToolServers::names() {
  static const std::vector<std::string> names = {"fast", "slow", "long", "flaky", "pay"};
  return names;
}

std::unique_ptr<tools::ToolSet> ToolServers::tools_for(int node, Life& life) {
  return std::make_unique<NodeTools>(world_, node, life);
}

Result<tools::ToolOutcome> ToolServers::send_back(const tools::ToolInvocation& call,
                                                  const tools::ToolOutcome& outcome) {
  Random* damage = world_.faults().damage();
  auto arrived = tool_over_wire(outcome, damage);
  bool same = arrived && arrived->content == outcome.content;
  if (damage == nullptr && !same) {
    world_.verdict().fail("wire", "a result is another one after MCP: " + outcome.content);
  }
  // Nobody can tell damaged text from what the tool said.
  if (arrived && !same) tell(call, arrived->content);
  return arrived;
}

void ToolServers::tell(const tools::ToolInvocation& call, const std::string& content) {
  ToolAnswer answer;
  answer.key = call.idempotency_key;
  answer.attempt = call.attempt;
  answer.tool = call.tool;
  answer.content = content;
  world_.book().tool_answered(answer);
}

tools::ToolOutcome ToolServers::perform(const tools::ToolInvocation& call, bool error) {
  ++performed_;
  int& highest = highest_attempt_[call.idempotency_key];
  highest = std::max(highest, call.attempt);
  tools::ToolOutcome out;
  out.content = fmt::format("#{}#{}#{}", call.tool, call.idempotency_key, performed_);
  if (call.tool == "pay") {
    auto [it, first] = paid_.emplace(call.idempotency_key, out.content);
    out.content = it->second;
  } else if (error) {
    out.is_error = true;
  }
  tell(call, out.content);
  return out;
}

}  // namespace drover::world
