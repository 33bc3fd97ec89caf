#include "sim/recorded_model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json_canonical.h"
#include "sim/conversation.h"

namespace drover::sim {
namespace {

using contract::ChatRequest;
using contract::Message;
using contract::Role;

std::vector<Recording> own() {
  auto out = load_recordings(DROVER_SOURCE_DIR "/examples/recordings/rental.jsonl");
  EXPECT_TRUE(out.has_value()) << out.error().to_string();
  return std::move(*out);
}

/// The conversation before message `n`.
ChatRequest before(const Recording& recording, size_t n) {
  ChatRequest out;
  out.messages.assign(recording.messages.begin(),
                      recording.messages.begin() + static_cast<std::ptrdiff_t>(n));
  return out;
}

Result<ModelAnswer> ask_recorded(RecordedModel& model, const ChatRequest& request, bool text = true,
                                 std::string session = "") {
  ModelQuestion question{request, std::move(session), text};
  return model.answer(question);
}

void expect_all_found(RecordedModel& model, size_t answers) {
  size_t found = 0;
  for (const Recording& recording : model.recordings()) {
    for (size_t i = 0; i < recording.messages.size(); ++i) {
      if (recording.messages[i].role != Role::kAssistant) continue;
      auto answer = ask_recorded(model, before(recording, i));
      ASSERT_TRUE(answer.has_value()) << recording.name() << " " << i << answer.error().message;
      EXPECT_EQ(canonical_message(answer->message), canonical_message(recording.messages[i]));
      ++found;
    }
  }
  EXPECT_EQ(found, answers);
  EXPECT_EQ(model.misses(), 0u);
  EXPECT_EQ(model.ambiguous_conversations(), 0u);
}

TEST(RecordedModel, AnswersEveryTurnOfOurRecordings) {
  RecordedModel model(own());
  EXPECT_EQ(model.recordings().size(), 12u);
  expect_all_found(model, 56);
}

TEST(RecordedModel, AnswersEveryTurnOfTheAirlineRecordings) {
  const char* elsewhere = std::getenv("DROVER_SHARED");
  std::string path =
      elsewhere != nullptr ? std::string(elsewhere) + "/data" : DROVER_SOURCE_DIR "/../shared/data";
  path += "/sessions/airline.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "shared: no " << path;
  auto recordings = load_recordings(path);
  ASSERT_TRUE(recordings.has_value()) << recordings.error().to_string();
  RecordedModel model(std::move(*recordings));
  EXPECT_EQ(model.recordings().size(), 150u);
  expect_all_found(model, 1'808);
}

TEST(RecordedModel, AnyDistortionIsAMissThatSaysWhere) {
  RecordedModel model(own());
  const Recording* recording = nullptr;
  for (const Recording& r : model.recordings()) {
    if (r.name() == "compare-towns/0") recording = &r;
  }
  ASSERT_NE(recording, nullptr);
  ChatRequest whole = before(*recording, 7);  // system, user, calls, four results
  ASSERT_TRUE(ask_recorded(model, whole).has_value());

  auto expect_miss = [&](const ChatRequest& request, std::string_view words) {
    auto answer = ask_recorded(model, request);
    ASSERT_FALSE(answer.has_value()) << words;
    EXPECT_EQ(answer.error().reason, "recording_miss");
    EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
  };
  ChatRequest text = whole;
  std::get<contract::TextPart>(text.messages[1].parts[0]).text += " ";
  expect_miss(text, "message 1 of 7 (user) is not as recorded: text differs at byte");
  ChatRequest name = whole;
  name.messages[2].tool_calls[1].name = "list_bike";
  expect_miss(name, "name of tool call 1");
  ChatRequest arguments = whole;
  arguments.messages[2].tool_calls[3].arguments = "{}";
  expect_miss(arguments, "arguments of tool call 3");
  ChatRequest result = whole;
  result.messages[3] = Message::of_text(Role::kTool, "[ ]");
  expect_miss(result, "message 3 of 7 (tool)");
  ChatRequest order = whole;
  std::swap(order.messages[3], order.messages[4]);
  expect_miss(order, "message 3 of 7");
  ChatRequest dropped = whole;
  dropped.messages.erase(dropped.messages.begin() + 6);
  expect_miss(dropped, "no recording has an answer of the model after these 6 messages");
  ChatRequest role = whole;
  role.messages[1].role = Role::kSystem;
  expect_miss(role, "the role is system where user was recorded");
  ChatRequest filled = whole;  // the recorded result is an empty string
  filled.messages[6] = Message::of_text(Role::kTool, " ");
  expect_miss(filled, "message 6 of 7");
  EXPECT_EQ(model.misses(), 8u);
}

TEST(RecordedModel, ArgumentsAreTextOrJsonAsTheDialectHasThem) {
  RecordedModel model(own());
  for (const Recording& recording : model.recordings()) {
    if (recording.name() != "spaced-arguments/0") continue;
    ChatRequest request = before(recording, 4);
    request.messages[2].tool_calls[0].arguments = R"({"days":3,"bike_id":"b-31"})";
    EXPECT_TRUE(ask_recorded(model, request, false).has_value());
    auto exact = ask_recorded(model, request, true);
    ASSERT_FALSE(exact.has_value());
    EXPECT_NE(exact.error().message.find("not the same text"), std::string::npos);
  }
}

TEST(RecordedModel, IdsAndNullTextDoNotCount) {
  RecordedModel model(own());
  for (const Recording& recording : model.recordings()) {
    if (recording.name() != "silent-tool/0") continue;
    ChatRequest request = before(recording, 4);
    request.messages[2].tool_calls[0].id = "other";
    request.messages[3].tool_call_id = "other";
    request.messages[2].empty_text = !request.messages[2].empty_text;
    EXPECT_TRUE(ask_recorded(model, request).has_value());
  }
}

TEST(RecordedModel, TrialsThatPartWaysNeedTheirName) {
  auto recordings = parse_recordings(
      R"({"task_id":1,"trial":0,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})"
      "\n\n"
      R"({"task_id":1,"trial":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}]})");
  ASSERT_TRUE(recordings.has_value());
  RecordedModel model(std::move(*recordings));
  EXPECT_EQ(model.ambiguous_conversations(), 1u);
  ChatRequest request;
  request.messages.push_back(Message::of_text(Role::kUser, "a"));
  auto nobody = ask_recorded(model, request);
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().reason, "recording_ambiguous");
  EXPECT_EQ(ask_recorded(model, request, true, "1/0")->message.text(), "b");
  EXPECT_EQ(ask_recorded(model, request, true, "1/1")->message.text(), "c");
  // The name chooses among what matches; it makes nothing match.
  request.messages[0] = Message::of_text(Role::kUser, "A");
  EXPECT_FALSE(ask_recorded(model, request, true, "1/1").has_value());
}

TEST(Recording, FaultsNameTheirLine) {
  auto none = parse_recordings("");
  EXPECT_FALSE(none.has_value());
  auto bad = parse_recordings("{\"task_id\":1,\"messages\":[]}\n{\"task_id\":2}\n");
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().to_string().find("line 2"), std::string::npos);
  auto twice = parse_recordings("{\"task_id\":1,\"messages\":[]}\n{\"task_id\":1,\"messages\":[]}");
  EXPECT_FALSE(twice.has_value());
}

TEST(Conversation, CanonicalJsonIsByValue) {
  auto canonical = [](std::string_view text) { return canonical_json(*Json::parse(text)); };
  EXPECT_EQ(canonical(R"({"b":1.0,"a":[1e2,null]})"),
            canonical(R"( { "a" : [100, null], "b" : 1 } )"));
  EXPECT_NE(canonical(R"({"a":1})"), canonical(R"({"a":"1"})"));
  EXPECT_NE(canonical(R"([1,2])"), canonical(R"([2,1])"));
  EXPECT_NE(canonical("9007199254740993"), canonical("9007199254740992"));
  EXPECT_NE(canonical("18446744073709551615"), canonical("18446744073709551614"));
  EXPECT_EQ(canonical("0.10"), canonical("0.1"));
}

}  // namespace
}  // namespace drover::sim
