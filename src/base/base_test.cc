#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <ctime>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/limits/json.h"
#include "base/money.h"
#include "base/random.h"
#include "base/time.h"

namespace drover {
namespace {

TEST(Json, KeepsNumbersOrderAndUnknownFields) {
  const std::string text = R"({"b":1.50,"a":[true,null,"é\n\"x"],"n":18446744073709551616,"e":{}})";
  auto parsed = Json::parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->dump(), text);
}

TEST(Json, Scalars) {
  EXPECT_EQ(Json::parse(" 12 ")->integer(), 12);
  EXPECT_EQ(*Json::parse("\"x\"")->string(), "x");
  EXPECT_TRUE(Json::parse("null")->is_null());
  EXPECT_EQ(Json::parse("true")->boolean(), true);
  EXPECT_EQ(Json::parse("[]")->dump(), "[]");
  EXPECT_EQ(Json::parse("3e0")->integer(), 3);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* bad : {"",   " ",  "{",        "[1,]",  "1 2",     "{\"a\":1}x", "nul",
                          "01", "1.", "-",        "+1",    "\"\\x\"", "{\"a\" 1}",  "[1],[2]",
                          "]",  "1]", "\"\xff\"", "{a:1}", "NaN",     "],[",        "\"a\nb\""}) {
    auto parsed = Json::parse(bad);
    EXPECT_FALSE(parsed) << bad << " -> " << (parsed ? parsed->dump() : "");
  }
  const auto nested = [](size_t depth, const char* inner) {
    return std::string(depth, '[') + inner + std::string(depth, ']');
  };
  EXPECT_TRUE(Json::parse(nested(limits::kJsonDepthMax, "1")));
  EXPECT_FALSE(Json::parse(nested(limits::kJsonDepthMax + 1, "")));
  EXPECT_FALSE(Json::parse(nested(300, "")));
}

TEST(Json, SameValueIgnoresOrderAndNumberSpelling) {
  EXPECT_TRUE(Json::parse(R"({"a":1,"b":[2.0]})")->same_value(*Json::parse(R"({"b":[2],"a":1})")));
  EXPECT_FALSE(Json::parse(R"({"a":1})")->same_value(*Json::parse(R"({"a":"1"})")));
}

TEST(Money, ReadsAndWritesExactly) {
  EXPECT_EQ(Money::parse_usd("2.5e-06")->usd(), "0.0000025");
  EXPECT_EQ(Money::parse_usd("3.75e-08")->usd(), "0.0000000375");
  EXPECT_EQ((*Money::parse_usd("0.1") + *Money::parse_usd("0.2")).usd(), "0.3");
  EXPECT_EQ(Money().usd(), "0");
  EXPECT_EQ(Money::parse_usd("-12.5")->usd(), "-12.5");
  EXPECT_EQ(Money::parse_usd("-0.000000000001")->usd(), "-0.000000000001");
  EXPECT_EQ(Money::parse_usd("1.000000000010")->usd(), "1.00000000001");
  EXPECT_EQ(Money::from_usd(INT64_MAX).usd(), "9223372036854775807");
  EXPECT_EQ((Money::from_usd(INT64_MAX) * 1'000'000).usd(), "9223372036854775807000000");
  EXPECT_EQ((Money::from_usd(-INT64_MAX) * 3).usd(), "-27670116110564327421");
  SeededRandom random(3);
  for (int i = 0; i < 5'000; ++i) {
    // Around where 64 bits end, too.
    __int128 picos = static_cast<__int128>(random.next() >> random.below(64)) - INT64_MAX / 2;
    for (uint64_t n = random.below(4); n > 0; --n) picos *= 1'000;
    const Money money = Money::from_pico_usd(picos);
    const std::string text = money.usd();
    EXPECT_EQ(*Money::parse_usd(text), money) << text;
    EXPECT_TRUE(text.find('.') == text.npos || text.back() != '0') << text;
  }
  EXPECT_FALSE(Money::parse_usd("1e-13"));
  EXPECT_FALSE(Money::parse_usd("abc"));
  EXPECT_EQ(Money::parse_usd("12.344")->pretty(), "$12.34");
}

