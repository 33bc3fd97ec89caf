#include "sim/batch.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "http/client.h"
#include "http/multipart.h"
#include "net/sim_net.h"
#include "sim/clouds.h"

namespace drover::sim {
namespace {

using async::Context;
using async::Task;

struct BatchGot {
  int status = 0;
  std::string body;
  Json json() const { return Json::parse(body).value_or(Json()); }
};

Task<BatchGot> send_batch(http::Client* client, Context ctx, http::ClientRequest request) {
  BatchGot out;
  auto response = co_await client->send(ctx, request);
  if (!response) co_return out;
  out.status = (*response)->head().status;
  for (;;) {
    Result<std::string_view> part = co_await (*response)->read_some(ctx);
    if (!part || part->empty()) break;
    out.body += *part;
  }
  co_return out;
}

class BatchTest : public testing::Test {
 protected:
  void start(CloudKind kind = CloudKind::kOpenAi) {
    SimCloudsOptions options;
    options.kinds = {kind};
    clouds_ = std::make_unique<SimClouds>(loop_, network_, options);
    ASSERT_TRUE(clouds_->start().has_value());
    cloud_ = clouds_->all()[0].get();
    prefix_ = kind == CloudKind::kAzure ? "/openai/v1/" : "/v1/";
  }
  ~BatchTest() override {
    if (clouds_ != nullptr) loop_.run_task(clouds_->stop(Context(loop_)));
    client_.reset();
    loop_.run_for(10s);
  }
  BatchGot call(std::string method, const std::string& path, std::string body = {},
                std::string type = "application/json") {
    http::ClientRequest wish;
    wish.url = *http::Url::parse(cloud_->places()[0].url + prefix_ + path);
    wish.policy.allow_private = true;
    wish.method = std::move(method);
    wish.body = std::move(body);
    const SimCredentials& credentials = cloud_->options().credentials;
    const std::string key =
        credentials.api_keys.empty() ? credentials.bearer_tokens[0] : credentials.api_keys[0];
    wish.headers.add("Authorization", "Bearer " + key);
    wish.headers.add("Content-Type", type);
    return loop_.run_task(
        send_batch(client_.get(), Context(loop_).with_timeout(60s), std::move(wish)));
  }
  std::string line(const std::string& id, const std::string& text) {
    Json message = Json::object().set("role", "user").set("content", text);
    Json body = Json::object();
    body.set("model", cloud_->options().models[0].id);
    body.set("messages", Json::array().push(std::move(message)));
    Json out = Json::object();
    out.set("custom_id", id).set("method", "POST").set("url", "/v1/chat/completions");
    return out.set("body", std::move(body)).dump() + "\n";
  }
  std::string upload(std::string bytes) {
    std::vector<http::FormPart> parts(2);
    parts[0].name = "purpose";
    parts[0].body = "batch";
    parts[1].name = "file";
    parts[1].filename = "in.jsonl";
    parts[1].body = std::move(bytes);
    http::EncodedForm form = http::encode_form(parts, "x7d93k1");
    BatchGot made = call("POST", "files", form.body, form.content_type);
    EXPECT_EQ(made.status, 200) << made.body;
    return made.json().get_text("id");
  }
  Json create(const std::string& input) {
    Json body = Json::object();
    body.set("input_file_id", input).set("endpoint", "/v1/chat/completions");
    body.set("completion_window", "24h");
    body.set("metadata", Json::object().set("ours", "b-1"));
    BatchGot made = call("POST", "batches", body.dump());
    EXPECT_EQ(made.status, 200) << made.body;
    return made.json();
  }
  Json look(const Json& batch) {
    return call("GET", "batches/" + std::string(*batch.get_string("id"))).json();
  }
  std::vector<Json> content(const Json& batch, std::string_view file) {
    const std::string id(batch.get_string(file).value_or(""));
    std::string text = call("GET", "files/" + id + "/content").body;
    std::vector<Json> out;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      out.push_back(Json::parse(text.substr(at, end - at)).value_or(Json()));
      at = end + 1;
    }
    return out;
  }
  void rules(std::string_view json) {
    auto read = BatchRules::from_json(*Json::parse(json));
    ASSERT_TRUE(read) << read.error().message;
    cloud_->set_batches(*read);
  }

