#include "sim/cloud.h"

#include <gtest/gtest.h>

#include <tuple>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "cloud/sigv4.h"
#include "crypto/sha256.h"
#include "http/client.h"
#include "http/event_stream.h"
#include "net/sim_net.h"
#include "sim/clouds.h"
#include "sim/echo_model.h"

namespace drover::sim {
namespace {

using async::Context;
using async::Task;

struct Got {
  int status = 0;
  http::Headers headers;
  std::string body;
  std::optional<Error> error;  // of the connection or in the middle of the body
  Json json() const { return Json::parse(body).value_or(Json()); }
};

Task<Got> send(http::Client* client, Context ctx, http::ClientRequest request) {
  Got out;
  auto response = co_await client->send(ctx, request);
  if (!response) {
    out.error = response.error();
    co_return out;
  }
  out.status = (*response)->head().status;
  out.headers = (*response)->head().headers;
  for (;;) {
    Result<std::string_view> part = co_await (*response)->read_some(ctx);
    if (!part) {
      out.error = part.error();
      break;
    }
    if (part->empty()) break;
    out.body += *part;
  }
  co_return out;
}

class SimCloudTest : public testing::Test {
 protected:
  SimCloud& start(CloudKind kind, LatencyModel latency = {}) {
    SimCloudsOptions options;
    options.kinds = {kind};
    options.latency = latency;
    clouds_ = std::make_unique<SimClouds>(loop_, network_, options);
    EXPECT_TRUE(clouds_->start().has_value());
    return *clouds_->all()[0];
  }
  ~SimCloudTest() override {
    if (clouds_ != nullptr) loop_.run_task(clouds_->stop(Context(loop_)));
    client_.reset();
    loop_.run_for(10s);
  }

  http::ClientRequest request(SimCloud& cloud, const std::string& target, std::string body) {
    http::ClientRequest out;
    out.url = *http::Url::parse(cloud.places()[0].url + target);
    out.policy.allow_private = true;
    out.body = std::move(body);
    out.method = out.body.empty() ? "GET" : "POST";
    return out;
  }
  http::ClientRequest chat(SimCloud& cloud, const std::string& text, bool stream) {
    Json message = Json::object().set("role", "user").set("content", text);
    Json body = Json::object();
    body.set("model", cloud.options().models[0].id);
    body.set("messages", Json::array().push(std::move(message))).set("stream", stream);
    if (stream) body.set("stream_options", Json::object().set("include_usage", true));
    http::ClientRequest out = request(cloud, "/v1/chat/completions", body.dump());
    out.headers.add("Authorization", "Bearer " + cloud.options().credentials.bearer_tokens[0]);
    return out;
  }
  Got get(http::ClientRequest wish, Duration limit = 60s) {
    return loop_.run_task(send(client_.get(), Context(loop_).with_timeout(limit), std::move(wish)));
  }

