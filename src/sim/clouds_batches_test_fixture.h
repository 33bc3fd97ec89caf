#pragma once
// A road with batches over simulated clouds, on virtual time, whose process can be killed.

#include "road/batch_road.h"
#include "road/batches.h"
#include "sim/batch.h"
#include "sim/clouds_test_fixture.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"

namespace drover::sim {

using async::Context;
using async::Task;

class CloudsBatches : public CloudsTest {
 protected:
  struct Process {
    trace::Ledger ledger;
    std::unique_ptr<trace::LedgerLog> log;
    std::unique_ptr<road::Accounts> accounts;
    std::unique_ptr<road::Books> books;
    std::unique_ptr<road::Batches> batches;
    std::unique_ptr<road::Road> plain;
    std::unique_ptr<road::Road> road;
    std::unique_ptr<async::Scope> scope;
  };

  static SimCloudsOptions clouds_with_batches() {
    SimCloudsOptions options;
    options.kinds = {CloudKind::kOpenAi, CloudKind::kAzure};
    return options;
  }
  CloudsBatches() : CloudsTest(clouds_with_batches()) {
    environment_["OPENAI_KEY"] = openai().options().credentials.bearer_tokens[0];
    environment_["AZURE_KEY"] = clouds_->find(CloudKind::kAzure)->options().credentials.api_keys[0];
    serve(CloudKind::kOpenAi);
    start();
  }
  ~CloudsBatches() override { end(); }

  SimCloud& openai() { return *clouds_->find(CloudKind::kOpenAi); }

  void serve(CloudKind kind, const std::string& facts = R"({"batch": true})") {
    const bool azure = kind == CloudKind::kAzure;
    SimCloud& cloud = *clouds_->find(kind);
    catalog::Endpoint e;
    e.id = azure ? "azure" : "openai";
    e.provider = azure ? "azure-openai" : "openai";
    e.model = "m";
    e.upstream_model = cloud.options().models[0].id;
    e.deployment = azure ? e.upstream_model : "";
    e.base_url = cloud.places()[0].url + (azure ? "" : "/v1");
    e.api_version = azure ? "2024-10-21" : "";
    e.credentials.source = azure ? "env:AZURE_KEY" : "env:OPENAI_KEY";
    e.facts = *catalog::Facts::from_json(*Json::parse(facts), "test", "2026-11-28");
    e.price.known = true;
    e.price.input = *Money::parse_usd("0.000002");
    e.price.output = *Money::parse_usd("0.000008");
    catalog::PriceTier half;
    half.service_tier = "batches";
    half.input = *Money::parse_usd("0.000001");
    half.output = *Money::parse_usd("0.000004");
    e.price.tiers.push_back(half);
    ASSERT_TRUE(catalog_.replace({e}));
  }

  void start() {
    p_ = std::make_unique<Process>();
    auto log = trace::LedgerLog::open(disk_, "/ledger", 1, 64 << 10);
    ASSERT_TRUE(log);
    p_->log = std::move(*log);
    p_->accounts = std::make_unique<road::Accounts>(loop_, p_->ledger, p_->log.get());
    road::BooksParts books;
    books.accounts = p_->accounts.get();
    books.ledger = &p_->ledger;
    books.log = p_->log.get();
    books.documents = &store_.documents();
    books.journal = &store_.journal();
    books.executor = &executor_;
    books.clock = &loop_;
    books.goes_on = [this](std::string_view key) { return p_->batches->goes_on(key); };
    p_->books = std::make_unique<road::Books>(books);
    road::BatchesParts batches;
    batches.loop = &loop_;
    batches.random = &random_;
    batches.catalog = &catalog_;
    batches.documents = &store_.documents();
    batches.accounts = p_->accounts.get();
    batches.books = p_->books.get();
    batches.client = [this](const catalog::Endpoint& e) {
      return table_->find(e.provider)->batches();
    };
    batches.allowed = [this](Context ctx, std::string endpoint, std::string tenant,
                             std::string data_class) {
      return road::rules_leave(ctx, p_->plain.get(), &catalog_, std::move(endpoint),
                               std::move(tenant), std::move(data_class));
    };
    batches.wake = [this](const std::string& session, const std::string&) { ++woken_[session]; };
    p_->batches = std::make_unique<road::Batches>(Context(loop_), std::move(batches));
    ASSERT_TRUE(loop_.run_task(p_->batches->load(Context(loop_))));
    ASSERT_TRUE(loop_.run_task(p_->books->start(Context(loop_), budgets_)));
    p_->scope = std::make_unique<async::Scope>(Context(loop_));
    p_->scope->spawn(p_->books->keep_promises(p_->scope->context()));
    ASSERT_TRUE(loop_.run_task(p_->batches->start(Context(loop_))));
    road::RoadParts parts = road_parts();
    parts.accounts = p_->accounts.get();
    parts.policy = &policy_;
    road::BatchRoadParts more;
    more.loop = &loop_;
    more.random = &random_;
    more.catalog = &catalog_;
    more.batches = p_->batches.get();
    more.spans = &spans_;
    p_->plain = road::make_road(std::move(parts));
    p_->road = road::make_batch_road(*p_->plain, more);
  }
  void end() {
    if (p_ == nullptr) return;
    loop_.run_task(p_->batches->close());
    loop_.run_task(p_->plain->close());
    p_->scope->cancel();
    loop_.run_task(p_->scope->join());
    p_.reset();
  }
  /// The process is gone between two instructions; the machine stands.
  void kill() {
    auto behind = p_->log->unsynced();
    ASSERT_TRUE(behind.sync());
    p_->log->synced(behind);
    disk_.fail_after(0);
    EXPECT_FALSE(disk_.make_folder("/dead"));
    end();
    disk_.power_cut();
    start();
  }

