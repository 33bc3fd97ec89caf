#include "contract/validate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace drover::contract {
namespace {

const std::filesystem::path kVectors = DROVER_SOURCE_DIR "/contract/vectors/events";

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

TEST(EventVectors, GoodExportsPassAndComeBackByteForByte) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kVectors)) {
    if (!entry.path().filename().string().starts_with("good")) continue;
    ++files;
    std::string text = slurp(entry.path());
    auto checked = check_export(text);
    ASSERT_TRUE(checked) << entry.path() << ": " << checked.error().message;
    std::string again;
    for (const std::string& line : lines_of(text)) {
      again += encode_event(*decode_event(line)) + "\n";
    }
    EXPECT_EQ(again, text) << entry.path();
  }
  EXPECT_GE(files, 3);
}

TEST(EventVectors, BadLinesAreRefused) {
  for (const char* name : {"bad.jsonl", "bad-not-json.txt"}) {
    std::vector<std::string> lines = lines_of(slurp(kVectors / name));
    ASSERT_GE(lines.size(), 5u);
    for (const std::string& line : lines) {
      auto event = decode_event(line);
      if (!event) {
        EXPECT_FALSE(event.error().message.empty());
        continue;
      }
      auto valid = validate_event(*event);
      EXPECT_FALSE(valid) << line;
      if (!valid) {
        EXPECT_EQ(valid.error().reason, "invalid_event");
      }
    }
  }
}

TEST(EventVectors, EveryKindHasAGoodVector) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(kVectors)) {
    if (entry.path().filename().string().starts_with("good")) all += slurp(entry.path());
  }
  for (const auto& entry : std::filesystem::directory_iterator(kVectors / "../../schemas/kinds")) {
    std::string kind = entry.path().stem().stem().string();
    EXPECT_TRUE(is_known_kind(kind)) << kind;
    EXPECT_NE(all.find("\"kind\":\"" + kind + "\""), std::string::npos) << kind;
  }
}

TEST(Export, NamesTheLineAtFault) {
  std::string text = slurp(kVectors / "good-session.jsonl");
  std::vector<std::string> lines = lines_of(text);
  std::string gap = lines[0] + "\n" + lines[2] + "\n";
  EXPECT_NE(check_export(gap).error().message.find("line 2: sequence 3"), std::string::npos);
  std::string other = slurp(kVectors / "good-kinds.jsonl");
  std::string mixed = lines[0] + "\n" + lines_of(other)[1] + "\n";
  EXPECT_NE(check_export(mixed).error().message.find("another session"), std::string::npos);
  EXPECT_FALSE(check_export(""));
  EXPECT_FALSE(check_export("\n\n"));
}

}  // namespace
}  // namespace drover::contract
