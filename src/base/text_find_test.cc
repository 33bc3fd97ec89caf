#include "base/text_find.h"

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "base/random.h"

namespace drover {
namespace {

bool is_special(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }
bool is_control(char c) {
  unsigned char u = static_cast<unsigned char>(c);
  return (u < 0x20 && c != '\t') || u == 0x7f;
}

TEST(TextFind, AgreesWithLookingAtEachByte) {
  SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random.below(70), 'x');
    for (char& c : text) c = static_cast<char>(random.below(256) | 0x80);
    for (uint64_t n = random.below(3); n > 0 && !text.empty(); --n) {
      text[random.below(text.size())] = static_cast<char>(random.below(128));
    }
    const char* end = text.data() + text.size();
    const char* special = text.data();
    while (special < end && !is_special(*special)) ++special;
    ASSERT_EQ(find_json_special(text.data(), end), special) << text;
    const char* control = text.data();
    while (control < end && !is_control(*control)) ++control;
    ASSERT_EQ(find_control(text.data(), end), control) << text;
  }
}

TEST(TextFind, NothingIsFoundInNothing) {
  EXPECT_EQ(find_json_special(nullptr, nullptr), nullptr);
  EXPECT_EQ(find_control(nullptr, nullptr), nullptr);
}

TEST(TextFind, EscapesStandWhereverTheyAre) {
  for (size_t before = 0; before < 40; ++before) {
    std::string text = std::string(before, 'a') + "\"\\\n\x01" + std::string(before, 'b');
    std::string out;
    append_json_string(out, text);
    auto back = Json::parse(out);
    ASSERT_TRUE(back) << out;
    EXPECT_EQ(*back->string(), text);
  }
}

}  // namespace
}  // namespace drover
