#include "session/prompt_tally.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"

namespace drover::session {
namespace {

using contract::Message;
using contract::Role;

std::string json_of(const Message& message) { return contract::to_json(message).dump(); }

TEST(PromptTally, ChainsItsMessagesWheneverItIsAsked) {
  const Message first = Message::of_text(Role::kUser, "one");
  const Message second = Message::of_text(Role::kAssistant, "two");
  const std::string of_first = crypto::sha256_hex(json_of(first));
  const std::string of_both = crypto::sha256_hex(of_first + json_of(second));
  std::vector<Message> messages;
  PromptTally asked;
  asked.count(messages);
  EXPECT_EQ(asked.hash(), "");
  messages.push_back(first);
  asked.count(messages);
  EXPECT_EQ(asked.hash(), of_first);
  asked.count(messages);
  EXPECT_EQ(asked.hash(), of_first) << "each counts once";
  messages.push_back(second);
  asked.count(messages);
  EXPECT_EQ(asked.hash(), of_both);
  EXPECT_EQ(asked.bytes(), static_cast<int64_t>(json_of(first).size() + json_of(second).size()));
  PromptTally late;
  late.count(messages);
  EXPECT_EQ(late.hash(), of_both);
  EXPECT_EQ(late.bytes(), asked.bytes());
}

TEST(PromptTally, GoesOnFromWhatWasKept) {
  std::vector<Message> messages = {Message::of_text(Role::kUser, "one"),
                                   Message::of_text(Role::kAssistant, "two")};
  PromptTally whole;
  whole.count(messages);
  PromptTally kept(messages.size(), whole.hash(), whole.bytes());
  messages.push_back(Message::of_text(Role::kUser, "three"));
  whole.count(messages);
  kept.count(messages);
  EXPECT_EQ(kept.hash(), whole.hash());
  EXPECT_EQ(kept.bytes(), whole.bytes());
}

}  // namespace
}  // namespace drover::session
