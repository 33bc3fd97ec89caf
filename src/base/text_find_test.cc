#include "base/text_find.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
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
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }
bool is_visible(char c) { return c > ' ' && c < 0x7f; }

TEST(TextFind, AgreesWithLookingAtEachByte) {
  SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random.below(round % 2 == 0 ? 70 : 400), 'x');
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

// Where the blocks of 16, 32 and 128 begin and end, with every other byte before and behind it.
TEST(TextFind, FindsAtEveryBorder) {
  for (size_t size = 1; size <= 330; ++size) {
    std::string text(size, 'x');
    for (size_t at = 0; at < size; ++at) {
      for (const char c : {'"', '\\', '\x1f', '\0', ' ', '!', '#', '^', '\x7f', '\x80', '\xff'}) {
        text[at] = c;
        const char* end = text.data() + size;
        ASSERT_EQ(find_json_special(text.data(), end), is_special(c) ? text.data() + at : end)
            << size << " " << at << " " << int{c};
      }
      text[at] = "x\xc3"[at % 2];
    }
  }
}

TEST(TextFind, WhatIsPassedOverAsAsciiIsAscii) {
  for (size_t size = 0; size <= 330; ++size) {
    std::string text(size, '\x7f');
    const char* end = text.data() + size;
    ASSERT_EQ(skip_ascii(text.data(), end), end) << size;
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      ASSERT_LE(skip_ascii(text.data(), end), text.data() + at) << size << " " << at;
      text[at] = '\0';
    }
  }
}

TEST(TextFind, WhatIsCopiedIsWholeAndClean) {
  for (size_t size = 0; size <= 80; ++size) {
    std::string text;
    while (text.size() < size) text.push_back(static_cast<char>('#' + text.size() % 50));
    std::string copy(size + 2, '<');
    ASSERT_TRUE(copy_json_clean(text.data(), size, copy.data() + 1)) << size;
    ASSERT_EQ(copy, "<" + text + "<");
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string other = text;
        other[at] = static_cast<char>(c);
        ASSERT_EQ(copy_json_clean(other.data(), size, copy.data() + 1), !is_special(other[at]))
            << size << " " << at << " " << c;
      }
    }
  }
}

// RFC 8259 section 7, the short forms where there are some.
std::string slow_json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const size_t place = std::string_view("\"\\\n\r\t\b\f").find(c);
    if (place < 7) {
      out += '\\';
      out += "\"\\nrtbf"[place];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char buf[8];
      std::snprintf(buf, sizeof buf, "\\u%04x", c);
      out += buf;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

TEST(TextFind, StringsOfEveryLengthAreEscapedAsByteByByte) {
  SeededRandom random(5);
  for (size_t size = 0; size <= 120; ++size) {
    for (int round = 0; round < 30; ++round) {
      std::string text = random.bytes(size);
      if (round % 3 != 0) {
        for (char& c : text)
          c = static_cast<char>(c | 0x40) == '\\' ? 'x' : static_cast<char>(c | 0x40);
      }
      if (round % 3 == 1 && size > 0) {
        text[random.below(size)] = "\"\\\n\r\t\b\f\x01"[random.below(8)];
      }
      std::string out = "before";
      append_json_string(out, text);
      ASSERT_EQ(out, "before" + slow_json_string(text));
    }
  }
}

TEST(TextFind, KnowsEachByteOfWordsAndOfVisibleText) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (size_t before = 0; before < 40; ++before) {
      const std::string text = std::string(before, 'Z') + c + std::string(before % 20, 'z');
      const char* end = text.data() + text.size();
      const char* at = text.data() + before;
      EXPECT_EQ(find_not_word(text.data(), end), is_word(c) ? end : at) << byte;
      EXPECT_EQ(find_not_visible(text.data(), end), is_visible(c) ? end : at) << byte;
    }
  }
}

TEST(TextFind, NothingIsFoundInNothing) {
  EXPECT_EQ(find_json_special(nullptr, nullptr), nullptr);
  EXPECT_EQ(skip_ascii(nullptr, nullptr), nullptr);
  EXPECT_EQ(find_control(nullptr, nullptr), nullptr);
  EXPECT_EQ(find_not_word(nullptr, nullptr), nullptr);
  EXPECT_EQ(find_not_visible(nullptr, nullptr), nullptr);
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
