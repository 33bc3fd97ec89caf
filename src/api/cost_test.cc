#include "api/cost.h"

#include "api/api_test_fixture.h"
#include "api/gateway.h"
#include "store/memory/memory_store.h"

namespace drover::api {
namespace {

using road::answer;
using road::chat_body;
using road::good_stream;

class CostTest : public ApiFixture {
 protected:
  CostTest() {
    for (auto& [key, who] : principals_) who.key = KeyId("key_" + key);
    GatewayServices gateway;
    gateway.road = road_.get();
    gateway.clock = &loop_;
    add_gateway_routes(*router_, gateway);
    road::BooksParts parts;
    parts.accounts = &accounts_;
    parts.ledger = &ledger_;
    parts.documents = &store_.documents();
    parts.clock = &loop_;
    books_ = std::make_unique<road::Books>(parts);
    CostServices cost;
    cost.ledger = &ledger_;
    cost.accounts = &accounts_;
    cost.books = books_.get();
    cost.catalog = &catalog_;
    add_cost_routes(*router_, cost);
    serve();
    add("one.test");
  }
  ~CostTest() override { stop_serving(); }

  void budgets(std::string_view list) {
    std::vector<road::Budget> out;
    Json json = *Json::parse(list);
    for (const Json& item : *json.array_items()) {
      auto one = road::budget_from_json(item);
      ASSERT_TRUE(one) << one.error().message;
      out.push_back(*one);
    }
    ASSERT_TRUE(accounts_.set_budgets(std::move(out)));
  }
  Reply chat(bool stream, std::string key = "k-call") {
    return call("POST", "/v1/chat/completions", request_body(stream), std::move(key));
  }

