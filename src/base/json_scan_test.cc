#include "base/json_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"

namespace drover {
namespace {

/// JSON as nobody but a test writes it: names and numbers of all sizes, white space anywhere.
class ScannedJson {
 public:
  explicit ScannedJson(uint64_t seed) : random_(seed) {}
  std::string make() {
    std::string out = value(4);
    // Most of them are spoilt afterwards, so that each branch that refuses is met.
    for (uint64_t n = random_.below(3); n > 0 && !out.empty(); --n) spoil(out);
    return out;
  }
  uint64_t below(uint64_t n) { return random_.below(n); }

 private:
  std::string space() {
    constexpr const char* kSpaces[] = {"", "", "", " ", " ", "\n  ", "\t\r"};
    return kSpaces[random_.below(std::size(kSpaces))];
  }
  std::string text() {
    constexpr const char* kParts[] = {"\\n",      "\\\"", "\\u00e9", "\\ud83d\\ude00",
                                      "\xc3\xa9", "{",    " ",       "!"};
    std::string out = "\"";
    const uint64_t size = random_.below(4) == 0 ? random_.below(200) : random_.below(40);
    const bool plain = random_.below(3) > 0;
    for (uint64_t i = 0; i < size; ++i) {
      out += plain || random_.below(9) > 0 ? "k" : kParts[random_.below(std::size(kParts))];
    }
    return out + "\"";
  }
  std::string scalar() {
    constexpr const char* kWords[] = {
        "true", "false", "null", "0",   "-0",   "01", "-7",   "1.5",   "1e5",    "1e400", "1.",
        "-",    "1e+",   ".5",   "2E2", "truE", "-x", "1e-9", "12.50", "1e-400", "9.9E+1"};
    if (random_.below(3) == 0) return text();
    if (random_.below(3) == 0) return std::string(1 + random_.below(30), '7');
    return kWords[random_.below(std::size(kWords))];
  }
  std::string value(int depth) {
    if (depth == 0 || random_.below(4) == 0) return scalar();
    const bool object = random_.below(2) == 0;
    std::string out = (object ? "{" : "[") + space();
    for (uint64_t i = 0, n = random_.below(5); i < n; ++i) {
      if (i > 0) out += space() + "," + space();
      if (object) out += text() + space() + ":" + space();
      out += value(depth - 1);
    }
    return out + space() + (object ? "}" : "]");
  }
  void spoil(std::string& out) {
    constexpr std::string_view kBytes("\"\\{}[]:, 0e.-t\n\x01\x7f\0", 18);
    const size_t at = random_.below(out.size());
    const char byte = kBytes[random_.below(kBytes.size())];
    switch (random_.below(3)) {
      case 0:
        out[at] = byte;
        break;
      case 1:
        out.erase(at, 1 + random_.below(3));
        break;
      default:
        out.insert(at, 1, byte);
    }
  }
  SeededRandom random_;
};

/// What the scanner reads, as a tree: some of it entered, some passed over and read by the parser.
Json scanned(JsonScanner& scan, std::string_view text, ScannedJson& choice, int depth) {
  const char first = scan.peek();
  const size_t begin = scan.offset();
  if (first == '{' && depth < 4 && choice.below(4) > 0) {
    Json out = Json::object();
    std::string_view key;
    scan.enter_object();
    while (scan.next_key(key)) {
      std::string name(key);
      Json value = scanned(scan, text, choice, depth + 1);
      out.members()->emplace_back(std::move(name), std::move(value));
    }
    return out;
  }
  if (first == '[' && depth < 4 && choice.below(4) > 0) {
    Json out = Json::array();
    scan.enter_array();
    while (scan.next_item()) out.push(scanned(scan, text, choice, depth + 1));
    return out;
  }
  if (first == '"' && choice.below(2) == 0) {
    std::string out;
    scan.read_string(out);
    return Json(out);
  }
  if (!scan.skip_value()) return Json();
  return Json::parse(text.substr(begin, scan.offset() - begin)).value_or(Json("refused"));
}

TEST(JsonScanner, ReadsAndRefusesWhatTheParserDoes) {
  ScannedJson make(5);
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    // As large as it is: who looks beyond its end is found by the sanitizers.
    const std::string made = make.make();
    const std::vector<char> bytes(made.begin(), made.end());
    const std::string_view text(bytes.data(), bytes.size());
    if (!is_utf8_fast(text)) continue;  // the caller's to check
    const Result<Json> tree = Json::parse(text);
    JsonScanner whole(text);
    const bool passed = whole.skip_value() && whole.finish().has_value();
    ASSERT_EQ(passed, tree.has_value()) << text;
    JsonScanner scan(text);
    const Json got = scanned(scan, text, make, 0);
    ASSERT_EQ(scan.finish().has_value(), tree.has_value()) << text;
    if (!tree) continue;
    ASSERT_EQ(got.dump(), tree->dump()) << text;
    ++read;
  }
  EXPECT_GT(read, 3'000);
}

TEST(JsonScanner, NamesTheByteThatIsWrong) {
  const std::string padding(60, ' ');
  const std::pair<const char*, const char*> kFaults[] = {
      {R"({"a" 1})", "near byte 5: a colon was expected"},
      {R"({"a":1 "b":2})", "near byte 7: a comma or } was expected"},
      {R"({"a":1,,"b":2})", "near byte 7: a key was expected"},
      {R"({"a":1,})", "near byte 7: a key was expected"},
      {R"({,"a":1})", "near byte 1: a key was expected"},
      {R"({"a":})", "near byte 5: a value was expected"},
      {R"({"a": )", "near byte"},
  };
  for (const auto& [text, what] : kFaults) {
    // With and without enough behind it for the names to be read quickly.
    for (const std::string& whole : {text + padding, std::string(text)}) {
      JsonScanner scan(whole);
      std::string_view key;
      scan.enter_object();
      while (scan.next_key(key)) scan.skip_value();
      ASSERT_FALSE(scan.finish()) << whole;
      EXPECT_NE(scan.error().message.find(what), std::string::npos) << scan.error().message;
    }
  }
}

TEST(JsonScanner, AViewOfATextHoldsUntilTheNextCall) {
  JsonScanner scan(R"({"a\n":"b\t","c":"d"})");
  std::string_view text;
  ASSERT_TRUE(scan.enter_object());
  ASSERT_TRUE(scan.next_key(text));
  EXPECT_EQ(text, "a\n");
  ASSERT_TRUE(scan.read_string(text));
  EXPECT_EQ(text, "b\t");
  ASSERT_TRUE(scan.next_key(text));
  ASSERT_TRUE(scan.read_string(text));
  EXPECT_EQ(text, "d");
  EXPECT_FALSE(scan.next_key(text));
  EXPECT_TRUE(scan.finish());
}

TEST(JsonScanner, EntersAndReadsWhatIsOfTheKindAndPassesOverTheRest) {
  const std::string body =
      R"({"a":"x\u00e9\n","b":"plain","c":{"d":[1,"e"]},"f":7,"g":[],"h":null})";
  JsonScanner scan(body);
  std::string_view key;
  JsonText text;
  ASSERT_TRUE(scan.enter_if_object() && scan.next_key(key));
  ASSERT_TRUE(scan.read_if_text(text));
  EXPECT_TRUE(text.escaped);
  EXPECT_EQ(text, "x\xc3\xa9\n");
  std::string copy = "before";
  text.copy_to(copy);
  EXPECT_EQ(copy, "x\xc3\xa9\n");
  ASSERT_TRUE(scan.next_key(key) && scan.read_if_text(text));
  EXPECT_FALSE(text.escaped);
  EXPECT_EQ(text.inside.data(), body.data() + body.find("plain"));
  text.copy_to(copy);
  EXPECT_EQ(copy, "plain");
  ASSERT_TRUE(scan.next_key(key));
  EXPECT_FALSE(scan.read_if_text(text));  // an object
  ASSERT_TRUE(scan.next_key(key));
  EXPECT_EQ(key, "f");
  EXPECT_FALSE(scan.enter_if_object());
  ASSERT_TRUE(scan.next_key(key));
  ASSERT_TRUE(scan.enter_if_array());
  EXPECT_FALSE(scan.next_item());
  ASSERT_TRUE(scan.next_key(key));
  EXPECT_FALSE(scan.enter_if_array());
  EXPECT_FALSE(scan.next_key(key));
  EXPECT_TRUE(scan.finish());
  EXPECT_EQ(text, "plain") << "of another kind nothing is read";
}

TEST(JsonScanner, ReadsNamesAndValuesAtTheVeryEnd) {
  for (size_t letters = 0; letters <= 40; ++letters) {
    const std::string name(letters, 'n');
    for (const std::string value : {"1", "\"\"", "\"text\"", "null", "true", "false", "-1.5"}) {
      for (const size_t behind : {0, 1, 5, 15, 16, 40}) {
        for (const char* colon : {":", ": ", " : "}) {
          const std::string rest = value + "}" + std::string(behind, ' ');
          // Of its own size on the heap, so that a checked build sees what is read beyond it.
          const std::string whole = "{\"" + name + "\"" + colon + rest;
          const std::vector<char> bytes(whole.begin(), whole.end());
          JsonScanner scan(std::string_view(bytes.data(), bytes.size()));
          std::string_view key;
          ASSERT_TRUE(scan.enter_object() && scan.next_key(key)) << whole;
          EXPECT_EQ(key, name);
          ASSERT_TRUE(scan.skip_value()) << whole;
          EXPECT_FALSE(scan.next_key(key));
          EXPECT_TRUE(scan.finish()) << whole;
          JsonScanner over(std::string_view(bytes.data(), bytes.size()));
          EXPECT_TRUE(over.skip_value() && over.finish()) << whole;
        }
      }
    }
  }
}

TEST(JsonScanner, ReadsShortCountsAndNothingElse) {
  const std::pair<const char*, int64_t> kCounts[] = {
      {"0", 0}, {"7", 7}, {"230", 230}, {"999999999", 999'999'999}};
  const char* kOthers[] = {"01",   "-1",         "1.0",   "1e3", "1E3",  "1000000000",
                           "0000", "9999999999", "\"1\"", "{}",  "null", "x"};
  for (const size_t behind : {0, 1, 8, 9, 10, 40}) {
    const std::string rest(behind, ' ');
    for (const auto& [text, count] : kCounts) {
      const std::string whole = " [ " + std::string(text) + "," + text + "]" + rest;
      JsonScanner scan(whole);
      ASSERT_TRUE(scan.enter_array() && scan.next_item());
      EXPECT_EQ(scan.read_short_count(), count) << whole;
      ASSERT_TRUE(scan.next_item());
      EXPECT_EQ(scan.read_short_count(), count) << whole;
      EXPECT_FALSE(scan.next_item());
      EXPECT_TRUE(scan.finish()) << whole;
    }
    for (const char* text : kOthers) {
      const std::string whole = std::string(text) + rest;
      JsonScanner scan(whole);
      EXPECT_EQ(scan.read_short_count(), std::nullopt) << whole;
      EXPECT_EQ(scan.offset(), 0u) << whole;
      EXPECT_FALSE(scan.failed()) << whole;
    }
  }
  JsonScanner behind_space(" 12 ");
  EXPECT_EQ(behind_space.read_short_count(), std::nullopt);
  EXPECT_TRUE(behind_space.skip_value() && behind_space.finish());
  JsonScanner scan("12");
  EXPECT_EQ(scan.read_short_count(), std::nullopt) << "there may be more of it";
  EXPECT_TRUE(scan.skip_value() && scan.finish());
}

TEST(JsonScanner, PassesOverNumbersAsTheParserDoes) {
  const std::string kNumbers[] = {"0",
                                  "-0",
                                  "10",
                                  "-7",
                                  "0.2",
                                  "-0.5",
                                  "12.50",
                                  "1.",
                                  ".5",
                                  "-.5",
                                  "00",
                                  "01",
                                  "-01",
                                  "-",
                                  "1.2.3",
                                  "1..2",
                                  "1-2",
                                  "1e5",
                                  "1.5e",
                                  "1E9",
                                  "1.5E-3",
                                  "1e400",
                                  "123456789",
                                  "1234567890.12345",
                                  "1.0x",
                                  "1.2e400",
                                  "1e-400",
                                  std::string(400, '9') + "e-5",
                                  std::string(400, '9') + "E-300",
                                  "--1",
                                  "+1",
                                  "1.-",
                                  "0.0001",
                                  std::string(15, '8'),
                                  std::string(16, '8'),
                                  std::string(17, '8'),
                                  std::string(13, '8') + ".25",
                                  std::string(14, '8') + ".2",
                                  std::string(14, '8') + ".",
                                  std::string(400, '9')};
  for (const std::string& number : kNumbers) {
    for (const size_t behind : {0, 1, 15, 16, 17, 18, 40}) {
      const std::string whole = "[" + number + "]" + std::string(behind, ' ');
      JsonScanner scan(whole);
      const bool read = scan.enter_array() && scan.next_item() && scan.skip_value() &&
                        !scan.next_item() && scan.finish().has_value();
      EXPECT_EQ(read, Json::parse(whole).has_value()) << whole;
    }
  }
}

TEST(JsonScanner, AfterAFaultThereIsNothingToRead) {
  JsonScanner scan(
      R"({"a": x, "b": {"c": 1}, "d": 2, "e": 3, "f": "0123456789012345678901234567890"})");
  std::string_view text;
  ASSERT_TRUE(scan.enter_object());
  ASSERT_TRUE(scan.next_key(text));
  EXPECT_FALSE(scan.skip_value());
  EXPECT_EQ(scan.peek(), 0);
  EXPECT_FALSE(scan.next_key(text));
  EXPECT_FALSE(scan.enter_object());
  EXPECT_FALSE(scan.enter_array());
  EXPECT_FALSE(scan.next_item());
  EXPECT_FALSE(scan.read_string(text));
  EXPECT_EQ(scan.read_short_count(), std::nullopt);
  EXPECT_FALSE(scan.finish());
  EXPECT_NE(scan.error().message.find("near byte 6: a value was expected"), std::string::npos)
      << scan.error().message;
}

TEST(JsonScanner, PassesOverObjectsAndNothingElse) {
  const std::string deep = "[" + std::string(limits::kJsonDepthMax - 2, '[');
  const std::string deep_end = std::string(limits::kJsonDepthMax - 2, ']') + "]";
  for (const std::string& text :
       {std::string("{}"), std::string(" { } "), std::string(R"({"a":[1,{"b":"]}"}],"c" : null})"),
        R"({"a":)" + deep + deep_end + "}"}) {
    JsonScanner scan(text);
    EXPECT_TRUE(scan.skip_object() && scan.finish()) << text;
  }
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("1"), std::string("\"{}\""), std::string("{"),
        std::string("{]"), std::string(R"({"a":[})"), std::string(R"({"a":1]})"),
        R"({"a":[)" + deep + deep_end + "]}"}) {
    JsonScanner scan(text);
    EXPECT_FALSE(scan.skip_object()) << text;
    EXPECT_TRUE(scan.failed()) << text;
  }
}

