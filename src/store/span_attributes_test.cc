#include "store/span_attributes.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "base/random.h"

namespace drover::store {
namespace {

constexpr AttributeName kModel = named("gen_ai.request.model");
constexpr AttributeName kTokens = named("gen_ai.usage.input_tokens");

/// What is read of the bytes of these.
std::string read_again(const SpanAttributes& attributes) {
  std::optional<SpanAttributes> read = SpanAttributes::from_bytes(attributes.bytes());
  if (!read) return "damaged";
  EXPECT_EQ(*read, attributes);
  return read->inside();
}

// Stored spans hold the codes: a name that moves is another name in all of them.
TEST(AttributeNames, KeepTheirCodes) {
  EXPECT_EQ(attribute_code("gen_ai.operation.name"), 1);
  EXPECT_EQ(attribute_code("gen_ai.usage.input_tokens"), 10);
  EXPECT_EQ(attribute_code("drover.error.message"), 24);
  EXPECT_EQ(attribute_code("drover.cost_usd"), 39);
  EXPECT_EQ(attribute_code("drover.latency.queue"), 46);
  // The last: names that come after it go below this line.
  EXPECT_EQ(attribute_code("drover.dropped_events"), 54);
  EXPECT_EQ(std::size(kAttributeNames), 54u);
  EXPECT_EQ(attribute_code("drover.unheard"), 0);
  EXPECT_EQ(attribute_code(""), 0);
}

TEST(AttributeNames, AreThereOnceEach) {
  const std::set<std::string_view> names(std::begin(kAttributeNames), std::end(kAttributeNames));
  EXPECT_EQ(names.size(), std::size(kAttributeNames));
  for (std::string_view name : kAttributeNames) {
    EXPECT_EQ(std::string_view(AttributeName{attribute_code(name)}), name);
  }
}

TEST(SpanAttributes, AreWhatATreeWouldPrint) {
  SpanAttributes attributes;
  attributes.add(kModel, "plain");
  attributes.add("escaped", std::string("a \"b\"\n\x01\\"));
  attributes.add("a \"name\"", "");
  attributes.add("yes", true);
  attributes.add("no", false);
  attributes.add("half", 0.5);
  attributes.add("endless", std::numeric_limits<double>::infinity());
  attributes.add("list", Json::array().push(1).push("two"));
  const std::string_view texts[] = {"stop", "a \"b\""};
  attributes.add("texts", std::span<const std::string_view>(texts));
  attributes.add("no texts", std::span<const std::string_view>());
  attributes.add("long", std::string(300, 'l'));
  attributes.add(std::string(300, 'k'), int64_t{1});
  Json tree = Json::object().set("gen_ai.request.model", "plain").set("escaped", "a \"b\"\n\x01\\");
  tree.set("a \"name\"", "").set("yes", true).set("no", false).set("half", 0.5);
  tree.set("endless", Json()).set("list", Json::array().push(1).push("two"));
  tree.set("texts", Json::array().push("stop").push("a \"b\"")).set("no texts", Json::array());
  tree.set("long", std::string(300, 'l')).set(std::string(300, 'k'), 1);
  EXPECT_EQ("{" + attributes.inside() + "}", tree.dump());
  EXPECT_EQ(attributes.json(), tree);
  EXPECT_EQ(SpanAttributes(tree).inside(), attributes.inside());
  EXPECT_EQ(read_again(attributes), attributes.inside());
}

TEST(SpanAttributes, GiveBackAnyNumberOfTexts) {
  for (size_t count : {0, 1, 255, 256, 1'000}) {
    const std::vector<std::string_view> texts(count, "a \"b\"");
    SpanAttributes attributes;
    attributes.add("texts", std::span<const std::string_view>(texts));
    attributes.add("after", 1);
    Json list = Json::array();
    for (std::string_view text : texts) list.push(text);
    EXPECT_EQ(read_again(attributes), "\"texts\":" + list.dump() + ",\"after\":1");
  }
}

TEST(SpanAttributes, GiveBackEveryInteger) {
  std::set<int64_t> values = {0, 111, 112, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max()};
  for (int bit = 0; bit < 63; ++bit) {
    for (int64_t around : {-1, 0, 1}) {
      values.insert((int64_t{1} << bit) + around);
      values.insert(-((int64_t{1} << bit) + around));
    }
  }
  for (int64_t value : values) {
    SpanAttributes attributes;
    attributes.add(kTokens, value);
    EXPECT_EQ(read_again(attributes), "\"gen_ai.usage.input_tokens\":" + std::to_string(value));
    EXPECT_LE(attributes.bytes().size(), 10u);
    Json tree = Json::object().set("gen_ai.usage.input_tokens", value);
    EXPECT_EQ(SpanAttributes(tree), attributes);
  }
}

TEST(SpanAttributes, GiveBackMoneyAsItsText) {
  constexpr AttributeName kCost = named("drover.cost_usd");
  const Money most = Money::from_pico_usd(std::numeric_limits<int64_t>::max());
  const Money least = Money::from_pico_usd(std::numeric_limits<int64_t>::min());
  const Money one = Money::from_pico_usd(1);
  for (Money money : {Money(), one, Money() - one, one * 111, one * 112, one * 340'500'000,
                      Money::from_usd(3), most, most + one, least, least - one,
                      Money::from_usd(std::numeric_limits<int64_t>::max())}) {
    SpanAttributes attributes;
    attributes.add(kCost, money);
    attributes.add(kTokens, 1);
    EXPECT_EQ(read_again(attributes),
              "\"drover.cost_usd\":\"" + money.usd() + "\",\"gen_ai.usage.input_tokens\":1");
  }
  SpanAttributes attributes;
  attributes.add(kCost, one * 340'500'000);
  EXPECT_EQ(attributes.bytes().size(), 2u + 5u);
}

TEST(SpanAttributes, GiveBackTextsOfEveryLength) {
  for (size_t size : {0, 1, 15, 16, 17, 32, 33, 126, 127, 128, 129, 250, 255, 256, 70'000}) {
    SpanAttributes attributes;
    attributes.add(kModel, std::string(size, 'x'));
    attributes.add("after", 1);
    EXPECT_EQ(read_again(attributes),
              "\"gen_ai.request.model\":\"" + std::string(size, 'x') + "\",\"after\":1");
  }
}

TEST(SpanAttributes, KeepOrderAndWhatIsSetTwice) {
  SpanAttributes attributes;
  attributes.add(kTokens, 5);
  attributes.add(kModel, "a");
  attributes.add(kTokens, 700);
  EXPECT_EQ(read_again(attributes),
            "\"gen_ai.usage.input_tokens\":5,\"gen_ai.request.model\":\"a\","
            "\"gen_ai.usage.input_tokens\":700");
  EXPECT_EQ(attributes.json().members()->size(), 3u);
}

// Numbers keep their text, and so does what JSON escapes in other ways than we do.
TEST(SpanAttributes, OfJsonAreThatJson) {
  for (std::string_view text :
       {R"({"a":1.50,"b":-0,"c":1e3,"d":18446744073709551616,"e":null,"f":{"g":[]}})",
        R"({"a":9223372036854775807,"b":-9223372036854775808,"a":9223372036854775808})",
        R"({"":"","\"":"\u0000","drover.attempt":1})", "{}"}) {
    Result<Json> tree = Json::parse(text);
    ASSERT_TRUE(tree);
    const SpanAttributes attributes(*tree);
    EXPECT_EQ("{" + read_again(attributes) + "}", tree->dump());
    EXPECT_EQ(attributes.json(), *tree);
  }
}

TEST(SpanAttributes, OfNothingAreEmpty) {
  EXPECT_TRUE(SpanAttributes().empty());
  EXPECT_TRUE(SpanAttributes(Json()).empty());
  EXPECT_TRUE(SpanAttributes(Json::array().push(1)).empty());
  EXPECT_TRUE(SpanAttributes(Json::object()).empty());
  EXPECT_EQ(SpanAttributes().json(), Json::object());
  EXPECT_EQ(read_again(SpanAttributes()), "");
}

TEST(SpanAttributes, AreCopiedAndMoved) {
  SpanAttributes attributes;
  attributes.add(kModel, "a");
  SpanAttributes copy = attributes;
  copy.add(kTokens, 1);
  EXPECT_EQ(attributes.inside(), "\"gen_ai.request.model\":\"a\"");
  SpanAttributes moved = std::move(copy);
  EXPECT_EQ(moved.json().members()->size(), 2u);
  copy = attributes;
  EXPECT_EQ(copy, attributes);
  attributes = std::move(moved);
  moved.add(kTokens, 2);  // NOLINT(bugprone-use-after-move): it is empty
  EXPECT_EQ(moved.inside(), "\"gen_ai.usage.input_tokens\":2");
}

TEST(SpanAttributes, TakeLittleRoom) {
  SpanAttributes attributes;
  attributes.add(kTokens, 12);
  EXPECT_EQ(attributes.bytes().size(), 2u);
  attributes.add(named("drover.latency.model"), int64_t{2'000'000});
  EXPECT_EQ(attributes.bytes().size(), 2u + 5u);
  attributes.add(kModel, "a-model");
  EXPECT_EQ(attributes.bytes().size(), 7u + 9u);
}

TEST(SpanAttributes, ANameOfANewerProgramIsNoDamage) {
  using namespace std::string_view_literals;
  std::optional<SpanAttributes> read = SpanAttributes::from_bytes("\xf0\x01x\x01\x01y"sv);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->inside(), R"("attribute.240":"x","gen_ai.operation.name":"y")");
}

TEST(SpanAttributes, DamageIsNeverRead) {
  using namespace std::string_view_literals;
  for (std::string_view bytes : {
           "\x01"sv,                      // no value
           "\x00\x80"sv,                  // no name before
           "\xff\x01x"sv,                 // a name of nothing
           "\xff\x01x\x01\x80"sv,         // a name of what has one
           "\xff\x80\x00\x80"sv,          // a name that is no text
           "\x01\x05xxxx"sv,              // too short
           "\x01\xf7seven.."sv,           // too short
           "\x01\xfa\xff\xff\xff\xff"sv,  // far too short
           "\x01\xfa\x01"sv,              // a length cut off
           "\x01\xfb"sv,                  // texts without a number
           "\x01\xfb\x02\x01t"sv,         // fewer texts than it says
           "\x01\xfb\x01\x80"sv,          // a number among them
           "\x01\xfc\x02[]extra"sv,       // more than it says
           "\x01\xfc\x01["sv,             // no JSON
           "\x01\xfc\x00"sv,              // nothing
           "\x01\xfd"sv,                  // money without an amount
           "\x01\xfd\x01x"sv,             // money that is a text
           "\x01\xfd\xf8"sv,              // that is false
           "\x01\xfd\xf7seven.."sv,       // too short
           "\x01\xfe"sv,
           "\x01\xff"sv,      // no such value
           "\x01\x01\xff"sv,  // no UTF-8
       }) {
    EXPECT_FALSE(SpanAttributes::from_bytes(bytes)) << testing::PrintToString(bytes);
  }
  SpanAttributes attributes;
  attributes.add(kModel, "a-model");
  attributes.add("own", std::string(200, 'o'));
  attributes.add("list", Json::array().push(1));
  attributes.add(kTokens, int64_t{1} << 40);
  SeededRandom random(4);
  for (int i = 0; i < 5'000; ++i) {
    std::string bad(attributes.bytes());
    bad[random.below(bad.size())] = static_cast<char>(random.next());
    bad.resize(random.below(bad.size() + 1));
    std::optional<SpanAttributes> read = SpanAttributes::from_bytes(bad);
    if (read) EXPECT_TRUE(read->json().is_object());
  }
}

}  // namespace
}  // namespace drover::store
