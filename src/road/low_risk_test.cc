// Work of low risk has an order of its own, such as the nearest first; all other work keeps the
// operator's.

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class LowRisk : public RoadFixture {
 protected:
  LowRisk() {
    with("unknown.test", R"({"cleared_for":"restricted"})");
    with("far.test",
         R"({"rtt_ms":{"home":80},"cleared_for":"restricted","zone":"de","prompt_cache":"none"})");
    with("near.test",
         R"({"rtt_ms":{"home":20},"cleared_for":"restricted","zone":"de","prompt_cache":"none"})");
    settings_.here = "home";
    settings_.low_risk = Preference::kFastest;
    road_->configure(settings_);
  }
  void with(const std::string& host, const std::string& facts) {
    facts_ = *catalog::Facts::from_json(*Json::parse(facts), "test", "");
    add(host);
    imposter(host).script(answer(200, chat_body("ok")));
  }
  std::string first(std::string_view data_class, std::optional<Preference> own = std::nullopt) {
    ModelCall call = call_for(request_body(false));
    call.data_class = *contract::DataClass::parse(data_class);
    call.preference = own;
    auto out = run(std::move(call));
    EXPECT_TRUE(out) << out.error().error.to_string();
    return out ? out->placement.endpoints.front()->id : "";
  }
  Settings settings_;
};

TEST_F(LowRisk, ItsOrderIsForWhatIsBoundToNothing) {
  EXPECT_EQ(first(""), "near.test") << "and not where nobody knows how far it is";
  EXPECT_EQ(first("sensitivity=internal"), "near.test");
  EXPECT_EQ(first("sensitivity=confidential"), "unknown.test") << "as listed";
  EXPECT_EQ(first("residency=eu"), "far.test");
}

TEST_F(LowRisk, AnAgentsOwnOrderGoesBefore) {
  EXPECT_EQ(first("", Preference::kListed), "unknown.test");
}

TEST_F(LowRisk, WithoutItAllWorkIsOrderedAlike) {
  settings_.low_risk.reset();
  road_->configure(settings_);
  EXPECT_EQ(first(""), "unknown.test");
}

}  // namespace
}  // namespace drover::road