  async::SimLoop loop_;
  net::SimNetwork network_{loop_, 1};
  std::unique_ptr<http::Client> client_ = http::make_client(loop_, network_.dialer());
  std::unique_ptr<SimClouds> clouds_;
};

TEST_F(SimCloudTest, AnswersWholeAndInPieces) {
  SimCloud& cloud = start(CloudKind::kCoreWeave);
  Got whole = get(chat(cloud, "hello", false));
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.json().find("choices")->array_items()->at(0).at("message", "content")->dump(),
            "\"you said: hello\"");
  Got pieces = get(chat(cloud, "hello", true));
  EXPECT_FALSE(pieces.error.has_value());
  EXPECT_TRUE(pieces.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(cloud.ledger().count("ok"), 2u);
  EXPECT_EQ(cloud.ledger().billed().output, 2 * 4) << "15 bytes are 4 tokens";
}

TEST_F(SimCloudTest, TellsTheTierItServedAndBillsByIt) {
  SimCloud& cloud = start(CloudKind::kOpenAi);
  auto ask = [&](std::string tier, bool stream) {
    http::ClientRequest wish = chat(cloud, "hello", stream);
    if (!tier.empty()) {
      wish.body.pop_back();
      wish.body += ",\"service_tier\":\"" + tier + "\"}";
    }
    return get(std::move(wish));
  };
  EXPECT_EQ(ask("", false).json().get_string("service_tier"), "default");
  EXPECT_EQ(ask("flex", false).json().get_string("service_tier"), "flex");
  Got pieces = ask("priority", true);
  EXPECT_LT(pieces.body.find("you said"), pieces.body.find("service_tier")) << "told at the end";
  EXPECT_NE(pieces.body.find("\"service_tier\":\"priority\""), std::string::npos);
  EXPECT_EQ(ask("hurried", false).status, 400);
  cloud.set_tier("flex", "default");
  EXPECT_EQ(ask("flex", false).json().get_string("service_tier"), "default");
  cloud.set_tier("flex", "");
  EXPECT_EQ(ask("flex", false).json().get_string("service_tier"), "flex");
  const Json state = cloud.state(10);
  const Json& billed = *state.find("billed_by_tier");
  EXPECT_EQ(billed.find("default")->get_int("output_tokens"), 2 * 4);
  EXPECT_EQ(billed.find("flex")->get_int("output_tokens"), 2 * 4);
  EXPECT_EQ(billed.find("priority")->get_int("output_tokens"), 4);
}

TEST_F(SimCloudTest, TakesItsTimeOnTheClockItWasGiven) {
  LatencyModel latency;
  latency.first_token = 300ms;
  latency.tokens_per_second = 10;
  SimCloud& cloud = start(CloudKind::kCoreWeave, latency);
  MonoTime began = loop_.mono();
  EXPECT_EQ(get(chat(cloud, "say:" + std::string(160, 'x'), true)).status, 200);
  Duration took = loop_.mono() - began;
  EXPECT_TRUE(took > 4s && took < 5s) << format_duration(took);
}

TEST_F(SimCloudTest, EachFaultDoesWhatItSays) {
  SimCloud& cloud = start(CloudKind::kCoreWeave);
  auto with = [&](FaultKind kind, bool stream, Duration d = 0ns) {
    Fault fault;
    fault.kind = kind;
    fault.duration = d;
    EXPECT_TRUE(cloud.faults().add(fault).has_value());
    Got got = get(chat(cloud, "hello there, this is a long text", stream));
    loop_.run_for(1s);
    EXPECT_EQ(cloud.ledger().entries().back().fault, fault_name(kind));
    return got;
  };
  auto whole = [](const Got& got) {
    return !got.error && got.body.find("[DONE]") != std::string::npos;
  };
  EXPECT_TRUE(with(FaultKind::kCutBeforeHeaders, true).error.has_value());
  Got cut = with(FaultKind::kCut, true);
  EXPECT_TRUE(cut.status == 200 && cut.error.has_value() && !cut.body.empty());
  EXPECT_EQ(cloud.ledger().entries().back().outcome, "cut");
  EXPECT_TRUE(with(FaultKind::kCut, false).error.has_value());
  Got early = with(FaultKind::kEarlyEnd, true);
  EXPECT_TRUE(!early.error && early.body.find("finish_reason\":\"stop") == std::string::npos);
  EXPECT_FALSE(whole(with(FaultKind::kGarbage, true)));
  EXPECT_FALSE(whole(with(FaultKind::kHalfFrame, true)));
  EXPECT_FALSE(whole(with(FaultKind::kWrongCrc, true)));
  EXPECT_FALSE(Json::parse(with(FaultKind::kWrongCrc, false).body).has_value());
  EXPECT_EQ(with(FaultKind::kError500, true).status, 500);
  EXPECT_EQ(with(FaultKind::kError503, false).status, 503);
  Got throttled = with(FaultKind::kThrottle, false, 3s);
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.headers.get("retry-after"), "3");
  Got inside = with(FaultKind::kErrorInStream, true);
  EXPECT_TRUE(inside.status == 200 && inside.body.find("\"error\"") != std::string::npos);
  Got unmetered = with(FaultKind::kMissingUsage, true);
  EXPECT_TRUE(whole(unmetered));
  EXPECT_EQ(unmetered.body.find("completion_tokens"), std::string::npos);
  EXPECT_EQ(with(FaultKind::kMissingUsage, false).json().find("usage"), nullptr);
  EXPECT_TRUE(whole(with(FaultKind::kTrickle, true, 1ms)));
  EXPECT_EQ(with(FaultKind::kWrongContentType, true).headers.get("content-type"), "text/html");
  for (FaultKind stall : {FaultKind::kStallBeforeHeaders, FaultKind::kStallFirstToken,
                          FaultKind::kStallBetweenTokens}) {
    MonoTime began = loop_.mono();
    EXPECT_TRUE(whole(with(stall, true, 7s))) << fault_name(stall);
    EXPECT_GE(loop_.mono() - began, Duration(7s)) << fault_name(stall);
  }
  EXPECT_EQ(cloud.state(0).find("faults")->array_items()->size(), 0u);
}

TEST_F(SimCloudTest, AClientThatLeavesPaysForWhatWasMade) {
  LatencyModel latency;
  latency.tokens_per_second = 10;
  SimCloud& cloud = start(CloudKind::kCoreWeave, latency);
  Got got = get(chat(cloud, "bytes:4000", true), 2s);
  EXPECT_TRUE(got.error.has_value());
  loop_.run_for(5s);
  const LedgerEntry& entry = cloud.ledger().entries().back();
  EXPECT_EQ(entry.outcome, "aborted");
  EXPECT_TRUE(entry.billed.output > 10 && entry.billed.output < 40) << entry.billed.output;
}

Task<void> outage_later(Context ctx, SimCloud* cloud, Duration d, bool on) {
  Result<void> slept = co_await async::sleep_for(ctx, d);
  if (slept) cloud->set_outage(on);
}

TEST_F(SimCloudTest, AnOutageCutsAndRefusesUntilItEnds) {
  LatencyModel latency;
  latency.tokens_per_second = 10;
  SimCloud& cloud = start(CloudKind::kCoreWeave, latency);
  async::Scope scope{Context(loop_)};
  scope.spawn(outage_later(scope.context(), &cloud, 3s, true));
  Got cut = get(chat(cloud, "bytes:4000", true));
  EXPECT_TRUE(cut.error.has_value());
  EXPECT_TRUE(get(chat(cloud, "hello", false)).error.has_value());
  loop_.run_for(1s);
  EXPECT_EQ(cloud.ledger().entries().back().outcome, "cut");
  cloud.set_outage(false);
  EXPECT_EQ(get(chat(cloud, "hello", false)).status, 200);
  loop_.run_task(scope.join());
}

TEST_F(SimCloudTest, ControlsAnswerDuringAnOutage) {
  SimCloud& cloud = start(CloudKind::kAzure);
  auto control = [&](const char* method, const std::string& path, std::string body) {
    http::ClientRequest out;
    out.url = *http::Url::parse(cloud.control_url() + path);
    out.policy.allow_private = true;
    out.method = method;
    out.body = std::move(body);
    return get(std::move(out));
  };
  EXPECT_EQ(control("POST", "/_sim/outage", R"({"on":true,"region":"eastus2"})").status, 200);
  Json state = control("GET", "/_sim/state", "").json();
  EXPECT_EQ(state.find("regions")->array_items()->at(0).get_bool("outage"), true);
  EXPECT_EQ(state.find("regions")->array_items()->at(1).get_bool("outage"), false);
  EXPECT_EQ(control("POST", "/_sim/faults", R"({"kind":"nothing"})").status, 400);
  EXPECT_EQ(
      control("POST", "/_sim/faults", R"({"faults":[{"kind":"cut"},{"kind":"refuse"}]})").status,
      200);
  EXPECT_EQ(cloud.faults().to_json().array_items()->size(), 2u);
  // Nothing would happen: a slip must not look like a provider that bears the fault.
  const std::string no_region = "no region 'eastsu2' here: did you mean 'eastus2'? (there are: ";
  const std::string is_region = "region must be a name; leave it out for all";
  const std::string regon = "unknown member 'regon': did you mean 'region'? (there are: ";
  const std::tuple<const char*, const char*, std::string> slips[] = {
      {"/_sim/faults", R"({"kind":"cut","region":"eastsu2"})", no_region},
      {"/_sim/faults", R"({"kind":"cut","region":""})", is_region},
      {"/_sim/faults", R"({"kind":"cut","region":null})", is_region},
      {"/_sim/faults", R"({"faults":[{"kind":"cut","regon":"eastus2"}]})", regon + "kind, count, "},
      {"/_sim/faults", R"({"faults":[{"kind":"cut"}],"region":"eastus2"})", "(there are: faults)"},
      {"/_sim/outage", R"({"on":true,"region":"eastsu2"})", no_region},
      {"/_sim/outage", R"({"on":true,"region":["eastus"]})", is_region},
      {"/_sim/outage", R"({"on":true,"regon":"eastus"})", regon + "on, region)"},
      {"/_sim/outage", R"({"outage":false})", "unknown member 'outage' (there are: on, region)"},
      {"/_sim/outage", R"({"on":"false"})", "on must be true or false"},
      {"/_sim/faults", R"({"kind":"cut","count":"2"})", "count must be a whole number"},
      {"/_sim/faults", R"({"faults":{"kind":"cut"}})", "faults must be a list"},
      {"/_sim/quota", R"({"requests_per_minute":"1"})", "requests_per_minute must be a whole"},
      {"/_sim/quota", R"({"request_per_minute":1})", "did you mean 'requests_per_minute'?"},
      {"/_sim/tier", R"({"asked":1})", "asked must be text"},
      {"/_sim/batch", R"({"takes_ms":"2s"})", "takes_ms must be a whole number"},
      {"/_sim/cache", R"({"clear":1})", "clear must be true or false"}};
  for (const auto& [path, body, says] : slips) {
    Got refused = control("POST", path, body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_NE(refused.body.find(says), std::string::npos) << body << refused.body;
  }
  state = control("GET", "/_sim/state", "").json();
  EXPECT_EQ(state.find("regions")->array_items()->at(1).get_bool("outage"), false);
  EXPECT_EQ(control("POST", "/_sim/faults", R"({"kind":"cut","region":"eastus"})").status, 200);
  EXPECT_EQ(cloud.faults().to_json().array_items()->size(), 3u) << "and none of a wrong region";
  EXPECT_EQ(control("DELETE", "/_sim/faults", "").status, 200);
  EXPECT_EQ(cloud.faults().to_json().array_items()->size(), 0u);
  EXPECT_EQ(control("POST", "/_sim/nothing", "{}").status, 404);
  EXPECT_EQ(control("POST", "/_sim/quota", "{").status, 400);
}

TEST_F(SimCloudTest, ALongPromptIsRefusedAndAFullModelCutsItsAnswer) {
  SimCloud& cloud = start(CloudKind::kCoreWeave);
  Got full = get(chat(cloud, std::string(131'072 * 4, 'x'), false));
  EXPECT_EQ(full.status, 400);
  EXPECT_NE(full.body.find("maximum context length"), std::string::npos);
  http::ClientRequest wish = chat(cloud, "say:abcdefghijklmnop", false);
  Json body = *Json::parse(wish.body);
  body.set("max_tokens", 2);
  wish.body = body.dump();
  Got cut = get(std::move(wish));
  Json answer = cut.json();
  const Json& choice = answer.find("choices")->array_items()->at(0);
  EXPECT_EQ(choice.get_string("finish_reason"), "length");
  EXPECT_EQ(choice.at("message", "content")->dump(), "\"abcdefgh\"");
}

// --- AWS ---

class SimAwsTest : public SimCloudTest {
 protected:
  http::ClientRequest converse(SimCloud& cloud, const std::string& operation) {
    http::ClientRequest out =
        request(cloud, "/model/us.amazon.nova-pro-v1%3A0/" + operation,
                R"({"messages":[{"role":"user","content":[{"text":"hello"}]}]})");
    const SimAccessKey& key = cloud.options().credentials.access_keys[1];
    cloud::AwsCredentials credentials;
    credentials.access_key_id = key.id;
    credentials.secret_access_key = Secret(key.secret);
    credentials.session_token = Secret(key.session_token);
    cloud::sigv4::Signer signer(cloud.places()[0].region, "bedrock");
    std::string hash = crypto::sha256_hex(out.body);
    std::string authority = out.url.authority();
    cloud::sigv4::Request plain;
    plain.method = out.method;
    plain.target = out.url.target;
    const std::vector<http::Headers::Field> fields = out.headers.copy();
    plain.headers = fields;
    plain.authority = authority;
    plain.payload_hash = hash;
    auto signed_headers = signer.sign(plain, credentials, loop_.wall());
    EXPECT_TRUE(signed_headers.has_value());
    for (const auto& [name, value] : *signed_headers) out.headers.set(name, value);
    return out;
  }
};

TEST_F(SimAwsTest, OneFlippedByteIsRefused) {
  SimCloud& cloud = start(CloudKind::kAws);
  Got good = get(converse(cloud, "converse"));
  EXPECT_EQ(good.status, 200) << good.body;
  EXPECT_EQ(good.json().get_string("stopReason"), "end_turn");
  EXPECT_TRUE(good.headers.has("x-amzn-requestid"));

  auto expect_refused = [&](http::ClientRequest wish, std::string_view what) {
    Got got = get(std::move(wish));
    EXPECT_EQ(got.status, 403) << what;
    EXPECT_EQ(got.headers.get("x-amzn-errortype"), "InvalidSignatureException") << what;
  };
  http::ClientRequest body = converse(cloud, "converse");
  body.body[20] ^= 1;
  expect_refused(std::move(body), "the body");
  http::ClientRequest target = converse(cloud, "converse");
  target.url.target = "/model/us.amazon.nova-pro-v1:0/converse";  // the same path, decoded
  expect_refused(std::move(target), "the raw target");
  http::ClientRequest date = converse(cloud, "converse");
  date.headers.set("x-amz-date", format_amz_date(loop_.wall() + 1s));
  expect_refused(std::move(date), "the date");
  http::ClientRequest late = converse(cloud, "converse");
  loop_.run_for(20min);
  expect_refused(std::move(late), "an old signature");
  http::ClientRequest elsewhere = converse(cloud, "converse");
  elsewhere.url.port = http::Url::parse(cloud.places()[1].url)->port;
  EXPECT_EQ(get(std::move(elsewhere)).status, 403);
}

TEST_F(SimAwsTest, StreamsFramesWithTheMetadataLast) {
  SimCloud& cloud = start(CloudKind::kAws);
  Got got = get(converse(cloud, "converse-stream"));
  EXPECT_EQ(got.headers.get("content-type"), "application/vnd.amazon.eventstream");
  http::EventStreamDecoder decoder;
  decoder.feed(got.body);
  std::vector<std::string> types;
  for (;;) {
    auto message = decoder.next();
    ASSERT_TRUE(message.has_value());
    if (*message == nullptr) break;
    types.emplace_back((*message)->text(":event-type"));
  }
  EXPECT_TRUE(decoder.finish().has_value());
  ASSERT_GE(types.size(), 4u);
  EXPECT_EQ(types.front(), "messageStart");
  EXPECT_EQ(types[types.size() - 2], "messageStop");
  EXPECT_EQ(types.back(), "metadata");

  Fault fault;
  fault.kind = FaultKind::kWrongCrc;
  ASSERT_TRUE(cloud.faults().add(fault).has_value());
  got = get(converse(cloud, "converse-stream"));
  http::EventStreamDecoder broken;
  broken.feed(got.body);
  bool failed = false;
  for (;;) {
    auto message = broken.next();
    failed = !message.has_value();
    if (failed || *message == nullptr) break;
  }
  EXPECT_TRUE(failed) << "the checksum held";
}

}  // namespace
}  // namespace drover::sim
