// The proof that the server signed a session's journal, over HTTP.
#include "api/routes_test_fixture.h"
#include "base/limits/store.h"

namespace drover::api {
namespace {

class SignatureTest : public RoutesFixture {
 protected:
  SignatureTest() {
    add("one.test");
    Reply made = call("POST", "/v1/sessions", R"({"agent":"helper"})");
    path_ = "/v1/sessions/" + made.json().get_text("id");
  }
  /// Of the answer, which must hold.
  store::HeadProof proof(const std::string& query = "") {
    Reply reply = call("GET", path_ + "/signature" + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    auto read = store::HeadProof::from_json(reply.json());
    EXPECT_TRUE(read && read->verify()) << reply.body;
    return read.value_or(store::HeadProof());
  }
  Json last_event() {
    Json listed = call("GET", path_ + "/events?limit=1000").json();
    return listed.find("data")->array_items()->back();
  }
  std::string path_;
};

TEST_F(SignatureTest, IsOfTheLastEventAndStandsForAllBefore) {
  store::HeadProof first = proof();
  Json last = last_event();
  EXPECT_EQ(static_cast<int64_t>(first.head.sequence), last.get_int("sequence"));
  EXPECT_EQ(first.head.hash, last.get_string("hash"));
  ASSERT_EQ(call("POST", path_ + "/cancel", R"({"reason":"done"})").status, 202);
  loop_.run_for(2 * limits::kSignaturePause);
  store::HeadProof second = proof();
  EXPECT_GT(second.head.sequence, first.head.sequence);
  EXPECT_EQ(second.head.hash, last_event().get_string("hash"));
  EXPECT_EQ(second.fingerprint(), first.fingerprint());
  const std::string earlier = "?sequence=" + std::to_string(first.head.sequence);
  EXPECT_EQ(proof(earlier).head, first.head) << "for an export of before";
}

TEST_F(SignatureTest, IsForThoseWhoMayReadTheSession) {
  EXPECT_EQ(call("GET", path_ + "/signature", "", "k-other").status, 404);
  EXPECT_EQ(call("GET", path_ + "/signature", "", "").status, 401);
  expect_error(call("GET", path_ + "/signature?sequence=0"), 400, "'sequence'");
  expect_error(call("GET", path_ + "/signature?sequence=x"), 400, "'sequence'");
}

}  // namespace
}  // namespace drover::api
