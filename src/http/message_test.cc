#include "http/message.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/decimal.h"

namespace drover::http {
namespace {

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers h;
  h.add("Accept", "a");
  h.add("X-One", "1");
  h.add("accept", "b");
  EXPECT_EQ(h.get("ACCEPT"), "a");
  EXPECT_EQ(h.get_joined("Accept"), "a, b");
  EXPECT_FALSE(h.get("X-Two").has_value());
  h.set("accept", "c");
  ASSERT_EQ(h.size(), 2u);
  EXPECT_EQ(h.fields()[0].second, "c");
  EXPECT_EQ(h.fields()[1].first, "X-One");
  h.remove("ACCEPT");
  EXPECT_EQ(h.size(), 1u);
}

TEST(Headers, RefuseInjection) {
  EXPECT_TRUE((Headers{{"A-b", "x\ty"}}).check());
  EXPECT_FALSE((Headers{{"A", "x\r\nB: y"}}).check());
  EXPECT_FALSE((Headers{{"A", std::string("x\0y", 3)}}).check());
  EXPECT_FALSE((Headers{{"A b", "x"}}).check());
  EXPECT_FALSE((Headers{{"", "x"}}).check());
}

TEST(Headers, NameTheFirstThatMayNotBeSent) {
  for (const size_t fine : {0u, 1u, 20u}) {
    Headers headers;
    for (size_t i = 0; i < fine; ++i) headers.add("x-fine_1!", "a value of some length");
    EXPECT_EQ(headers.first_unsound(), fine);
    Headers name = headers;
    name.add("x\r\ny", "");
    name.add("x", "\x01");
    EXPECT_EQ(name.first_unsound(), fine);
    EXPECT_EQ(name.check().error().message, "a header name is not a token");
    headers.add("x", "a tab\tis fine");
    headers.add("x-bad", "\x7f");
    EXPECT_EQ(headers.first_unsound(), fine + 1);
    EXPECT_EQ(headers.check().error().message,
              "the value of header x-bad holds a control character");
    headers.remove("x-bad");
    EXPECT_TRUE(headers.check());
  }
}

TEST(Headers, FindNamesThatShareAMark) {
  static_assert(Headers::mark_of("Date") == Headers::mark_of("dATE"));
  static_assert(Headers::mark_of("date") == Headers::mark_of("case1"));
  Headers headers;
  EXPECT_FALSE(headers.has("date"));
  headers.add("case1", "a");
  EXPECT_FALSE(headers.has("date"));
  headers.add_sound("DATE", "b");
  EXPECT_EQ(headers.get("date"), "b");
  EXPECT_EQ(Headers(headers).get("date"), "b");
  Headers moved = std::move(headers);
  EXPECT_EQ(moved.get("date"), "b");
  moved.remove("date");
  EXPECT_FALSE(moved.has("date"));
  EXPECT_EQ(moved.get("case1"), "a");
  moved.clear();
  EXPECT_FALSE(moved.has("case1"));
  // Of a head that was received no marks are taken.
  moved.assign("date:c", {Headers::Place{{0, 4}, {5, 1}}});
  EXPECT_EQ(moved.get("Date"), "c");
  moved.add("case1", "d");
  EXPECT_EQ(moved.get("Date"), "c");
  EXPECT_EQ(moved.get("case1"), "d");
}

TEST(Headers, LeaveOutNamesByTheirMarks) {
  const auto is_date = [](std::string_view name) { return name.size() == 4 && name[0] == 'd'; };
  const auto lines = [&](const Headers& headers) {
    std::string out(headers.lines_size(), '\0');
    const char* end = headers.put_lines(out.data(), is_date, Headers::mark_of("date"));
    out.resize(static_cast<size_t>(end - out.data()));
    return out;
  };
  EXPECT_EQ(lines(Headers{{"a", "1"}, {"b", "2"}}), "a: 1\r\nb: 2\r\n");
  EXPECT_EQ(lines(Headers{{"a", "1"}, {"date", "2"}, {"case1", "3"}}), "a: 1\r\ncase1: 3\r\n");
  Headers received;
  received.assign("a:1 date:2", {Headers::Place{{0, 1}, {2, 1}}, Headers::Place{{4, 4}, {9, 1}}});
  EXPECT_EQ(lines(received), "a: 1\r\n");
}

TEST(Headers, KnowATokenHoweverItIsWritten) {
  constexpr std::string_view kGood = "x-Good_1!#$%&'*+-.^_`|~";
  constexpr std::string_view kBad = "x:";
  const char* good = "good";
  Headers headers;
  headers.add("!#$%&'*+-.^_`|~09azAZ", "literal");
  headers.add(kGood, "view");
  headers.add(std::string("good"), "string");
  headers.add(good, "pointer");
  EXPECT_TRUE(headers.check());
  for (int way = 0; way < 6; ++way) {
    Headers more = headers;
    if (way == 0) more.add("", "empty");
    if (way == 1) more.add("x y", "literal");
    if (way == 2) more.add("\xe4", "literal");
    if (way == 3) more.add(kBad, "view");
    if (way == 4) more.add(std::string(kBad), "string");
    if (way == 5) more.add(kBad.data(), "pointer");
    EXPECT_EQ(more.first_unsound(), 4u) << way;
    more.clear();
    EXPECT_TRUE(more.check());
    more.add("x", "y");
    EXPECT_TRUE(more.check());
  }
}

TEST(Headers, GrowAndAreCopiedWhole) {
  Headers headers;
  std::vector<Headers::Field> expected;
  for (size_t i = 0; i < 200; ++i) {
    expected.emplace_back("x-" + std::to_string(i), std::string(i % 7 * i, 'v'));
    headers.add(expected.back().first, expected.back().second);
    const Headers copy = headers;
    ASSERT_EQ(copy.copy(), expected);
    ASSERT_EQ(copy.get(expected.back().first), expected.back().second);
  }
  Headers other{{"a", "b"}};
  other = headers;
  headers.clear();
  headers.add("c", "d");
  EXPECT_EQ(other.copy(), expected);
  EXPECT_EQ(headers.copy(), std::vector<Headers::Field>({{"c", "d"}}));
  headers = Headers();
  EXPECT_EQ(headers.size(), 0u);
  EXPECT_FALSE(headers.has("c"));
  const Headers none = headers;
  EXPECT_EQ(none.size(), 0u);
}

TEST(Headers, BeginAnewAfterTheyWereMovedAway) {
  Headers bad{{"a b", "c"}};
  Headers taken = std::move(bad);
  EXPECT_FALSE(taken.check());
  bad.add("A", "b");  // NOLINT(bugprone-use-after-move): they may be used again
  EXPECT_TRUE(bad.check());
  EXPECT_EQ(bad.get("a"), "b");
}

TEST(Headers, StandAsTheyWereReceivedAndCanBeAddedTo) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\nA:" + std::string(300, 'a') + "\r\n\r\n";
  const Headers::Place host{{16, 4}, {22, 1}};
  const Headers::Place a{{25, 1}, {27, 300}};
  Headers headers{{"old", "gone"}};
  headers.assign(text, {host, a});
  EXPECT_TRUE(headers.check());
  headers.add("B", "b");
  const std::vector<Headers::Field> all = {{"Host", "h"}, {"A", std::string(300, 'a')}, {"B", "b"}};
  EXPECT_EQ(headers.copy(), all);
  headers.assign(text, {host});
  EXPECT_EQ(headers.copy(), std::vector<Headers::Field>({{"Host", "h"}}));
  Headers moved = std::move(headers);
  headers.clear();
  headers.add("C", "c");
  EXPECT_EQ(headers.copy(), std::vector<Headers::Field>({{"C", "c"}}));
  EXPECT_EQ(moved.get("host"), "h");
  moved.assign(text, {});
  EXPECT_EQ(moved.size(), 0u);
}

