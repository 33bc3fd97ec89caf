// What an OpenAI-like endpoint's calls share, and when it is made anew; what is taken for its
// answer.

#include <gtest/gtest.h>

#include "providers/credentials.h"
#include "providers/endpoint_url.h"
#include "providers/providers_test_fixture.h"

namespace drover::providers {
namespace {

class SharedTargets : public ProvidersTest {
 protected:
  SharedTargets() {
    environment_["KEY"] = "first-canary-key";
    imposter_->script(answer(200, kChat));
    endpoint_.id = "v";
    endpoint_.number = 7;
    endpoint_.provider = "vllm";
    endpoint_.model = "gpt-4o";
    endpoint_.base_url = "http://cloud.test/v1";
    endpoint_.credentials.source = "env:KEY";
  }
  /// The head of what a call sends, up to its length.
  std::string head_of_call(Sink* sink = nullptr) {
    Attempted out = call(endpoint_, openai(sink != nullptr), sink);
    EXPECT_TRUE(out || sink != nullptr) << out.error().error.message;
    std::string text = request();
    return text.substr(0, text.find("Content-Length"));
  }
  catalog::Endpoint endpoint_;
};

/// An answer that is not streamed is no answer to it; what was sent counts.
class NoSink final : public Sink {
 public:
  Task<Result<void>> delta(Context, const contract::StreamDelta&) override {
    co_return Result<void>();
  }
};

constexpr const char* kHead =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: cloud.test\r\n"
    "content-type: application/json\r\naccept: application/json\r\nuser-agent: drover/0.1\r\n"
    "authorization: Bearer first-canary-key\r\n"
    "idempotency-key: ses_1/4\r\nx-drover-attempt: 1\r\n";

TEST_F(SharedTargets, EachCallSaysTheSame) {
  EXPECT_EQ(head_of_call(), kHead);
  EXPECT_EQ(head_of_call(), kHead);
  NoSink sink;
  EXPECT_NE(head_of_call(&sink).find("accept: text/event-stream\r\n"), std::string::npos);
  EXPECT_EQ(head_of_call(), kHead);
}

TEST_F(SharedTargets, AChangedKeyIsSent) {
  EXPECT_EQ(head_of_call(), kHead);
  environment_["KEY"] = "second-canary-key";
  EXPECT_EQ(head_of_call(), kHead) << "it is not read for each call";
  loop_.run_for(Credentials::kReadAgainAfter);
  EXPECT_NE(head_of_call().find("Bearer second-canary-key\r\n"), std::string::npos);
}

TEST_F(SharedTargets, ARefusedKeyIsReadAnew) {
  EXPECT_EQ(head_of_call(), kHead);
  imposter_->only(answer(401, R"({"error":{"message":"no: first-canary-key"}})"));
  Attempted refused = call(endpoint_, openai(false));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.message.find("canary"), std::string::npos)
      << refused.error().error.message;
  environment_["KEY"] = "second-canary-key";
  imposter_->only(answer(200, kChat));
  EXPECT_NE(head_of_call().find("Bearer second-canary-key\r\n"), std::string::npos);
}

TEST_F(SharedTargets, AnotherEndpointInItsPlaceHasItsOwn) {
  EXPECT_EQ(head_of_call(), kHead);
  endpoint_.number = 8;  // as a catalog gives it
  endpoint_.base_url = "http://cloud.test/other/";
  EXPECT_TRUE(head_of_call().starts_with("POST /other/chat/completions HTTP/1.1\r\n"));
  endpoint_.number = 9;
  endpoint_.options["path"] = "/v2/chat";
  EXPECT_TRUE(head_of_call().starts_with("POST /other/v2/chat HTTP/1.1\r\n"));
  endpoint_.number = 0;  // in no catalog, it may change
  endpoint_.options["project"] = "p-1";
  EXPECT_NE(head_of_call().find("OpenAI-Project: p-1\r\n"), std::string::npos);
}

TEST(EndpointTargets, GoWhenNoCallUsesThem) {
  EndpointTargets targets;
  const SecretPtr key = SecretPtr::make(Secret("canary-key"));
  const MonoTime start{1s};
  catalog::Endpoint old;
  old.number = 1;
  targets.at(old, key, false, start) = TargetPtr::make();
  catalog::Endpoint in_use;
  in_use.number = 2;
  const TargetPtr kept = TargetPtr::make();
  targets.at(in_use, key, false, start) = kept;
  const MonoTime later = start + EndpointTargets::kKeptUnused;
  EXPECT_EQ(targets.at(in_use, key, false, later - 1s).get(), kept.get());
  EXPECT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets.at(in_use, key, false, later).get(), kept.get());
  EXPECT_EQ(targets.size(), 1u);
  EXPECT_EQ(targets.at(old, key, false, later).get(), nullptr);
  const SecretPtr changed = SecretPtr::make(Secret("other-canary-key"));
  EXPECT_EQ(targets.at(in_use, changed, false, later).get(), nullptr);
}

TEST_F(SharedTargets, HeadersOfItsOwnReplaceOthers) {
  endpoint_.options["header:Accept"] = "application/x-json";
  endpoint_.options["header:X-Drover-Attempt"] = "none";
  endpoint_.options["header:X-Pool"] = "blue";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(head_of_call(),
              "POST /v1/chat/completions HTTP/1.1\r\nHost: cloud.test\r\n"
              "content-type: application/json\r\naccept: application/x-json\r\n"
              "user-agent: drover/0.1\r\nauthorization: Bearer first-canary-key\r\n"
              "idempotency-key: ses_1/4\r\nx-drover-attempt: none\r\nX-Pool: blue\r\n");
  }
}

TEST_F(SharedTargets, WhatSaysThatItIsJsonIsAnAnswerThatIsNotStreamed) {
  for (const char* type : {"application/json", "application/json; charset=utf-8",
                           "Application/JSON", " application/problem+json ;a=b", ""}) {
    imposter_->only(answer(200, kChat, "", type));
    EXPECT_TRUE(call(endpoint_, openai(false))) << type;
  }
  for (const char* type :
       {"application/jsonl", "application/json, text/html", "text/event-stream"}) {
    imposter_->only(answer(200, kChat, "", type));
    Attempted out = call(endpoint_, openai(false));
    ASSERT_FALSE(out) << type;
    EXPECT_EQ(out.error().error.reason, "wrong_content_type") << type;
  }
  imposter_->only(answer(200, kChat, "", "application/json"));
  NoSink sink;
  Attempted streamed = call(endpoint_, openai(true), &sink);
  ASSERT_FALSE(streamed);
  EXPECT_EQ(streamed.error().error.reason, "wrong_content_type");
}

}  // namespace
}  // namespace drover::providers
