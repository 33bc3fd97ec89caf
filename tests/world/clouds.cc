#include "world/clouds.h"

#include <algorithm>
#include <array>

#include "base/limits/session.h"
#include "world/wire.h"
#include "world/world.h"

namespace drover::world {
namespace {

using async::Context;
using async::Task;

/// A place that serves a model, at its own price.
struct Place {
  const char* id;
  const char* model;
  int64_t input_pico_usd;  // a token
  int64_t output_pico_usd;

  Money price(int64_t input, int64_t output) const {
    return Money::from_pico_usd(input_pico_usd) * input +
           Money::from_pico_usd(output_pico_usd) * output;
  }
};

/// Two for `m`, of which the one or the other is the dearer, as a call has more input or output;
/// and the dearest of all for a model that few may use.
constexpr Place kPlaces[] = {{"sim/m-near", "m", 1'000'000, 12'000'000},
                             {"sim/m-far", "m", 3'000'000, 4'000'000},
                             {"sim/n", "n", 9'000'000, 30'000'000}};

/// Those that serve a ladder of models. A name that nobody knows (it was damaged on its way from a
/// planner) is taken for `m`: such a call would fail for ever, whatever a person says.
std::vector<size_t> places_for(const std::vector<std::string>& ladder) {
  std::vector<size_t> out;
  std::vector<size_t> usual;
  for (size_t i = 0; i < std::size(kPlaces); ++i) {
    const std::string_view model = kPlaces[i].model;
    if (std::find(ladder.begin(), ladder.end(), model) != ladder.end()) out.push_back(i);
    if (model == "m") usual.push_back(i);
  }
  return out.empty() ? usual : out;
}

class NodeRoad final : public road::Road {
 public:
  using Outcome = road::ModelResult;

  NodeRoad(World& world, int node, Life& life) : world_(world), node_(node), life_(life) {
    for (size_t i = 0; i < std::size(kPlaces); ++i) {
      endpoints_[i].id = kPlaces[i].id;
      endpoints_[i].provider = "sim";
      endpoints_[i].model = kPlaces[i].model;
    }
  }

  Task<Outcome> call_model(Context ctx, road::ModelCall&& call, providers::Sink* sink) override {
    return serve(std::move(ctx), std::move(call));
  }
  Money ceiling(const std::vector<std::string>& ladder, int64_t input,
                int64_t output) const override {
    Money most;
    for (size_t i : places_for(ladder)) most = std::max(most, kPlaces[i].price(input, output));
    return most;
  }
  std::vector<std::string> models() const override { return {"m", "n"}; }

 private:
  Task<Outcome> serve(Context ctx, road::ModelCall call) {
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
    co_return answer(std::move(call), fate);
  }

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
    start.key = call.idempotency_key.view();
    start.name = "model";
    world_.book().effect_started(start);
  }

  Outcome answer(road::ModelCall call, const ModelFate& fate) {
    auto request = call.prompt.chat();
    if (!request) return failed(request.error());
    sim::ModelQuestion question{**request, call.party->session};
    auto thought = world_.clouds().brain().answer(question);
    if (!thought) return failed(thought.error());
    road::ModelOutcome out;
    out.answer->response.message = std::move(thought->message);
    out.answer->response.model = "m-1";
    out.answer->response.finish_reason = thought->finish_reason;
    const int64_t output_max = bill(**request, fate.overbilled, out);
    Random* damage = world_.faults().damage();
    auto arrived = model_over_wire(out.answer->response, damage);
    if (!arrived) return failed(std::move(arrived).error());
    if (damage == nullptr && arrived->message != out.answer->response.message) {
      world_.verdict().fail("wire", "an answer is another one after its dialect");
    }
    // A count that did not arrive is estimated, as the road does.
    arrived->usage.input_tokens =
        arrived->usage.input_tokens.value_or(*out.answer->response.usage.input_tokens);
    arrived->usage.output_tokens =
        arrived->usage.output_tokens.value_or(*out.answer->response.usage.output_tokens);
    std::vector<size_t> places = places_for(call.ladder);
    const size_t at = places[fate.endpoint % places.size()];
    Bill billed;
    billed.key = call.idempotency_key.view();
    billed.attempt = call.attempt;
    billed.input = arrived->usage.input_tokens.value_or(0);
    billed.output = arrived->usage.output_tokens.value_or(0);
    billed.output_max = output_max;
    world_.book().billed(billed);
    out.cost = kPlaces[at].price(billed.input, billed.output);
    out.answer->response = std::move(*arrived);
    out.endpoint = &endpoints_[at];
    out.provider = "sim";
    out.cost_known = true;
    return out;
  }

  /// Four bytes a token; an answer has at most as many as the caller allows, which it returns. One
  /// who bills too much bills more than any reservation for such a call can hold.
  static int64_t bill(const contract::ChatRequest& request, bool too_much,
                      road::ModelOutcome& out) {
    contract::ChatResponse& response = out.answer->response;
    int64_t input = 8;
    for (const contract::Message& m : request.messages) {
      input += 4 + static_cast<int64_t>(contract::to_json(m).dump().size()) / 4;
    }
    const int64_t most = request.max_tokens.value_or(limits::kOutputTokensReserved);
    int64_t output = 20 + 10 * static_cast<int64_t>(response.message.tool_calls.size());
    if (output > most) {
      output = most;
      response.message = contract::Message::of_text(contract::Role::kAssistant, "cut");
      response.finish_reason = contract::FinishReason::kLength;
    }
    response.usage.input_tokens = input;
    response.usage.output_tokens = too_much ? most + 2 * input + 300 : output;
    return most;
  }

  World& world_;
  int node_;
  Life& life_;
  std::array<catalog::Endpoint, std::size(kPlaces)> endpoints_;
};

}  // namespace

std::unique_ptr<road::Road> Clouds::road_for(int node, Life& life) {
  return std::make_unique<NodeRoad>(world_, node, life);
}

}  // namespace drover::world
