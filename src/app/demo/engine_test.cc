#include "app/demo/engine.h"

#include <gtest/gtest.h>

#include "app/demo/engine_talk.h"

namespace drover::app {
namespace {

TEST(Engine, ABareAddressMeansItsV1) {
  EXPECT_EQ(engine_url("http://127.0.0.1:8080"), "http://127.0.0.1:8080/v1");
  EXPECT_EQ(engine_url("http://127.0.0.1:8080/"), "http://127.0.0.1:8080/v1");
  EXPECT_EQ(engine_url("http://127.0.0.1:8080/v1/"), "http://127.0.0.1:8080/v1");
  EXPECT_EQ(engine_url("https://models.test/openai"), "https://models.test/openai");
}

TEST(Engine, ReadsWhatAServerOffers) {
  auto offered = offered_models(R"({"object":"list","data":[{"id":"a"},{"id":"b","object":"x"}]})");
  ASSERT_TRUE(offered.has_value());
  EXPECT_EQ(*offered, (std::vector<std::string>{"a", "b"}));
  for (const char* other : {"<html>", "[]", R"({"data":"a"})", R"({"status":"ok"})", ""}) {
    auto none = offered_models(other);
    ASSERT_FALSE(none.has_value()) << other;
    EXPECT_NE(none.error().message.find("OpenAI"), std::string::npos) << none.error().message;
  }
  auto empty = offered_models(R"({"data":[]})");
  ASSERT_FALSE(empty.has_value());
  EXPECT_NE(empty.error().message.find("no model"), std::string::npos);
}

TEST(Engine, ChoosesAModelThatTalksUnlessOneIsNamed) {
  std::vector<std::string> offered = {"nomic-embed-text", "qwen", "llama"};
  EXPECT_EQ(choose_model(offered, "").value(), "qwen");
  EXPECT_EQ(choose_model(offered, "llama").value(), "llama");
  EXPECT_EQ(choose_model(offered, "nomic-embed-text").value(), "nomic-embed-text");
  auto unknown = choose_model(offered, "gpt-4o");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_NE(unknown.error().message.find("qwen, llama"), std::string::npos);
  EXPECT_FALSE(choose_model({"nomic-embed-text"}, "").has_value());
}

EngineTurn answered() {
  EngineTurn turn;
  turn.asked = "Hello";
  turn.answer = "Hi";
  turn.finish_reason = "stop";
  turn.input_tokens = 41;
  turn.output_tokens = 11;
  turn.first_token_us = 120'000;
  turn.took_us = 320'000;
  return turn;
}

TEST(EngineReport, SaysTokensAndPace) {
  EngineTurn turn = answered();
  EXPECT_EQ(turn.figures(), "41 tokens in, 11 out; first token after 120 ms, then 50 tokens/s");
  turn.estimated = true;
  turn.output_tokens = 1;
  turn.first_token_us = 1'250'000;
  turn.finish_reason = "length";
  turn.attempts = 2;
  EXPECT_EQ(turn.figures(),
            "41 tokens in, 1 out (estimated); first token after 1.25 s; cut at its limit of "
            "tokens; asked 2 times");
}

TEST(EngineReport, IsWellOnlyIfEveryQuestionWasAnswered) {
  EngineTalkReport report;
  report.session = "ses_1";
  report.data = "/tmp/x";
  EXPECT_FALSE(report.ok());
  report.turns.push_back(answered());
  EXPECT_TRUE(report.ok());
  EXPECT_NE(report.text().find("1 answer to 1 question;"), std::string::npos) << report.text();
  EXPECT_NE(report.text().find("drover trace ses_1 --data /tmp/x"), std::string::npos);
  report.turns.emplace_back().error = "cut";
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.text().find("1 answer to 2 questions;"), std::string::npos) << report.text();
  report.turns.pop_back();
  report.interrupted = true;
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.text().find("interrupted: 1 answer"), std::string::npos);
}

}  // namespace
}  // namespace drover::app
