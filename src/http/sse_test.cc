#include "http/sse.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "base/limits/http.h"

namespace drover::http {
namespace {

using Event = std::tuple<std::string, std::string, std::string>;  // event, data, last id

/// Feeds the parts and collects what comes out.
Result<std::vector<Event>> parse(const std::vector<std::string_view>& parts,
                                 size_t max = limits::kSseEventBytesMax) {
  SseParser parser(max);
  std::vector<Event> out;
  for (std::string_view part : parts) {
    parser.feed(part);
    while (true) {
      TRY(const SseEvent* event, parser.next());
      if (!event) break;
      out.emplace_back(event->event, event->data, event->last_id);
    }
  }
  TRY_VOID(parser.finish());
  return out;
}

std::vector<Event> whole(std::string_view text) {
  auto parsed = parse({text});
  EXPECT_TRUE(parsed) << parsed.error().message << " in " << text;
  return parsed.value_or(std::vector<Event>());
}

using Events = std::vector<Event>;

TEST(Sse, FieldsLinesAndJoining) {
  EXPECT_EQ(whole("data: one\n\n"), (Events{{"", "one", ""}}));
  EXPECT_EQ(whole("data:one\ndata:  two\ndata\ndata:\n\n"), (Events{{"", "one\n two\n\n", ""}}));
  EXPECT_EQ(whole("event: add\nid: 7\ndata: {\"a\":1}\n\n"), (Events{{"add", "{\"a\":1}", "7"}}));
  EXPECT_EQ(whole("data\n\n"), (Events{{"", "", ""}}));
  EXPECT_EQ(whole("data: a:b: c\n\n"), (Events{{"", "a:b: c", ""}}));
  EXPECT_EQ(whole("unknown: x\nDATA: no\n data: no\ndata: yes\n\n"), (Events{{"", "yes", ""}}));
}

TEST(Sse, ExamplesOfTheStandard) {
  // HTML, 9.2.6: the two streams of the "test" examples.
  EXPECT_EQ(whole("data: YHOO\ndata: +2\ndata: 10\n\n"), (Events{{"", "YHOO\n+2\n10", ""}}));
  EXPECT_EQ(whole(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                  "data:  third event\n\n"),
            (Events{{"", "first event", "1"}, {"", "second event", ""}, {"", " third event", ""}}));
  EXPECT_EQ(whole("data\n\ndata\ndata\n\n"), (Events{{"", "", ""}, {"", "\n", ""}}));
  EXPECT_EQ(whole("data:test\n\ndata: test\n\n"), (Events{{"", "test", ""}, {"", "test", ""}}));
}

TEST(Sse, EventsWithoutDataAreDroppedButKeepTheirId) {
  EXPECT_EQ(whole("event: x\nid: 3\n\ndata: y\n\n"), (Events{{"", "y", "3"}}));
}

TEST(Sse, AnIdWithNulIsIgnored) {
  using namespace std::string_view_literals;
  EXPECT_EQ(whole("id: a\ndata: 1\n\nid: b\0c\ndata: 2\n\n"sv),
            (Events{{"", "1", "a"}, {"", "2", "a"}}));
}

TEST(Sse, RetryIsDigitsOnly) {
  SseParser parser;
  parser.feed("retry: 1500\n\nretry: 1s\n\nretry: -5\n\nretry:\n\nretry: 99999999999999999999\n\n");
  EXPECT_EQ(*parser.next(), nullptr);
  EXPECT_EQ(parser.retry_ms(), 1500);
}

const char* const kRich =
    "\xef\xbb\xbf: hello\r\n\r\nevent: \xc3\xa9t\xc3\xa9\r\ndata: \xf0\x9f\x98\x80 one\r\ndata: "
    "two\r\nid: 5\r\n\r\n"
    "data: cr only\rdata: more\r\rretry: 10\n\ndata: lf\n\n: ping\n\r\n";
const Events kRichEvents = {{"\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80 one\ntwo", "5"},
                            {"", "cr only\nmore", "5"},
                            {"", "lf", "5"}};

TEST(Sse, EveryLineEndingAndABom) { EXPECT_EQ(whole(kRich), kRichEvents); }

TEST(Sse, ChunksMayBeCutAnywhere) {
  const std::string_view text = kRich;
  for (size_t a = 0; a <= text.size(); ++a) {
    for (size_t b = a; b <= text.size(); ++b) {
      auto parsed = parse({text.substr(0, a), text.substr(a, b - a), text.substr(b)});
      ASSERT_TRUE(parsed) << a << " " << b;
      ASSERT_EQ(*parsed, kRichEvents) << a << " " << b;
    }
  }
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  EXPECT_EQ(parse(bytes).value_or(Events()), kRichEvents);
}

TEST(Sse, AnEventEndedByCrIsGivenAtOnce) {
  SseParser parser;
  parser.feed("data: x\r\n\r");  // the LF may never come; the event is whole
  auto event = parser.next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->data, "x");
  EXPECT_TRUE(parser.finish());
}

TEST(Sse, ABomOnlyCountsAtTheStart) {
  EXPECT_EQ(whole("data: a\n\n\xef\xbb\xbf"
                  "data: b\n\ndata: c\n\n"),
            (Events{{"", "a", ""}, {"", "c", ""}}));
  EXPECT_EQ(parse({"\xef", "\xbb", "\xbf", "data: a\n\n"}).value_or(Events()),
            (Events{{"", "a", ""}}));
  EXPECT_EQ(parse({"\xef", "\xbb"}).value_or(Events{{"x", "", ""}}), Events());
}

TEST(Sse, ACutStreamIsSeenAtEveryByte) {
  const std::string_view text = "data: one\n\nevent: e\ndata: two\n\n";
  const size_t first = 11;
  for (size_t size = 1; size < text.size(); ++size) {
    auto parsed = parse({text.substr(0, size)});
    EXPECT_EQ(parsed.has_value(), size == first) << "cut at " << size;
    if (!parsed) EXPECT_EQ(parsed.error().code, Code::kDataLoss);
  }
  EXPECT_TRUE(parse({"data: x\n\n: half a comm"}));
  EXPECT_TRUE(parse({""}));
}

TEST(Sse, UnfinishedDataIsAtHand) {
  for (const char* text : {"data: a\n\ndata: [DONE]", "data: a\n\ndata: [DONE]\n"}) {
    SseParser parser;
    parser.feed(text);
    ASSERT_NE(*parser.next(), nullptr);
    ASSERT_EQ(*parser.next(), nullptr);
    EXPECT_FALSE(parser.finish());
    EXPECT_EQ(parser.unfinished_data(), "[DONE]");
    EXPECT_EQ(parser.unfinished_data(), "[DONE]");
    EXPECT_FALSE(parser.finish());
  }
  SseParser parser;
  parser.feed("data: 1\ndata: 2\ndat");
  ASSERT_EQ(*parser.next(), nullptr);
  EXPECT_EQ(parser.unfinished_data(), "1\n2");
}

TEST(Sse, EventsAreBoundedAndCommentsDoNotAddUp) {
  const std::string at_limit = "data: " + std::string(94, 'x') + "\n\n";
  EXPECT_TRUE(parse({at_limit}, 100));
  EXPECT_EQ(parse({"data: " + std::string(95, 'x') + "\n\n"}, 100).error().code,
            Code::kResourceExhausted);
  const std::string endless(200, 'x');
  EXPECT_FALSE(parse({"data: ", endless}, 100));
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "data: xx\n";
  EXPECT_FALSE(parse({lines + "\n"}, 100));

  SseParser parser(100);
  for (int i = 0; i < 1000; ++i) {
    parser.feed(": ping ping ping\n");
    ASSERT_TRUE(parser.next()) << i;
  }
  parser.feed(std::string(101, 'z'));
  EXPECT_FALSE(parser.next());
  parser.feed("\n\ndata: late\n\n");
  EXPECT_FALSE(parser.next());
  EXPECT_FALSE(parser.finish());
}

TEST(Sse, ViewsSurviveUntilTheNextFeed) {
  SseParser parser;
  std::string text = "event: a\ndata: one\n\nevent: b\ndata: two\n\n";
  parser.feed(text);
  text.assign(text.size(), '!');  // the parser has its own copy
  auto one = parser.next();
  EXPECT_EQ((*one)->data, "one");
  auto two = parser.next();
  EXPECT_EQ((*two)->event, "b");
  EXPECT_EQ((*two)->data, "two");
}

TEST(Sse, ManyEventsInOneChunkAndHalfEventsAcrossMany) {
  std::string text;
  for (int i = 0; i < 500; ++i) append_sse_event(text, "n" + std::to_string(i), "tick");
  for (size_t step : {1u, 3u, 7u, 64u, 100'000u}) {
    std::vector<std::string_view> parts;
    for (size_t at = 0; at < text.size(); at += step) {
      parts.push_back(std::string_view(text).substr(at, step));
    }
    auto parsed = parse(parts);
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->size(), 500u);
    EXPECT_EQ(parsed->back(), (Event{"tick", "n499", ""}));
  }
}

TEST(SseWriter, WritesWhatTheParserReads) {
  for (const std::string data : {"", "x", "two\nlines", "\n", "ends\n", " leading", ": colon",
                                 "data: nested\n\nevent: forged"}) {
    std::string text;
    append_sse_comment(text, "ping");
    append_sse_retry(text, 250);
    append_sse_event(text, data, "kind", "41-0");
    EXPECT_EQ(whole(text), (Events{{"kind", data, "41-0"}})) << text;
  }
}

TEST(SseWriter, ExactForm) {
  std::string text;
  append_sse_event(text, "{}");
  append_sse_event(text, "a\r\nb\rc", "e", "1");
  append_sse_comment(text, "keep");
  EXPECT_EQ(text, "data: {}\n\nevent: e\nid: 1\ndata: a\ndata: b\ndata: c\n\n: keep\n\n");
}

TEST(SseWriter, NoValueCanForgeAField) {
  std::string text;
  append_sse_event(text, "x", "a\ndata: forged", "1\r\n\r\ndata: forged");
  append_sse_comment(text, "c\n\ndata: forged");
  EXPECT_EQ(whole(text), (Events{{"a data: forged", "x", "1    data: forged"}}));
}

}  // namespace
}  // namespace drover::http