TEST(FieldNames, CompareToKnownOnesAsIequalsDoes) {
  const LowerText all[] = {"",
                           "t",
                           "te",
                           "age",
                           "host",
                           "close",
                           "x-0-9-z",
                           "bearer ",
                           "xdr-tags",
                           "keep-alive",
                           "connection",
                           "api-key",
                           "100-continue",
                           "content-length",
                           "transfer-encoding",
                           "x-drover-service-class-a"};
  for (const LowerText known : all) {
    const std::string_view lower = known.view();
    EXPECT_TRUE(iequals_lower(lower, known));
    EXPECT_FALSE(iequals_lower(std::string(lower) + "x", known));
    for (size_t at = 0; at < lower.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(lower);
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(iequals_lower(text, known), iequals(text, lower)) << text;
        text[text.size() - 1 - at] ^= 0x20;
        ASSERT_EQ(iequals_lower(text, known), iequals(text, lower)) << text;
      }
      EXPECT_FALSE(iequals_lower(lower.substr(0, at), known));
    }
  }
}

TEST(Headers, AppendAllLinesButThoseLeftOut) {
  Headers headers;
  std::string expected = "HTTP/1.1 200 OK\r\n";
  std::string out = expected;
  for (size_t size = 0; size < 80; ++size) {
    const std::string value(size, 'v');
    headers.add("name", value);
    headers.add("left", value);
    expected += "name: " + value + "\r\n";
  }
  append_fields(out, headers, [](std::string_view name) { return name == "left"; });
  EXPECT_EQ(out, expected);
  append_field(out, "Content-Length", Decimal(UINT64_MAX).view());
  EXPECT_EQ(out, expected + "Content-Length: 18446744073709551615\r\n");
}

