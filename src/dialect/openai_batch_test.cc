#include "dialect/openai_batch.h"

#include <gtest/gtest.h>

namespace drover::dialect {
namespace {

TEST(OpenAiBatch, ALineHoldsTheRequestAsItIs) {
  std::string out;
  append_batch_line(out, "ses_1/7/batch", "/v1/chat/completions", R"({"model":"m"})");
  append_batch_line(out, "a\"b", "/chat/completions", "{}");
  EXPECT_EQ(out, R"({"custom_id":"ses_1/7/batch","method":"POST","url":"/v1/chat/completions",)"
                 R"("body":{"model":"m"}})"
                 "\n"
                 R"({"custom_id":"a\"b","method":"POST","url":"/chat/completions","body":{}})"
                 "\n");
}

TEST(OpenAiBatch, AnOrderCarriesOurKeyAndABatchBringsItBack) {
  auto order = Json::parse(encode_batch_order("file-1", "/v1/chat/completions", "k"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->get_string("completion_window"), "24h");
  EXPECT_EQ(order->at("metadata", kBatchKeyName)->dump(), "\"k\"");
  auto read = read_batch(*Json::parse(
      R"({"id":"batch_1","status":"expired","input_file_id":"file-1","output_file_id":"file-2",)"
      R"("error_file_id":null,"metadata":{"drover_batch":"k"},)"
      R"("request_counts":{"total":3,"completed":2,"failed":1},)"
      R"("errors":{"data":[{"code":"c","message":"why","line":4}]}})"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->state, BatchState::kExpired);
  EXPECT_EQ(read->key, "k");
  EXPECT_EQ(read->output_file, "file-2");
  EXPECT_EQ(read->error_file, "");
  EXPECT_EQ(read->completed, 2);
  EXPECT_EQ(read->fault, "c: why (line 4)");
  EXPECT_EQ(read_batch(*Json::parse(R"({"id":"b","status":"new_word"})"))->state, BatchState::kOpen)
      << "asked again later";
  EXPECT_FALSE(read_batch(*Json::parse(R"({"status":"completed"})")));
}

TEST(OpenAiBatch, OneBadLineSpoilsNoOther) {
  const std::string good =
      R"({"custom_id":"a","response":{"status_code":200,"request_id":"r1","body":{"id":"c1",)"
      R"("object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop",)"
      R"("message":{"role":"assistant","content":"hi"}}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}},"error":null})";
  const std::string file =
      good + "\n\nno json\n{\"custom_id\":\"\"}\n" +
      R"({"custom_id":"b","response":{"status_code":429,"body":{"error":{"message":"slow down",)"
      R"("code":"rate_limit_exceeded"}}},"error":null})" +
      "\n" +
      R"({"custom_id":"c","response":null,"error":{"code":"batch_expired","message":"too late"}})" +
      "\n" + R"({"custom_id":"d"})";
  const BatchLines read = read_batch_lines(file, openai());
  EXPECT_EQ(read.unreadable, 2u);
  ASSERT_EQ(read.lines.size(), 4u);
  ASSERT_TRUE(read.lines[0].answer) << read.lines[0].answer.error().message;
  EXPECT_EQ(read.lines[0].answer->message.text(), "hi");
  EXPECT_EQ(read.lines[0].answer->usage.input_tokens, 3);
  EXPECT_EQ(read.lines[1].custom_id, "b");
  EXPECT_EQ(read.lines[1].answer.error().code, Code::kResourceExhausted);
  EXPECT_EQ(read.lines[2].answer.error().reason, "batch_expired");
  EXPECT_FALSE(read.lines[3].answer);
}

}  // namespace
}  // namespace drover::dialect