  async::SimLoop loop_;
  net::SimNetwork network_{loop_, 1};
  std::unique_ptr<http::Client> client_ = http::make_client(loop_, network_.dialer());
  std::unique_ptr<SimClouds> clouds_;
  SimCloud* cloud_ = nullptr;
  std::string prefix_;
};

TEST_F(BatchTest, RunsEveryLineWhenItsTimeHasCome) {
  start();
  rules(R"({"takes_ms": 3600000})");
  const std::string input = upload(line("a", "hello") + line("b", "hello you"));
  Json made = create(input);
  EXPECT_EQ(made.get_string("status"), "validating");
  EXPECT_EQ(look(made).get_string("status"), "in_progress");
  EXPECT_EQ(cloud_->ledger().billed().input, 0) << "nothing was run yet";
  loop_.run_for(1h);
  Json done = look(made);
  EXPECT_EQ(done.get_string("status"), "completed");
  EXPECT_EQ(done.find("request_counts")->get_int("completed"), 2);
  EXPECT_EQ(done.at("metadata", "ours")->dump(), "\"b-1\"");
  EXPECT_TRUE(done.find("error_file_id")->is_null());
  std::vector<Json> lines = content(done, "output_file_id");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].get_string("custom_id"), "b");
  const Json* body = lines[1].at("response", "body");
  EXPECT_EQ(body->find("choices")->array_items()->at(0).at("message", "content")->dump(),
            "\"you said: hello you\"");
  // The books have each line, under its id and the price of batches.
  const Json state = cloud_->state(10);
  const Json::Array& log = *state.find("log")->array_items();
  int64_t billed = 0;
  for (const Json& entry : log) {
    if (entry.get_string("service_tier") != "batch") continue;
    ++billed;
    EXPECT_TRUE(entry.get_string("idempotency_key") == "a" ||
                entry.get_string("idempotency_key") == "b");
  }
  EXPECT_EQ(billed, 2);
  EXPECT_EQ(state.find("billed_by_tier")->find("batch")->get_int("output_tokens"),
            done.find("usage")->get_int("output_tokens"));
}

TEST_F(BatchTest, ExpiresWithWhatWasDone) {
  start();
  rules(R"({"takes_ms": 1000, "ends": "expired", "lines_done": 2, "error_lines": 1})");
  Json made = create(upload(line("a", "1") + line("b", "2") + line("c", "3")));
  loop_.run_for(2s);
  Json done = look(made);
  EXPECT_EQ(done.get_string("status"), "expired");
  std::vector<Json> answers = content(done, "output_file_id");
  std::vector<Json> errors = content(done, "error_file_id");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].get_string("custom_id"), "b");
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].at("response", "status_code")->integer(), 500);
  EXPECT_EQ(errors[1].get_string("custom_id"), "c");
  EXPECT_EQ(errors[1].at("error", "code")->dump(), "\"batch_expired\"");
  EXPECT_EQ(done.find("request_counts")->get_int("failed"), 2);
}

TEST_F(BatchTest, FailsOnAFileThatIsWrongAndSaysWhere) {
  start(CloudKind::kAzure);
  Json made = create(upload(line("a", "1") + "not json\n" + line("a", "2")));
  Json failed = look(made);
  EXPECT_EQ(failed.get_string("status"), "failed");
  const Json::Array& faults = *failed.at("errors", "data")->array_items();
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].get_int("line"), 2);
  EXPECT_EQ(faults[1].get_string("code"), "duplicate_custom_id");
  rules(R"({"ends": "failed"})");
  EXPECT_EQ(look(create(upload(line("a", "1")))).get_string("status"), "failed");
}

TEST_F(BatchTest, IsCancelledListedAndDeleted) {
  start();
  rules(R"({"takes_ms": 10000})");
  const std::string input = upload(line("a", "1") + line("b", "2"));
  Json first = create(input);
  Json second = create(input);
  look(first);
  loop_.run_for(5s);
  BatchGot cancelled =
      call("POST", "batches/" + std::string(*first.get_string("id")) + "/cancel", "{}");
  EXPECT_EQ(cancelled.json().get_string("status"), "cancelling");
  loop_.run_for(1s);
  Json gone = look(first);
  EXPECT_EQ(gone.get_string("status"), "cancelled");
  EXPECT_EQ(content(gone, "output_file_id").size(), 1u) << "half the time was over";
  Json page = call("GET", "batches?limit=1").json();
  EXPECT_EQ(page.get_bool("has_more"), true);
  EXPECT_EQ(page.get_string("first_id"), second.get_string("id")) << "the newest first";
  Json next =
      call("GET", "batches?limit=1&after=" + std::string(*page.get_string("last_id"))).json();
  EXPECT_EQ(next.get_string("first_id"), first.get_string("id"));
  EXPECT_EQ(next.get_bool("has_more"), false);
  EXPECT_EQ(call("DELETE", "files/" + input).json().get_bool("deleted"), true);
  EXPECT_EQ(call("GET", "files/" + input).status, 404);
}

TEST_F(BatchTest, AnAnswerMayBeLostAfterAllWasDone) {
  start();
  const std::string input = upload(line("a", "1"));
  Fault fault;
  fault.kind = FaultKind::kCutBeforeHeaders;
  fault.path = "batches";
  ASSERT_TRUE(cloud_->faults().add(fault));
  Json body = Json::object();
  body.set("input_file_id", input).set("endpoint", "/v1/chat/completions");
  body.set("completion_window", "24h");
  EXPECT_EQ(call("POST", "batches", body.dump()).status, 0);
  EXPECT_EQ(call("GET", "batches").json().find("data")->array_items()->size(), 1u);
}

TEST_F(BatchTest, VllmHasNone) {
  start(CloudKind::kCoreWeave);
  EXPECT_EQ(call("GET", "batches").status, 404);
}

}  // namespace
}  // namespace drover::sim