TEST(Headers, AppendWhatWasReceivedAsLines) {
  const auto left_out = [](std::string_view name) { return name == "B"; };
  const std::string text = "GET / HTTP/1.1\r\nA:a\r\nB: b\r\nC: \tc \r\nD:\r\n\r\n";
  Headers headers;
  headers.assign(text,
                 {{{16, 1}, {18, 1}}, {{21, 1}, {24, 1}}, {{27, 1}, {31, 1}}, {{35, 1}, {36, 0}}});
  std::string out;
  append_fields(out, headers, left_out);
  EXPECT_EQ(out, "A: a\r\nC: c\r\nD: \r\n");
  headers.add("B", "left out");
  headers.add("E", "e");
  out.clear();
  append_fields(out, headers, left_out);
  EXPECT_EQ(out, "A: a\r\nC: c\r\nD: \r\nE: e\r\n");
  headers.remove("a");
  out.clear();
  append_fields(out, headers, left_out);
  EXPECT_EQ(out, "C: c\r\nD: \r\nE: e\r\n");
  out.clear();
  append_fields(out, Headers(), left_out);
  EXPECT_EQ(out, "");
}

TEST(Headers, ReadAContentLengthThatHasOneMeaning) {
  EXPECT_EQ(*content_length(Headers{{"A", "1"}}), std::nullopt);
  EXPECT_EQ(*content_length(Headers{{"content-LENGTH", "0"}}), 0u);
  EXPECT_EQ(*content_length(Headers{{"A", "1"}, {"Content-Length", "42"}}), 42u);
  EXPECT_EQ(*content_length(Headers{{"Content-Length", "18446744073709551615"}}), UINT64_MAX);
  EXPECT_EQ(*content_length(Headers{{"Content-Length", "7"}, {"content-length", "7"}}), 7u);
  for (const char* text : {"", " 5", "5 ", "+5", "-5", "-0", "5x", "0x5", "5.0", "5, 5", "five",
                           "18446744073709551616", "99999999999999999999999"}) {
    Headers headers{{"Content-Length", text}};
    auto read = content_length(headers);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::kInvalidArgument) << text;
    headers.set("content-length", "5");
    headers.add("Content-Length", text);
    EXPECT_FALSE(content_length(headers)) << text;
  }
  EXPECT_FALSE(content_length(Headers{{"Content-Length", "7"}, {"Content-Length", "8"}}));
}