TEST(JsonScanner, PassesOverIndentationOfEveryDepth) {
  for (size_t spaces = 0; spaces <= 40; ++spaces) {
    for (const size_t behind : {0, 15, 16, 40, 55, 56, 57, 100}) {
      for (const char* line : {"\n", "\r\n", "\n\n\t"}) {
        const std::string indent = line + std::string(spaces, ' ');
        const std::string whole = "{" + indent + "\"a\":" + indent + "[" + indent + "1," + indent +
                                  "{" + indent + "\"x\": 2" + indent + "}]," + indent +
                                  "\"b\": \"text\"" + indent + "}" + std::string(behind, ' ');
        JsonScanner scan(whole);
        std::string_view text;
        ASSERT_TRUE(scan.enter_object() && scan.next_key(text)) << whole;
        EXPECT_EQ(text, "a");
        ASSERT_TRUE(scan.skip_value() && scan.next_key(text)) << whole;
        EXPECT_EQ(text, "b");
        ASSERT_TRUE(scan.read_string(text)) << whole;
        EXPECT_EQ(text, "text");
        EXPECT_FALSE(scan.next_key(text));
        EXPECT_TRUE(scan.finish()) << whole;
      }
    }
  }
}

TEST(Utf8, IsCheckedFromTheFirstByteThatIsNoAscii) {
  for (size_t before = 0; before <= 280; ++before) {
    const std::string ascii(before, 'a');
    for (const size_t behind : {0, 1, 15, 16, 200}) {
      const std::string rest(behind, 'b');
      EXPECT_TRUE(is_utf8_fast(ascii + rest));
      EXPECT_TRUE(is_utf8_fast(ascii + "\xc3\xa9" + rest)) << before;
      EXPECT_TRUE(is_utf8_fast(ascii + "\xf0\x9f\x98\x80" + rest)) << before;
      EXPECT_FALSE(is_utf8_fast(ascii + "\xa9" + rest)) << before;
      EXPECT_FALSE(is_utf8_fast(ascii + "\xc3" + rest)) << before;
      EXPECT_FALSE(is_utf8_fast(ascii + "\xed\xa0\x80" + rest)) << before;
      EXPECT_FALSE(is_utf8_fast(ascii + "\xc3\xa9" + rest + "\xff")) << before;
    }
  }
}

}  // namespace
}  // namespace drover
