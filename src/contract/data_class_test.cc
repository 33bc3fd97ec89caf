#include "contract/data_class.h"

#include <gtest/gtest.h>

#include "base/limits/data_class.h"
#include "base/random.h"

namespace drover::contract {
namespace {

DataClass parsed(std::string_view text) {
  auto out = DataClass::parse(text);
  EXPECT_TRUE(out) << text << ": " << (out ? "" : out.error().message);
  return out.value_or(DataClass());
}

DataClass from(const std::string& json) {
  auto out = DataClass::from_json(*Json::parse(json));
  EXPECT_TRUE(out) << json << ": " << (out ? "" : out.error().message);
  return out.value_or(DataClass());
}

/// Any class, from small sets of words so that joins meet.
DataClass some_class(Random& random) {
  const char* zones[] = {"de", "fr", "eu", "us"};
  const char* purposes[] = {"care", "billing", "research"};
  DataClass out;
  for (uint64_t n = random.below(3); n > 0; --n) {
    DataClass::Clause clause;
    for (uint64_t m = 1 + random.below(2); m > 0; --m) clause.push_back(zones[random.below(4)]);
    DataClass one = parsed("residency=" + clause.front() + "|" + clause.back());
    out = join(out, one);
  }
  out.sensitivity = static_cast<Sensitivity>(random.below(4));
  if (random.below(2) == 0) {
    out.purposes.emplace();
    for (const char* p : purposes) {
      if (random.below(2) == 0) out.purposes->push_back(p);
    }
    std::sort(out.purposes->begin(), out.purposes->end());
  }
  out.usage = static_cast<uint8_t>(random.below(8));
  const int64_t keeps[] = {kKeepNone, kKeepSession, 86400, kKeepUnlimited};
  out.keep_s = keeps[random.below(4)];
  if (random.below(3) == 0) out = join(out, parsed("retention=3h"));
  if (random.below(4) == 0) out.names.push_back("named");
  return out;
}

TEST(DataClass, IsReadAndWrittenInOneForm) {
  const char* text =
      "patient;residency=de|fr&eu;sensitivity=confidential;purpose=billing|care;"
      "usage=no-training,no-cache;retention=30d";
  DataClass data = parsed(text);
  EXPECT_EQ(data.text(), text);
  EXPECT_EQ(data.residency.size(), 2u);
  EXPECT_EQ(data.sensitivity, Sensitivity::kConfidential);
  EXPECT_EQ(data.keep_s, 30 * 86400);
  EXPECT_EQ(parsed(" residency=de ; retention=none ").text(), "residency=de;retention=none");
}

TEST(DataClass, OfNothingIsNoText) {
  EXPECT_EQ(DataClass().text(), "");
  EXPECT_TRUE(parsed("").unrestricted());
  EXPECT_TRUE(parsed("sensitivity=public;retention=unlimited").unrestricted());
}

TEST(DataClass, OfLowRiskIsWhatIsBoundToNothing) {
  EXPECT_TRUE(parsed("").low_risk());
  EXPECT_TRUE(parsed("sensitivity=internal").low_risk());
  for (const char* bound : {"sensitivity=confidential", "residency=eu", "purpose=care",
                            "usage=no-cache", "retention=30d", "patient"}) {
    EXPECT_FALSE(parsed(bound).low_risk()) << bound;
  }
}

TEST(DataClass, AsAnObjectIsTheSame) {
  EXPECT_EQ(from(R"({"residency":["fr","de"],"sensitivity":"restricted","purpose":"care",)"
                 R"("usage":["no-training","no-review"],"retention":"session"})"),
            parsed("residency=de|fr;sensitivity=restricted;purpose=care;"
                   "usage=no-training,no-review;retention=session"));
  EXPECT_EQ(from(R"("residency=de")"), parsed("residency=de"));
  EXPECT_EQ(from(R"({"class":["patient"]})"), parsed("patient"));
}

TEST(DataClass, PartsThatStandTwiceAreJoined) {
  const std::pair<const char*, const char*> cases[] = {
      {"sensitivity=restricted;sensitivity=public", "sensitivity=restricted"},
      {"sensitivity=public;sensitivity=restricted", "sensitivity=restricted"},
      {"retention=none;retention=30d;retention=60d", "retention=30d;retention=none"},
      {"retention=1h;retention=unlimited", "retention=1h"},
      {"purpose=research;purpose=care", "purpose=-"},
      {"purpose=-;purpose=care", "purpose=-"},
      {"purpose=care|billing;purpose=care", "purpose=care"},
      {"residency=de;residency=fr", "residency=de&fr"},
      {"usage=no-cache;usage=no-review", "usage=no-review,no-cache"},
      {"patient;sensitivity=public;patient", "patient"}};
  for (const auto& [text, strictest] : cases) EXPECT_EQ(parsed(text), parsed(strictest)) << text;
}

/// Some parts in any order, repeated or not: the same as text, as one object and joined one by one.
TEST(DataClass, TextAndObjectOfTheSamePartsAreTheJoinOfEach) {
  const std::pair<const char*, const char*> parts[] = {
      {"residency", "de"},        {"residency", "de|fr"},        {"residency", "-"},
      {"residency", "eu"},        {"sensitivity", "public"},     {"sensitivity", "internal"},
      {"sensitivity", "secret"},  {"sensitivity", "restricted"}, {"purpose", "care"},
      {"purpose", "research"},    {"purpose", "care|billing"},   {"purpose", "-"},
      {"usage", "no-training"},   {"usage", "no-cache"},         {"usage", "no-review,no-cache"},
      {"retention", "none"},      {"retention", "session"},      {"retention", "30d"},
      {"retention", "unlimited"}, {"class", "patient"},          {"class", "staff"}};
  SeededRandom random(23);
  for (int i = 0; i < 5000; ++i) {
    std::string text, object;
    std::optional<DataClass> all = DataClass();  // nullopt: one of them cannot be read
    std::vector<DataClass> each;
    for (uint64_t n = 1 + random.below(5); n > 0; --n) {
      const auto& [key, value] = parts[random.below(std::size(parts))];
      const bool name = std::string_view(key) == "class";
      const std::string part = name ? value : std::string(key) + "=" + value;
      text += (text.empty() ? "" : ";") + part;
      object += std::string(object.empty() ? "" : ",") + "\"" + key + "\":\"" + value + "\"";
      auto one = DataClass::parse(part);
      if (!one) {
        all.reset();
        break;
      }
      each.push_back(*one);
      all = join(*all, *one);
    }
    auto as_text = DataClass::parse(text);
    auto as_object = DataClass::from_json(*Json::parse("{" + object + "}"));
    ASSERT_EQ(as_text.has_value(), all.has_value()) << text;
    ASSERT_EQ(as_object.has_value(), all.has_value()) << object;
    if (!all) continue;
    ASSERT_EQ(*as_text, *all) << text;
    ASSERT_EQ(*as_object, *all) << object;
    for (const DataClass& one : each) {
      ASSERT_EQ(join(*as_text, one), *as_text) << text << " is less strict than " << one.text();
    }
  }
}

/// A variable that is not set must not free the data of its class.
TEST(DataClass, AnEmptyTextIsNoClassWhereItIsStated) {
  EXPECT_TRUE(parsed("").unrestricted()) << "written down, it says nothing";
  EXPECT_EQ(*DataClass::stated(" residency=de"), parsed("residency=de"));
  for (const char* json : {R"("")", R"("  ")", R"({"class":""})", R"({"class":["patient",""]})",
                           R"({"class":[""]})", R"({"residency":""})", R"({"sensitivity":""})",
                           R"({"usage":[""]})", R"({"retention":""})"}) {
    EXPECT_FALSE(DataClass::from_json(*Json::parse(json))) << json;
  }
  EXPECT_TRUE(from(R"({"class":null})").unrestricted());
  auto empty = DataClass::stated("");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Code::kInvalidArgument);
  EXPECT_EQ(empty.error().reason, "unknown_data_class");
  EXPECT_NE(empty.error().message.find("to state nothing, leave the header, the member"),
            std::string::npos);
}

TEST(DataClass, WhatItDoesNotKnowIsAnErrorThatSaysWhatThereIs) {
  for (const char* text : {"sensitivity=secret", "usage=no-fun", "retention=soon", "color=red",
                           "residency=DE", "residency=", "Patient", "a b", "purpose=x|,"}) {
    auto out = DataClass::parse(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, Code::kInvalidArgument) << text;
    EXPECT_TRUE(out.error().message.starts_with("data class: ")) << out.error().message;
  }
  EXPECT_FALSE(DataClass::parse(std::string(limits::kDataClassBytesMax + 1, 'a')));
  EXPECT_FALSE(DataClass::from_json(*Json::parse("7")));
  EXPECT_FALSE(DataClass::from_json(*Json::parse(R"({"retention":7})")));
  EXPECT_FALSE(DataClass::from_json(*Json::parse(R"({"retention":"30"})"))) << "of what?";
  EXPECT_FALSE(DataClass::parse("retention=30"));
}

TEST(DataClass, AWrongTypeIsAnErrorThatSaysWhatBelongsThere) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"sensitivity":3})",
       "sensitivity must be one of public, internal, confidential and restricted, not 3"},
      {R"({"sensitivity":["public","restricted"]})", "confidential and restricted, not a list"},
      {R"({"sensitivity":true})", "restricted, not a boolean"},
      {R"({"retention":30})",
       "retention must be one of none, session, unlimited and a duration such as 30d, not 30"},
      {R"({"retention":["30d","none"]})", "such as 30d, not a list"},
      {R"({"purpose":7})", "purpose must be a name or a list of names"}};
  for (const auto& [json, says] : cases) {
    auto out = DataClass::from_json(*Json::parse(json));
    ASSERT_FALSE(out) << json;
    EXPECT_NE(out.error().message.find(says), std::string::npos) << out.error().message;
  }
  EXPECT_EQ(from(R"({"sensitivity":["restricted"],"retention":["30d"]})"),
            parsed("sensitivity=restricted;retention=30d"));
}