  road::ModelCall call_of(const std::string& session, const std::string& text) {
    contract::ChatRequest request;
    request.model = "m";
    request.max_tokens = 50;
    request.messages.push_back(contract::Message::of_text(contract::Role::kUser, text));
    road::ModelCall call{identity::Principal::system(TenantId("ten_1")),
                         {"m"},
                         providers::Prompt::from_chat(std::move(request)),
                         session + "/7"};
    call.party = road::Party{session, "agent", session};
    call.service_class = road::ServiceClass::kSlow;
    call.batch_within = 24h;
    return call;
  }
  static Task<void> ask_into(road::Road* road, Context ctx, road::ModelCall call,
                             std::optional<road::ModelResult>* out) {
    out->emplace(co_await road->call_model(std::move(ctx), std::move(call), nullptr));
  }
  /// Several sessions at once.
  std::vector<std::optional<road::ModelResult>> ask_all(int sessions) {
    std::vector<std::optional<road::ModelResult>> out(static_cast<size_t>(sessions));
    async::Scope scope{Context(loop_)};
    for (int i = 0; i < sessions; ++i) {
      const std::string name = "ses_" + std::to_string(i);
      scope.spawn(ask_into(p_->road.get(), scope.context(), call_of(name, "hello " + name),
                           &out[static_cast<size_t>(i)]));
    }
    loop_.run_task(scope.join());
    return out;
  }
  road::ModelResult ask(const std::string& session, Context ctx) {
    return loop_.run_task(
        p_->road->call_model(std::move(ctx), call_of(session, "hello " + session), nullptr));
  }
  road::ModelResult ask(const std::string& session) { return ask(session, Context(loop_)); }
  static bool is_parked(const road::ModelResult& r) {
    return !r && r.error().error.reason == road::kBatched;
  }
  void rules(std::string_view json) {
    auto read = BatchRules::from_json(*Json::parse(json));
    ASSERT_TRUE(read) << read.error().message;
    for (auto& cloud : clouds_->all()) cloud->set_batches(*read);
  }
  trace::LedgerSums sums(const std::string& tier = "") {
    trace::LedgerFilter filter;
    filter.tier = tier;
    auto rows = p_->ledger.query(filter, {});
    return rows->empty() ? trace::LedgerSums() : rows->front().sums;
  }
  /// The ledger and the cloud's books agree, on all there is.
  void expect_books_agree() {
    const Json state = openai().state(100);
    EXPECT_EQ(state.at("billed", "input_tokens")->integer(), sums().input_tokens);
    EXPECT_EQ(state.at("billed", "output_tokens")->integer(), sums().output_tokens);
    EXPECT_EQ(p_->accounts->open(), 0u) << "nothing stays reserved";
    EXPECT_EQ(sums().estimated, 0);
    EXPECT_EQ(sums().lost, 0);
  }
  /// How many batches of each status there are, and how many files.
  Json counts_at_cloud() {
    const Json state = openai().state(0);
    return *state.find("regions")->array_items()->at(0).find("batches");
  }
  int64_t at_cloud(std::string_view what) { return counts_at_cloud().get_int(what).value_or(0); }
  size_t documents() {
    return loop_.run_task(store_.documents().list(Context(loop_), "batches"))->size();
  }
  int64_t batches_at_cloud() {
    int64_t n = 0;
    const Json counts = counts_at_cloud();
    for (const auto& [status, count] : *counts.members()) {
      if (status != "files") n += count.integer().value_or(0);
    }
    return n;
  }

  store::SimDisk disk_{random_};
  store::MemoryStore store_{random_};
  async::InlineExecutor executor_;
  policy::PolicyHolder policy_;
  std::vector<road::Budget> budgets_;
  std::map<std::string, int> woken_;
  int asked_ = 0;
  std::unique_ptr<Process> p_;
};

}  // namespace drover::sim
