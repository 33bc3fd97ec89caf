#include "providers/shorten.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace drover::providers {
namespace {

using contract::Message;
using contract::Role;

Message of(Role role, size_t bytes, const std::string& mark) {
  return Message::of_text(role, mark + std::string(bytes, 'x'));
}

Message calls(const std::vector<std::string>& ids) {
  Message m;
  m.role = Role::kAssistant;
  for (const std::string& id : ids) {
    contract::ToolCall call;
    call.id = id;
    call.name = "look";
    call.arguments = "{}";
    m.tool_calls.push_back(call);
  }
  return m;
}

Message result(const std::string& id, size_t bytes) {
  Message m = of(Role::kTool, bytes, "");
  m.tool_call_id = id;
  return m;
}

int64_t bytes_of(const std::vector<Message>& messages) {
  int64_t out = 0;
  for (const Message& m : messages) out += message_bytes(m);
  return out;
}

/// Every call has its results right behind it, and every result its call.
void expect_whole(const std::vector<Message>& messages) {
  std::set<std::string> open;
  for (const Message& m : messages) {
    if (m.role == Role::kTool) {
      EXPECT_EQ(open.erase(m.tool_call_id), 1u) << "a result without its call";
      continue;
    }
    EXPECT_TRUE(open.empty()) << "a call without its result";
    for (const contract::ToolCall& call : m.tool_calls) open.insert(call.id);
  }
  EXPECT_TRUE(open.empty());
}

TEST(Shorten, WhatFitsIsNotTouched) {
  std::vector<Message> all = {of(Role::kSystem, 100, "s"), of(Role::kUser, 100, "q")};
  std::vector<Message> before = all;
  EXPECT_EQ(shorten(all, 0, 100), 0);
  EXPECT_EQ(all, before);
}

TEST(Shorten, TheOldestTurnsGoWholeAndInstructionsStay) {
  std::vector<Message> all = {of(Role::kSystem, 40, "s")};
  for (int i = 0; i < 6; ++i) {
    std::string id = "c" + std::to_string(i);
    all.push_back(of(Role::kUser, 400, "q" + std::to_string(i)));
    all.push_back(calls({id}));
    all.push_back(result(id, 400));
    all.push_back(of(Role::kAssistant, 400, "a"));
    if (i == 0) all.push_back(of(Role::kDeveloper, 10, "d"));
  }
  int64_t gone = shorten(all, 0, 1000);
  EXPECT_GT(gone, 0);
  EXPECT_EQ(gone % 4, 0) << "whole turns";
  EXPECT_LE(bytes_of(all), 4000);
  EXPECT_EQ(all[0].role, Role::kSystem);
  EXPECT_EQ(all[1].role, Role::kDeveloper) << "instructions stay wherever they stand";
  EXPECT_EQ(all[2].role, Role::kUser);
  EXPECT_EQ(all.back().role, Role::kAssistant);
  expect_whole(all);
}

TEST(Shorten, ALongLastTurnLosesItsOldestCallsAndKeepsItsQuestion) {
  std::vector<Message> all = {of(Role::kSystem, 40, "s"), of(Role::kUser, 40, "the question")};
  for (int i = 0; i < 10; ++i) {
    std::string a = "a" + std::to_string(i), b = "b" + std::to_string(i);
    all.push_back(calls({a, b}));
    all.push_back(result(a, 400));
    all.push_back(result(b, 400));
  }
  EXPECT_GT(shorten(all, 0, 1000), 0);
  EXPECT_LE(bytes_of(all), 4000);
  EXPECT_EQ(all[1].text().substr(0, 12), "the question");
  EXPECT_EQ(all.back().tool_call_id, "b9") << "the newest exchange stays";
  expect_whole(all);
}

TEST(Shorten, WhatMustStayStaysEvenIfItIsTooLong) {
  std::vector<Message> all = {of(Role::kSystem, 9000, "s"), of(Role::kUser, 9000, "q")};
  EXPECT_EQ(shorten(all, 0, 100), 0);
  EXPECT_EQ(all.size(), 2u);
}

TEST(Shorten, TheBeginningStaysTheSameForManyCalls) {
  // Turn after turn is added; the first message that is kept moves rarely, not with each turn.
  std::vector<Message> history = {of(Role::kSystem, 40, "s")};
  std::string first;
  int moved = 0, shortened = 0;
  for (int i = 0; i < 100; ++i) {
    history.push_back(of(Role::kUser, 100, "q" + std::to_string(i) + " "));
    std::vector<Message> sent = history;
    if (shorten(sent, 0, 1000) > 0) ++shortened;
    if (sent[1].text() != first) ++moved;
    first = sent[1].text();
    history.push_back(of(Role::kAssistant, 100, "a"));
  }
  EXPECT_GT(shortened, 70);
  EXPECT_LT(moved, 30) << "in batches";
  EXPECT_GT(moved, 5);
}

TEST(Shorten, AnyConversationStaysWhole) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SeededRandom random(seed);
    std::vector<Message> all;
    if (random.below(2) == 0) all.push_back(of(Role::kSystem, random.below(500), "s"));
    size_t id = 0;
    for (size_t i = random.below(30); i > 0; --i) {
      switch (random.below(4)) {
        case 0:
          all.push_back(of(Role::kUser, random.below(2000), "q"));
          break;
        case 1:
          all.push_back(of(Role::kAssistant, random.below(2000), "a"));
          break;
        case 2:
          all.push_back(of(Role::kDeveloper, random.below(100), "d"));
          break;
        default: {
          std::vector<std::string> ids;
          for (size_t n = 1 + random.below(3); n > 0; --n) {
            ids.push_back(std::to_string(id++));
          }
          all.push_back(calls(ids));
          for (const std::string& one : ids) all.push_back(result(one, random.below(2000)));
        }
      }
    }
    std::vector<Message> before = all;
    int64_t gone = shorten(all, static_cast<int64_t>(random.below(400)), 200 + random.below(2000));
    EXPECT_EQ(all.size() + static_cast<size_t>(gone), before.size());
    expect_whole(all);
    auto count = [](const std::vector<Message>& list, Role role) {
      return std::count_if(list.begin(), list.end(),
                           [&](const Message& m) { return m.role == role; });
    };
    EXPECT_EQ(count(all, Role::kSystem), count(before, Role::kSystem));
    EXPECT_EQ(count(all, Role::kDeveloper), count(before, Role::kDeveloper));
    if (!before.empty()) {
      ASSERT_FALSE(all.empty());
    }
  }
}

}  // namespace
}  // namespace drover::providers