TEST(DataClass, JoinTakesTheStrictestOfEachPart) {
  DataClass a = parsed("residency=eu;sensitivity=internal;purpose=care|billing;retention=30d");
  DataClass b = parsed(
      "residency=de|us;sensitivity=confidential;purpose=care;usage=no-cache;"
      "retention=session");
  EXPECT_EQ(join(a, b).text(),
            "residency=de|us&eu;sensitivity=confidential;purpose=care;usage=no-cache;"
            "retention=30d;retention=session");
}

TEST(DataClass, WhatEndsWithTheWorkKeepsTheShortestDurationBesideIt) {
  const DataClass none = join(parsed("retention=none"), parsed("retention=1h"));
  EXPECT_EQ(none.keep_s, kKeepNone);
  EXPECT_EQ(none.at_most_s, 3600);
  EXPECT_EQ(none.text(), "retention=3600s;retention=none");
  EXPECT_EQ(join(none, parsed("retention=3m")).at_most_s, 180);
  EXPECT_EQ(join(none, parsed("retention=session")), none);
  EXPECT_EQ(join(parsed("retention=3m"), parsed("retention=1h")).text(), "retention=180s");
}

TEST(DataClass, InputsThatContradictStayAContradiction) {
  DataClass out = join(parsed("purpose=care"), parsed("purpose=research"));
  EXPECT_EQ(out.text(), "purpose=-");
  EXPECT_EQ(parsed("purpose=-"), out) << "it survives being written down";
  EXPECT_EQ(join(out, parsed("purpose=care")).text(), "purpose=-");
}