TEST(RequestHead, SplitsItsTarget) {
  RequestHead head;
  head.target = "/v1/a%20b?x=1&y=a+b%26&x=2&flag&bad=%zz";
  EXPECT_EQ(head.path(), "/v1/a%20b");
  EXPECT_EQ(head.query_param("x"), "1");
  EXPECT_EQ(head.query_param("y"), "a b&");
  EXPECT_EQ(head.query_param("flag"), "");
  EXPECT_FALSE(head.query_param("bad").has_value());
  EXPECT_FALSE(head.query_param("none").has_value());
  head.target = "/plain";
  EXPECT_EQ(head.path(), "/plain");
  EXPECT_EQ(head.query(), "");
}

TEST(ResponseHead, SucceedsFrom200To299) {
  ResponseHead head;
  EXPECT_TRUE(head.is_success());
  for (int status : {200, 204, 299}) {
    head.status = status;
    EXPECT_TRUE(head.is_success()) << status;
  }
  for (int status : {0, 100, 199, 300, 304, 404, 500}) {
    head.status = status;
    EXPECT_FALSE(head.is_success()) << status;
  }
}

struct UrlCase {
  const char* text;
  const char* host;
  int port;
  const char* target;
  const char* origin;
};

TEST(Url, ReadsWhatIsProper) {
  const UrlCase cases[] = {
      {"http://example.com", "example.com", 80, "/", "http://example.com"},
      {"HTTPS://Example.COM/a/b?c=d", "example.com", 443, "/a/b?c=d", "https://example.com"},
      {"http://h:8080?x", "h", 8080, "/?x", "http://h:8080"},
      {"https://h:443/", "h", 443, "/", "https://h"},
      {"http://[::1]:90/x", "::1", 90, "/x", "http://[::1]:90"},
      {"http://[2001:DB8::1]/", "2001:db8::1", 80, "/", "http://[2001:db8::1]"},
      {"http://a_b.c-d.e/p@q", "a_b.c-d.e", 80, "/p@q", "http://a_b.c-d.e"},
  };
  for (const UrlCase& c : cases) {
    Result<Url> url = Url::parse(c.text);
    ASSERT_TRUE(url.has_value()) << c.text;
    EXPECT_EQ(url->host, c.host) << c.text;
    EXPECT_EQ(url->port, c.port) << c.text;
    EXPECT_EQ(url->target, c.target) << c.text;
    EXPECT_EQ(url->origin(), c.origin) << c.text;
  }
}

TEST(Url, RefusesWhatCouldBeReadInTwoWays) {
  for (const char* text : {"",
                           "example.com",
                           "//example.com/",
                           "ftp://x/",
                           "http:///x",
                           "http://",
                           "http://u@h/",
                           "http://user:secret@h/",
                           "http://h:0/",
                           "http://h:65536/",
                           "http://h:/",
                           "http://h:8x/",
                           "http://h:80:90/",
                           "http://h/#frag",
                           "http://h\\@evil/",
                           "http://h /",
                           "http://h/\r\nX: y",
                           "http://[::1",
                           "http://[::1]x/",
                           "http://[fe80::1%25eth0]/",
                           "http://[127.0.0.1]/",
                           "http://h%41/",
                           "http://b\xc3\xa9/",
                           "http://h/\x7f",
                           "javascript://h/"}) {
    EXPECT_FALSE(Url::parse(text).has_value()) << text;
  }
  Result<Url> secret = Url::parse("http://user:canary@h/");
  ASSERT_FALSE(secret.has_value());
  EXPECT_EQ(secret.error().to_string().find("canary"), std::string::npos);
}

}  // namespace
}  // namespace drover::http
