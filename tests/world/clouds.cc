#include "world/clouds.h"

#include "world/wire.h"
#include "world/world.h"

namespace drover::world {
namespace {

using async::Context;
using async::Task;

const Money kInputPrice = Money::from_pico_usd(1'000'000);  // a token
const Money kOutputPrice = Money::from_pico_usd(4'000'000);

class NodeRoad final : public road::Road {
 public:
  using Outcome = road::ModelResult;

  NodeRoad(World& world, int node, Life& life) : world_(world), node_(node), life_(life) {
    endpoint_.id = "sim/m";
    endpoint_.provider = "sim";
    endpoint_.model = "m";
  }

  Task<Outcome> call_model(Context ctx, road::ModelCall call, providers::Sink* sink) override {
    if (life_.dead()) co_return failed(Life::error());
    if (world_.strike(Point::kEffectStart, node_)) co_return failed(co_await life_.hang(ctx));
    note_start(call);
    ModelFate fate = world_.faults().model_fate();
    auto thought = co_await async::sleep_for(ctx, fate.think);
    if (!thought) co_return failed(thought.error());
    if (world_.strike(Point::kEffectEnd, node_)) co_return failed(co_await life_.hang(ctx));
    if (fate.end == ModelFate::End::kUnavailable) {
      co_return failed(Error(Code::kUnavailable, "no endpoint answers", Retry::kOtherTarget));
    }
    if (fate.end == ModelFate::End::kRefused) {
      co_return failed(Error(Code::kInvalidArgument, "the model refuses such requests"));
    }
    co_return answer(std::move(call));
  }
  Money ceiling(const std::vector<std::string>&, int64_t input, int64_t output) const override {
    return kInputPrice * input + kOutputPrice * output;
  }
  std::vector<std::string> models() const override { return {"m"}; }

 private:
  static tl::unexpected<road::ModelFailure> failed(Error error) {
    road::ModelFailure failure;
    failure.error = std::move(error);
    return tl::unexpected<road::ModelFailure>(std::move(failure));
  }

  void note_start(const road::ModelCall& call) {
    ++world_.clouds().calls;
    EffectStart start;
    start.node = node_;
    start.model = true;
    start.key = call.idempotency_key;
    start.name = "model";
    world_.book().effect_started(start);
  }

  Outcome answer(road::ModelCall call) {
    auto request = call.prompt.chat();
    if (!request) return failed(request.error());
    sim::ModelQuestion question{**request, call.session};
    auto thought = world_.clouds().brain().answer(question);
    if (!thought) return failed(thought.error());
    road::ModelOutcome out;
    out.answer.response.message = std::move(thought->message);
    out.answer.response.model = "m-1";
    out.answer.response.finish_reason = thought->finish_reason;
    bill(**request, out);
    Random* damage = world_.faults().damage();
    auto arrived = model_over_wire(out.answer.response, damage);
    if (!arrived) return failed(std::move(arrived).error());
    if (damage == nullptr && arrived->message != out.answer.response.message) {
      world_.verdict().fail("wire", "an answer is another one after its dialect");
    }
    // A count that did not arrive is estimated, as the road does.
    arrived->usage.input_tokens =
        arrived->usage.input_tokens.value_or(*out.answer.response.usage.input_tokens);
    arrived->usage.output_tokens =
        arrived->usage.output_tokens.value_or(*out.answer.response.usage.output_tokens);
    out.cost = price(arrived->usage);
    out.answer.response = std::move(*arrived);
    out.endpoint = &endpoint_;
    out.provider = "sim";
    out.cost_known = true;
    return out;
  }

  /// Four bytes a token; an answer has at most as many as the caller allows.
  static void bill(const contract::ChatRequest& request, road::ModelOutcome& out) {
    contract::ChatResponse& response = out.answer.response;
    int64_t input = 8;
    for (const contract::Message& m : request.messages) {
      input += 4 + static_cast<int64_t>(contract::to_json(m).dump().size()) / 4;
    }
    int64_t output = 20 + 10 * static_cast<int64_t>(response.message.tool_calls.size());
    if (request.max_tokens && output > *request.max_tokens) {
      output = *request.max_tokens;
      response.message = contract::Message::of_text(contract::Role::kAssistant, "cut");
      response.finish_reason = contract::FinishReason::kLength;
    }
    response.usage.input_tokens = input;
    response.usage.output_tokens = output;
  }
  static Money price(const contract::Usage& usage) {
    return kInputPrice * usage.input_tokens.value_or(0) +
           kOutputPrice * usage.output_tokens.value_or(0);
  }

  World& world_;
  int node_;
  Life& life_;
  catalog::Endpoint endpoint_;
};

}  // namespace

std::unique_ptr<road::Road> Clouds::road_for(int node, Life& life) {
  return std::make_unique<NodeRoad>(world_, node, life);
}

}  // namespace drover::world