TEST(DataClass, TooManyClausesAreNowhereNotFewer) {
  DataClass out;
  for (size_t i = 0; i <= limits::kResidencyClausesMax; ++i) {
    out = join(out, parsed("residency=z" + std::to_string(i)));
  }
  EXPECT_EQ(out.text(), "residency=-");
  EXPECT_EQ(parsed("residency=-"), out);
  EXPECT_EQ(join(out, parsed("residency=z1")).text(), "residency=-");
}

TEST(DataClass, TextThatCannotBeReadIsNotForgottenByAJoin) {
  EXPECT_EQ(join_texts("", "residency=de"), "residency=de");
  EXPECT_EQ(join_texts("residency=de", ""), "residency=de");
  EXPECT_EQ(join_texts("residency=de", "%%"), "unreadable;residency=de");
}

TEST(DataClass, JoinIsALatticeAndTextIsExact) {
  SeededRandom random(11);
  for (int i = 0; i < 2000; ++i) {
    DataClass a = some_class(random), b = some_class(random), c = some_class(random);
    EXPECT_EQ(join(a, b), join(b, a));
    EXPECT_EQ(join(join(a, b), c), join(a, join(b, c)));
    EXPECT_EQ(join(a, a), a);
    EXPECT_EQ(join(join(a, b), a), join(a, b)) << "what an input demands is in the join";
    EXPECT_EQ(join(a, DataClass()), a);
    EXPECT_EQ(parsed(a.text()), a) << a.text();
    ASSERT_FALSE(::testing::Test::HasFailure()) << a.text() << "  " << b.text();
  }
}

}  // namespace
}  // namespace drover::contract