TEST(Time, RoundTrips) {
  auto t = parse_rfc3339("2026-11-23T09:20:00.123456Z");
  ASSERT_TRUE(t);
  EXPECT_EQ(format_rfc3339(*t), "2026-11-23T09:20:00.123456Z");
  EXPECT_EQ(format_rfc3339(*parse_rfc3339("2026-11-23T10:20:00+01:00")),
            "2026-11-23T09:20:00.000000Z");
  EXPECT_EQ(format_amz_date(*t), "20261123T092000Z");
  EXPECT_EQ(format_http_date(*t), "Mon, 23 Nov 2026 09:20:00 GMT");
  EXPECT_EQ(unix_seconds(*parse_http_date("Mon, 23 Nov 2026 09:20:00 GMT")), unix_seconds(*t));
  EXPECT_FALSE(parse_rfc3339("2026-13-01T00:00:00Z"));
  EXPECT_FALSE(parse_rfc3339("2026-02-29T00:00:00Z"));
  EXPECT_TRUE(parse_rfc3339("2028-02-29T23:59:60Z"));
  for (const char* far : {"0000-01-01T00:00:00Z", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
                          "9999-12-31T23:59:59-23:59"}) {
    EXPECT_FALSE(parse_rfc3339(far)) << far;
  }
  EXPECT_TRUE(parse_rfc3339("2261-12-31T23:59:59.999999999-23:59"));
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("7777777777s"), 7'777'777'777s);  // no double is just this many ns
  EXPECT_EQ(*parse_duration("1.000000001s"), 1s + 1ns);
  EXPECT_FALSE(parse_duration("5 parsecs"));
  EXPECT_FALSE(parse_duration("."));
  EXPECT_EQ(parse_duration("99999999999999999999999999999999999999999999ns").error().reason,
            "too_long");
  EXPECT_EQ(parse_duration("999999d").error().message, "too long: '999999d' (at most 104166d)");
  EXPECT_TRUE(parse_duration("104166d"));
  EXPECT_EQ(parse_duration("999999 parsecs").error().reason, "");
}

