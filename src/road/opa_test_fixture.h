#pragma once
// A road whose calls an external authoriser on the simulated network decides, over two endpoints.

#include "road/opa.h"
#include "road/road_test_fixture.h"

namespace drover::road {

class OpaTest : public RoadFixture {
 protected:
  void SetUp() override {
    for (const char* host : {"a.test", "b.test"}) {
      facts_ = *catalog::Facts::from_json(
          *Json::parse(R"({"zone":"de","retention":"none","prompt_cache":"none"})"), "test", "");
      add(host);
      imposter(host).script(answer(200, chat_body(host)));
    }
    use(OpaOptions());
  }
  void TearDown() override { loop_.run_task(opa_->stop()); }
  void use(OpaOptions options) {
    options.url = "http://opa.test/v1/data/drover/allow";
    opa_ = std::make_unique<Opa>(Context(loop_), *client_, std::move(options));
    policy_.replace(policy::Policy().with(opa_->authorizer()));
    parts_.external = opa_.get();
    make();
  }
  void says(const std::string& body, int status = 200, Duration after = 1ms) {
    ImposterScript script = answer(status, body);
    script.parts.front().pause = after;
    imposter("opa.test").only(std::move(script));
  }
  size_t asked() { return imposter("opa.test").requests().size(); }
  /// Who answered such a call; "denied: …" if nobody might.
  std::string call(const std::string& data = "") {
    ModelCall c = call_for(request_body(false));
    c.data_class = *contract::DataClass::parse(data);
    auto out = run(std::move(c));
    if (out) return out->endpoint->id;
    return std::string(code_name(out.error().error.code)) + ": " + out.error().error.message;
  }
  std::unique_ptr<Opa> opa_;
};

}  // namespace drover::road