  store::MemoryStore store_{random_};
  std::unique_ptr<road::Books> books_;
};

TEST_F(CostTest, ARateAnswers429AndTellsWhenToComeBack) {
  budgets(R"([{"name":"rate","key":"*","requests":2,"tokens":100000,"per":"minute"}])");
  imposter("one.test").script(answer(200, chat_body("a")));
  imposter("one.test").script(good_stream());
  Reply first = chat(false);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.header("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(first.header("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(first.header("x-ratelimit-limit-tokens"), "100000");
  Reply second = chat(true);
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.header("x-ratelimit-remaining-requests"), "0") << "streams tell it, too";
  Reply third = chat(false);
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(third.error_member("type"), "rate_limit_error");
  EXPECT_EQ(third.error_member("code"), "rate_limit_exceeded");
  EXPECT_FALSE(third.header("retry-after").empty());
  EXPECT_EQ(third.header("x-ratelimit-remaining-requests"), "0");
  EXPECT_TRUE(third.header("x-should-retry").empty());
}

TEST_F(CostTest, ABudgetAnswers402AndNamesItself) {
  // A call reserves (about 100 input tokens and 4096 output) at 1 and 2 millionths: 0.0083 dollars.
  budgets(R"([{"name":"day","key":"key_k-call","money":0.01,"per":"day"}])");
  imposter("one.test")
      .script(
          answer(200, chat_body("a", R"("usage":{"prompt_tokens":2000,"completion_tokens":0})")));
  EXPECT_EQ(chat(false).status, 200);
  Reply refused = chat(false);
  EXPECT_EQ(refused.status, 402);
  EXPECT_EQ(refused.error_member("code"), "budget_exceeded");
  EXPECT_NE(refused.error_member("message").find("'day'"), std::string::npos);
  EXPECT_NE(refused.error_member("message").find("$0.002000 used"), std::string::npos)
      << refused.error_member("message");
  EXPECT_EQ(imposter("one.test").requests().size(), 1u) << "nothing was sent";
}

TEST_F(CostTest, EachTenantSeesItsOwn) {
  budgets(R"([{"name":"own","tenant":"*","money":5}])");
  for (int i = 0; i < 3; ++i) imposter("one.test").script(answer(200, chat_body("a")));
  EXPECT_EQ(chat(false, "k-all").status, 200);
  EXPECT_EQ(chat(false, "k-all").status, 200);
  EXPECT_EQ(chat(false, "k-other").status, 200);
  auto calls_of = [&](std::string key, std::string query) {
    Json json = call("GET", "/v1/cost?by=tenant" + query, "", std::move(key)).json();
    int64_t calls = 0;
    if (const Json* data = json.find("data")) {
      for (const Json& row : *data->array_items()) calls += row.get_int("calls").value_or(0);
    }
    return calls;
  };
  EXPECT_EQ(calls_of("k-sessions", ""), 2);
  EXPECT_EQ(calls_of("k-other", ""), 1);
  EXPECT_EQ(calls_of("k-operator", ""), 3);
  EXPECT_EQ(calls_of("k-operator", "&tenant=ten_b"), 1);
  EXPECT_EQ(call("GET", "/v1/cost?tenant=ten_b", "", "k-all").status, 404);
  EXPECT_EQ(call("GET", "/v1/cost", "", "k-call").status, 403);
  EXPECT_EQ(call("GET", "/v1/cost?by=colour").status, 400);
  EXPECT_EQ(call("POST", "/v1/cost/bill", "request_id,cost_usd\nr,1\n", "k-all").status, 403);
  Json own = call("GET", "/v1/budgets", "", "k-other").json();
  ASSERT_EQ(own.find("data")->array_items()->size(), 1u);
  const Json& account = own.find("data")->array_items()->front();
  EXPECT_EQ(account.get_string("tenant"), "ten_b");
  EXPECT_EQ(account.at("used", "money")->string()->substr(0, 7), "0.00002");
}

TEST_F(CostTest, ABudgetIsShownBeforeAnybodyHasCalled) {
  budgets(R"([{"name":"house","money":5},{"name":"b","tenant":"ten_b","tokens":9,"per":"day"},)"
          R"({"name":"each","key":"*","requests":9}])");
  auto names = [&](const std::string& key) {
    std::string out;
    Json json = call("GET", "/v1/budgets", "", key).json();
    for (const Json& b : *json.find("data")->array_items()) {
      out += std::string(b.get_string("name").value_or("?")) + " ";
    }
    return out;
  };
  EXPECT_EQ(names("k-operator"), "b house ") << "nobody is there whose 'each' could be";
  EXPECT_EQ(names("k-other"), "b ");
  imposter("one.test").script(answer(200, chat_body("a")));
  EXPECT_EQ(chat(false, "k-all").status, 200);
  EXPECT_EQ(names("k-operator"), "b each house ");
}

TEST_F(CostTest, ABillOfNobodyIsRefused) {
  const std::string row = "request_id,cost_usd\nr,1\n";
  auto post = [&](const std::string& scope) {
    return call("POST", "/v1/cost/bill?" + scope, row, "k-operator");
  };
  EXPECT_EQ(post("provider=openai-compatible").status, 200);
  Reply wrong = post("provider=openai-compatible,openai-compatibel");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.error_member("message").find("did you mean 'openai-compatible'"),
            std::string::npos)
      << wrong.error_member("message");
  EXPECT_EQ(post("endpoint=one.test").status, 200);
  EXPECT_EQ(post("endpoint=two").status, 400);
}

// Sums by day and model find no call, and would make every estimate look unbilled.
TEST_F(CostTest, ABillWhoseRowsFindNoCallEndsNoEstimate) {
  auto post = [&](const std::string& how, const std::string& bill) {
    return call("POST", "/v1/cost/bill?apply=" + how, bill, "k-operator");
  };
  Reply sums = post("estimates&complete=true",
                    "time,model,cost_usd\n2026-11-23T00:00:00Z,m,7\n2026-11-24T00:00:00Z,m,8\n");
  EXPECT_EQ(sums.status, 400);
  EXPECT_NE(sums.error_member("message").find("idempotency_key"), std::string::npos);
  const std::string strange = "request_id,cost_usd\nr-strange,1\n";
  Reply unknown = post("estimates&complete=true", strange);
  EXPECT_GE(unknown.status, 400);
  EXPECT_NE(unknown.error_member("message").find("'r-strange'"), std::string::npos)
      << unknown.error_member("message");
  EXPECT_EQ(post("estimates", strange).status, 200);
  EXPECT_EQ(post("none&complete=true", strange).status, 200) << "that changes nothing anyway";
}

}  // namespace
}  // namespace drover::api