TEST(Time, IsWrittenAsTheCalendarHasIt) {
  SeededRandom random(5);
  for (int round = 0; round < 5'000; ++round) {
    // All of what 64 bits of nanoseconds hold, before 1970 as well.
    const auto nanos = static_cast<int64_t>(random.next());
    int64_t seconds = nanos / 1'000'000'000;
    int64_t rest = nanos % 1'000'000'000;
    if (rest < 0) {
      rest += 1'000'000'000;
      --seconds;
    }
    const auto when = static_cast<time_t>(seconds);
    struct tm parts{};
    ASSERT_NE(gmtime_r(&when, &parts), nullptr);
    char expected[64];
    const size_t n = std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(expected + n, sizeof expected - n, ".%06dZ", static_cast<int>(rest / 1'000));
    ASSERT_EQ(format_rfc3339(wall_from_unix_nanos(nanos)), expected) << nanos;
  }
}

TEST(Bytes, Utf8IsJudgedWhereverItStands) {
  const std::string whole[] = {"", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  const std::string broken[] = {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
  for (size_t before = 0; before < 20; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      const std::string head(before, 'a');
      const std::string tail(after, 'b');
      for (const std::string& text : whole) EXPECT_TRUE(is_utf8(head + text + tail));
      for (const std::string& text : broken) EXPECT_FALSE(is_utf8(head + text + tail));
    }
  }
}

TEST(Bytes, HexIsOfEveryByteAndOnlyHex) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(to_hex(all).substr(0, 8), "00010203");
  EXPECT_EQ(to_hex(all).substr(504), "fcfdfeff");
  EXPECT_EQ(*from_hex(to_hex(all)), all);
  EXPECT_EQ(*from_hex("aBcD"), "\xab\xcd");
  for (const char* bad : {"a", "0g", "g0", "-1", "0\xff", " 0"}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Bytes, RoundTrips) {
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(*from_base64("Zm9vYg=="), "foob");
  EXPECT_FALSE(from_base64("Zm9vYg="));
  EXPECT_EQ(*from_base64url(to_base64url(std::string("\xff\x00\x10", 3))),
            std::string("\xff\x00\x10", 3));
  EXPECT_EQ(*from_hex(to_hex("az")), "az");
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(*percent_decode("a%20b"), "a b");
  EXPECT_TRUE(is_utf8("ü€😀"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
}

TEST(Bytes, IequalsKnowsTheLettersOfAsciiOnlyAtEveryPlace) {
  // Byte by byte, as RFC 9110 means it.
  auto plain = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : int{c}; };
  for (size_t size : {1, 8, 13}) {
    for (size_t at = 0; at < size; ++at) {
      std::string a(size, 'x');
      std::string b(size, 'X');
      for (int i = 0; i < 256 * 256; ++i) {
        const auto first = static_cast<unsigned char>(i >> 8);
        const auto second = static_cast<unsigned char>(i);
        a[at] = static_cast<char>(first);
        b[at] = static_cast<char>(second);
        if (iequals(a, b) == (plain(first) == plain(second))) continue;
        FAIL() << to_hex(a) << " and " << to_hex(b);
      }
    }
  }
  EXPECT_FALSE(iequals("content-type", "content-type "));
}

TEST(Random, TheFastOneIsXoshiro256PlusPlusAndEachBeginsElsewhere) {
  FastRandom known({1, 2, 3, 4});
  for (const uint64_t wanted :
       {41'943'041ull, 58'720'359ull, 3'588'806'011'781'223ull, 3'591'011'842'654'386ull}) {
    EXPECT_EQ(known.next(), wanted);
  }
  FastRandom a;
  FastRandom b;
  EXPECT_NE(a.next(), b.next());
}

TEST(Ids, SortByTimeAndParse) {
  SeededRandom random(1);
  SessionId a = SessionId::make(wall_from_unix_millis(1000), random);
  SessionId b = SessionId::make(wall_from_unix_millis(2000), random);
  EXPECT_LT(a, b);
  EXPECT_TRUE(SessionId::parse(a.str()));
  EXPECT_FALSE(SessionId::parse("evt_1"));
  EXPECT_FALSE(SessionId::parse("ses_../x"));
}

TEST(Ids, AreMadeOfTheirBitsInGroupsOfFive) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  SeededRandom random(7);
  SeededRandom same(7);
  for (int round = 0; round < 1'000; ++round) {
    const auto millis = static_cast<int64_t>(1'790'000'000'000 + round * 7'919);
    const std::string id = EventId::make(wall_from_unix_millis(millis), random).str();
    std::string want;
    for (int shift = 45; shift >= 0; shift -= 5) {
      want += kAlphabet[static_cast<size_t>(millis >> shift) & 31];
    }
    uint64_t bits = same.next();
    for (int i = 0; i < 12; ++i, bits >>= 5) want += kAlphabet[bits & 31];
    bits = same.next();
    for (int i = 0; i < 4; ++i, bits >>= 5) want += kAlphabet[bits & 31];
    ASSERT_EQ(id, "evt_" + want);
  }
}

TEST(Ids, HaveOnlyTheirBytesWhereverTheyStand) {
  for (size_t size = 0; size <= 80; ++size) {
    const std::string text = "ses_" + std::string(size, 'x');
    EXPECT_EQ(is_id_text(text, "ses"), size >= 1 && size <= 64) << size;
    if (size == 0 || size > 64) continue;
    for (int c = 0; c < 256; ++c) {
      std::string other = text;
      other[4 + static_cast<size_t>(c) % size] = static_cast<char>(c);
      const bool ok = c < 128 && (std::isalnum(c) != 0 || c == '_' || c == '-');
      ASSERT_EQ(is_id_text(other, "ses"), ok) << size << " " << c;
    }
  }
}

TEST(Bytes, PercentDecodingIsThatOfEachByte) {
  SeededRandom random(9);
  for (size_t size = 0; size <= 80; ++size) {
    for (int round = 0; round < 20; ++round) {
      const std::string bytes = random.bytes(size);
      EXPECT_EQ(percent_decode(percent_encode(bytes)).value(), bytes);
      EXPECT_EQ(percent_decode(percent_encode(bytes), true).value(), bytes);
    }
    const std::string plain(size, '/');
    EXPECT_EQ(percent_decode(plain).value(), plain);
    EXPECT_EQ(percent_decode(plain + "+").value(), plain + "+");
    EXPECT_EQ(percent_decode(plain + "+", true).value(), plain + " ");
    for (const char* cut : {"%", "%4"}) {
      EXPECT_EQ(percent_decode(plain + cut).error().message, "cut percent-encoding");
    }
    EXPECT_EQ(percent_decode(plain + "%4g").error().message, "bad percent-encoding");
  }
}

}  // namespace
}  // namespace drover
