#pragma once
// A road over the simulated network, with imposters for providers. Virtual time, seeded.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "catalog/health.h"
#include "dialect/openai_scan.h"
#include "providers/imposter_test_server.h"
#include "providers/test_environment.h"
#include "road/accounts.h"
#include "road/placement.h"
#include "road/road.h"
#include "trace/ring_sink.h"

namespace drover::road {

using providers::answer;
using providers::chunk;
using providers::end_of_stream;
using providers::Imposter;
using providers::ImposterScript;
using providers::sse;
using providers::stream_head;

inline std::string chat_body(
    const std::string& text,
    const std::string& usage = R"("usage":{"prompt_tokens":10,"completion_tokens":5})") {
  return R"({"id":"r1","object":"chat.completion","created":1,"model":"up-1","choices":[{"index":0,)"
         R"("message":{"role":"assistant","content":")" +
         text + R"("},"finish_reason":"stop"}])" + (usage.empty() ? "" : "," + usage) + "}";
}
inline std::string delta_chunk(const std::string& text) {
  return R"({"id":"s1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":)"
         R"([{"index":0,"delta":{"content":")" +
         text + R"("},"finish_reason":null}]})";
}
inline std::string role_chunk() {
  return R"({"id":"s1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":)"
         R"([{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})";
}
inline std::string finish_chunk() {
  return R"({"id":"s1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":)"
         R"([{"index":0,"delta":{},"finish_reason":"stop"}]})";
}
inline std::string usage_chunk(int in = 10, int out = 5) {
  return R"({"id":"s1","object":"chat.completion.chunk","created":1,"model":"up-1","choices":[],)"
         R"("usage":{"prompt_tokens":)" +
         std::to_string(in) + R"(,"completion_tokens":)" + std::to_string(out) + "}}";
}
inline ImposterScript good_stream() {
  ImposterScript s = stream_head();
  s.then(sse(role_chunk())).then(sse(delta_chunk("Hel")), 5ms).then(sse(delta_chunk("lo")), 5ms);
  s.then(sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream(), 5ms);
  return s;
}

/// Keeps what it is given; raw if asked for.
class CollectSink final : public providers::Sink {
 public:
  explicit CollectSink(bool raw) : raw_(raw) {}
  void begin_attempt(const catalog::Endpoint& endpoint) override {
    ++begun;
    events.clear();
    text.clear();
  }
  bool wants_raw() const override { return raw_; }
  Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) override {
    if (const auto* t = std::get_if<contract::TextDelta>(&delta)) text += t->text;
    if (contract::is_visible(delta)) ++visible;
    if (fail_after && visible >= *fail_after) co_return fail(Code::kUnavailable, "client reset");
    co_return Result<void>();
  }
  Result<void> raw(std::string_view data, bool is_visible) override {
    events.emplace_back(data);
    if (is_visible) ++visible;
    return {};
  }
  std::vector<std::string> events;
  std::string text;
  int visible = 0;
  int begun = 0;
  std::optional<int> fail_after;

 private:
  bool raw_;
};

class RoadFixture : public ::testing::Test {
 protected:
  RoadFixture() {
    client_ = http::make_client(loop_, network_.dialer());
    environment_["GOOD_KEY"] = "sk-canary-0123456789";
    environment_["OTHER_KEY"] = "sk-other-0123456789";
    table_ = std::make_unique<providers::ProviderTable>(
        providers::test_environment(*client_, random_, environment_));
    make();
  }
  ~RoadFixture() override {
    loop_.run_task(road_->close());
    client_->clear_idle();
    for (auto& [host, imposter] : imposters_) loop_.run_task(imposter->close());
    loop_.run_for(1ms);  // the watchers of idle connections end
  }

  void make() {
    parts_.loop = &loop_;
    parts_.random = &random_;
    parts_.catalog = &catalog_;
    parts_.health = &health_;
    parts_.policy = &policy_;
    parts_.evidence = &evidence_;
    parts_.providers = table_.get();
    parts_.spans = &spans_;
    parts_.metrics = &metrics_;
    parts_.accounts = &accounts_;
    if (road_) loop_.run_task(road_->close());
    road_ = make_road(parts_);
  }

