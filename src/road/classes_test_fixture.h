#pragma once
// Calls of a service class on the road, begun beside the test, against imposters that take their
// time.

#include <optional>
#include <string>
#include <utility>

#include "road/road_test_fixture.h"

namespace drover::road {

inline ImposterScript after(Duration pause) {
  ImposterScript s;
  s.then(answer(200, chat_body("ok")).parts[0].bytes, pause);
  return s;
}

class Classes : public RoadFixture {
 protected:
  void settle() { make(); }
  ModelCall call(std::optional<ServiceClass> service_class, bool stream = false) {
    ModelCall out = call_for(request_body(stream));
    out.service_class = service_class;
    return out;
  }
  ModelCall tiered_call(const std::string& tier) {
    return call_for(R"({"model":"m","service_tier":")" + tier +
                    R"(","messages":[{"role":"user","content":"hi"}]})");
  }
  /// Flex at half and priority at twice the price.
  void add_tiers(catalog::Endpoint& e) {
    for (auto [name, input, output] : {std::tuple("flex", "0.0000005", "0.000001"),
                                       std::tuple("priority", "0.000002", "0.000004")}) {
      catalog::PriceTier tier;
      tier.service_tier = name;
      tier.input = *Money::parse_usd(input);
      tier.output = *Money::parse_usd(output);
      e.price.tiers.push_back(tier);
    }
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  void fact(catalog::Endpoint& e, std::string name, Json value) {
    catalog::Fact out;
    out.name = std::move(name);
    out.value = std::move(value);
    ASSERT_TRUE(e.facts.set(std::move(out)));
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  size_t asked(const std::string& host) { return imposter(host).requests().size(); }
  /// Starts a call beside the test.
  struct Started {
    std::optional<ModelResult> result;
    MonoTime ended{};
  };
  static Task<void> one(Context ctx, Road* road, ModelCall call, Started* out) {
    auto result = co_await road->call_model(ctx, std::move(call), nullptr);
    out->ended = ctx.loop().mono();
    out->result.emplace(std::move(result));
  }
  std::string cost(const ModelResult& out) { return out->cost.usd(); }
};

}  // namespace drover::road
