#include "base/yaml_flow.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace drover {
namespace {

std::string yaml_fault(std::string_view text) {
  auto doc = YamlDocument::parse(text);
  return doc ? "" : doc.error().message;
}

TEST(YamlFlow, WhatIsNotClosedIsNamedWithItsLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"endpoints:\n  - {id: a, model: m\n  - {id: b}\n", "; the '{' of line 2 is not closed"},
      {"policy:\n  classes: {x: {residency: de}\n  floor: {sensitivity: internal}\n",
       "; the '{' of line 2 is not closed"},
      {"a: [1\nb: 2\n", "; the '[' of line 1 is not closed"},
      {"a: {b:\n  [1,\n  2}\n", "; the '[' of line 2 is not closed"},
      {"a: {x: \"}\", y: [1}\n", "; the '[' of line 1 is not closed"},
      {"a: {x: 1  # }\nb: 2\n", "; the '{' of line 1 is not closed"},
      {"a: [{x: 1]\nb: [2]\n", "; the '{' of line 1 is not closed"},
      // Of these the parser says nothing that tells of a bracket.
      {"endpoints:\n  - id: a\n    facts: {retention: none,\n  - id: b\n    model: m\n",
       "; the '{' of line 3 is not closed"},
      {"endpoints:\n  - id: a\n    facts: {zone: de,\n             retention: none\n  - id: b\n",
       "; the '{' of line 3 is not closed"}};
  for (const auto& [text, says] : cases) {
    EXPECT_TRUE(yaml_fault(text).ends_with(says)) << text << yaml_fault(text);
  }
}

TEST(YamlFlow, AnEndTooManyIsNotAnotherBracketThatIsNotClosed) {
  const std::pair<const char*, const char*> cases[] = {
      {"e:\n  - {a: 1, b: [1, 2]]}\n  - {c: 1}\n", "; the ']' of line 2 has no '['"},
      {"e: [{a: [1]]}]\n", "; the ']' of line 1 has no '['"},
      {"e: [{a: 1}},\n  {b: 2}]\n", "; the '}' of line 1 has no '{'"},
      {"e: {a: 1]\nb: 2\n", "; the ']' of line 1 has no '['"},
      // With nothing open around it.
      {"a: 1\ne: [1, 2]]\nb: 2\n", "; the ']' of line 2 has no '['"},
      {"e: {a: {b: 1}}}  # one too many\n", "; the '}' of line 1 has no '{'"},
      {"e: [\n  {a: 1},\n]\n\n]\n", "; the ']' of line 5 has no '['"},
      {"e:\n  - {a: [1, 2]}]\n  - {c: 1}\n", "; the ']' of line 2 has no '['"},
      {"e: \"x\"}\n", "; the '}' of line 1 has no '{'"}};
  for (const auto& [text, says] : cases) {
    EXPECT_TRUE(yaml_fault(text).ends_with(says)) << text << yaml_fault(text);
  }
}

TEST(YamlFlow, NothingIsSaidOfOtherFaultsAndOfText) {
  for (const char* text :
       {"a: {b: c d: e}\n", "x: {a: 1}}\n", "a: 1\na: 2\n", "text: |\n  {of [its own\nx: {a: 1}}\n",
        "a: see {b\nx: {a: 1}}\n", "a: 'it''s {'\nx: {a: \"\\\"[\"}}\n", "a: b] c}\nb: 1\nb: 2\n",
        "a: [1]\nb: c]\nb: 2\n", "a: 'it''s]'\na: 1\n"}) {
    EXPECT_FALSE(yaml_fault(text).empty()) << text;
    EXPECT_EQ(yaml_fault(text).find("is not closed"), std::string::npos) << yaml_fault(text);
  }
  // Of text, and of what stands behind the fault.
  EXPECT_EQ(about_open_flow("a: b] c}\nd: 'it''s]'\ne: [1] # ]\n", 3), "");
  EXPECT_EQ(about_open_flow("a: [1]]\nb: [2]]\n", 0), "");
  EXPECT_EQ(about_open_flow("a: {b: [c, {d: e}]}\nf: 'x'\n", 2), "");
  EXPECT_EQ(about_open_flow("a: [\nb: {\n", 1), "; the '[' of line 1 is not closed");
}

}  // namespace
}  // namespace drover