  Imposter& imposter(const std::string& host) {
    std::unique_ptr<Imposter>& slot = imposters_[host];
    if (!slot) slot = std::make_unique<Imposter>(loop_, network_, host);
    return *slot;
  }
  /// An endpoint named after its host, serving model "m".
  void add(const std::string& host, const std::string& key = "env:GOOD_KEY",
           const std::string& model = "m") {
    catalog::Endpoint e;
    e.id = host;
    e.provider = "openai-compatible";
    e.model = model;
    e.upstream_model = "up-1";
    e.base_url = "http://" + host + "/v1";
    e.credentials.source = key;
    e.facts = facts_;
    e.price.known = true;
    e.price.input = *Money::parse_usd("0.000001");
    e.price.output = *Money::parse_usd("0.000002");
    endpoints_.push_back(e);
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  static std::string request_body(bool stream, bool usage = false) {
    std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}])";
    if (stream) body += R"(,"stream":true)";
    if (usage) body += R"(,"stream_options":{"include_usage":true})";
    return body + "}";
  }
  ModelCall call_for(std::string body, std::vector<std::string> ladder = {"m"}) {
    auto scan = dialect::scan_openai_request(body);
    EXPECT_TRUE(scan);
    ModelCall call{identity::Principal::system(TenantId("ten_1")), std::move(ladder),
                   providers::Prompt::from_openai(std::move(body), std::move(*scan)), "key-1"};
    call.reasons = true;
    return call;
  }
  ModelCall neutral_call() {
    contract::ChatRequest request;
    request.model = "m";
    request.messages.push_back(contract::Message::of_text(contract::Role::kUser, "hi"));
    ModelCall call{identity::Principal::system(TenantId("ten_1")),
                   {"m"},
                   providers::Prompt::from_chat(std::move(request)),
                   "key-1"};
    call.party = Party{"ses_1", "agent", ""};
    return call;
  }
  ModelResult run(ModelCall call, providers::Sink* sink = nullptr) {
    return loop_.run_task(road_->call_model(Context(loop_), std::move(call), sink));
  }
  /// For a placer of a test's own.
  PlacerParts placer_parts() {
    PlacerParts out;
    out.catalog = &catalog_;
    out.health = &health_;
    out.policy = &policy_;
    out.clock = &loop_;
    out.here = "home";
    return out;
  }
  LatencyParts checked(const LatencyParts& parts, Duration wall) {
    EXPECT_EQ(parts.total(), wall);
    EXPECT_GE(parts.other, Duration::zero());
    return parts;
  }
  trace::LedgerSums sums() {
    auto rows = ledger_.query(trace::LedgerFilter(), {});
    return rows->empty() ? trace::LedgerSums() : rows->front().sums;
  }

  async::SimLoop loop_;
  net::SimNetwork network_{loop_, 1};
  SeededRandom random_{7};
  std::unique_ptr<http::Client> client_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<providers::ProviderTable> table_;
  catalog::CatalogHolder catalog_;
  catalog::Health health_{loop_};
  policy::PolicyHolder policy_;
  /// What was shown, by endpoint and kind.
  struct Shown final : policy::Evidence {
    bool fresh(std::string_view endpoint, std::string_view kind, Duration) const override {
      return shown.contains(std::string(endpoint) + " " + std::string(kind));
    }
    bool reachable(std::string_view endpoint) const override {
      return !unreachable.contains(std::string(endpoint));
    }
    std::string last_failure(std::string_view endpoint) const override {
      auto it = failures.find(std::string(endpoint));
      return it == failures.end() ? std::string() : it->second;
    }
    std::set<std::string> shown;
    std::set<std::string> unreachable;
    std::map<std::string, std::string> failures;
  };
  Shown evidence_;
  std::vector<catalog::Endpoint> endpoints_;
  catalog::Facts facts_;  // of the endpoints that are added
  trace::RingSink spans_;
  trace::Metrics metrics_;
  trace::Ledger ledger_;
  Accounts accounts_{loop_, ledger_};
  RoadParts parts_;
  std::unique_ptr<Road> road_;
  std::map<std::string, std::unique_ptr<Imposter>> imposters_;
};

}  // namespace drover::road
