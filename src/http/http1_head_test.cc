#include "http/http1_head.h"

#include <gtest/gtest.h>

#include <iterator>

#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/random.h"
#include "http/http1_head_summary.h"

namespace drover::http {
namespace {

using Kind = HeadParser::Kind;

constexpr size_t kHeadBytesMax = 700;

/// Compares the two roads over many heads, and counts how many were ordinary and how many passed.
struct TwoRoads {
  explicit TwoRoads(Kind kind) : first(kind, kHeadBytesMax), second(kind, kHeadBytesMax) {}

  void compare(std::string_view bytes) {
    const std::string whole = summary(first, bytes, bytes.size());
    ordinary += first.is_ordinary() ? 1 : 0;
    const std::string by_llhttp = summary(second, bytes, 1);
    ASSERT_FALSE(second.is_ordinary());
    ASSERT_EQ(whole, by_llhttp) << to_hex(bytes) << "\n" << bytes;
    accepted += whole.find(" bytes") != std::string::npos ? 1 : 0;
  }

  HeadParser first;
  HeadParser second;
  int ordinary = 0;
  int accepted = 0;
};

bool reads_as_ordinary(Kind kind, std::string_view bytes) {
  HeadParser parser(kind, kHeadBytesMax);
  return parser.feed(bytes) == HeadParser::Status::kDone && parser.is_ordinary();
}

template <size_t N>
std::string_view pick(Random& random, const std::string_view (&list)[N]) {
  return list[random.below(N)];
}

constexpr std::string_view kRequestLines[] = {
    "POST /v1/chat/completions HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\n",
    "PUT /a?b=c&d=%20 HTTP/1.1\r\n",
    "DELETE /x HTTP/1.1\r\n",
    "HEAD /health HTTP/1.1\r\n",
    "PATCH /~u/[1]{2}|3\\\"<>^` HTTP/1.1\r\n",
    "OPTIONS /x HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET http://h:80/x HTTP/1.1\r\n",
    "CONNECT h:80 HTTP/1.1\r\n",
    "GET /a HTTP/1.0\r\n",
    "GET /a HTTP/1.1\n",
    "GET  /a HTTP/1.1\r\n",
    "GET /a  HTTP/1.1\r\n",
    "GET /a#b HTTP/1.1\r\n",
    "get /a HTTP/1.1\r\n",
    "PURGE /a HTTP/1.1\r\n",
    "\r\nGET /a HTTP/1.1\r\n",
    "GET /a HTTP/1.1 \r\n",
    "GET /a RTSP/1.1\r\n",
};
constexpr std::string_view kStatusLines[] = {
    "HTTP/1.1 200 OK\r\n",     "HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 100 Continue\r\n",
    "HTTP/1.1 204 \r\n",       "HTTP/1.1 304\r\n",           "HTTP/1.1 500 \xc3\xa9\t~\r\n",
    "HTTP/1.1 101 Switch\r\n", "HTTP/1.0 200 OK\r\n",        "HTTP/1.1 600 Odd\r\n",
    "HTTP/1.1 099 Odd\r\n",    "HTTP/1.1 20 Short\r\n",      "HTTP/1.1 2000 Long\r\n",
    "HTTP/1.1  200 OK\r\n",    "HTTP/1.1 200 OK\n",          "HTTP/1.1 200OK\r\n",
};
constexpr std::string_view kPlainFields[] = {
    "Host: h.example:8080\r\n",
    "Content-Type: application/json\r\n",
    "Authorization: Bearer 0123456789abcdefghijklmnopqrstuvwxyz\r\n",
    "Accept:*/*\r\n",
    "User-Agent: one/1.0 (two; three)\tfour\r\n",
    "X-Caf\x65: caf\xc3\xa9 \xff\r\n",
    "under_score: 1\r\n",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "Keep-Alive: timeout=5\r\n",
    "referer: a\r\n",
    "proxy-connections: close\r\n",
};
constexpr std::string_view kLoadedFields[] = {
    "Content-Length: 17\r\n",
    "content-length: 0\r\n",
    "CONTENT-LENGTH: 0009999999999999999\r\n",
    "Content-Length: 9999999999999999999\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Content-Length: 1 2\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length:\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 5 \r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: CHUNKED\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: chunkedx\r\n",
    "Connection: close\r\n",
    "connection: Keep-Alive\r\n",
    "Connection: keep-alive, close\r\n",
    "Connection: upgrade\r\n",
    "Connection: other\r\n",
    "Proxy-Connection: close\r\n",
    "Upgrade: h2c\r\n",
    "TE: trailers\r\n",
    "Trailer: x\r\n",
    "Expect: 100-continue\r\n",
};
constexpr std::string_view kOddFields[] = {
    "Empty:\r\n",        "Blank: \t \r\n",    "Two:  spaces\r\n",   "Tab:\ta\r\n",
    "Behind: a \r\n",    "Bare: a\n",         "Return: a\rb\r\n",   "Folded: a\r\n b\r\n",
    "Spaced : a\r\n",    "No colon\r\n",      ": nameless\r\n",     "dot.ted!#$%&'*+^`|~: a\r\n",
    "quo\"te: a\r\n",    "(comment): a\r\n",  "caf\xc3\xa9: a\r\n", " Leading: a\r\n",
    "Delete: a\x7f\r\n", "Escape: a\x1b\r\n", "A: b\r\r\n",
};

std::string made_head(Random& random, Kind kind, bool odd) {
  std::string out(kind == Kind::kRequest
                      ? kRequestLines[random.below(odd ? std::size(kRequestLines) : 7)]
                      : kStatusLines[random.below(odd ? std::size(kStatusLines) : 4)]);
  for (uint64_t n = random.below(8); n > 0; --n) out += pick(random, kPlainFields);
  for (uint64_t n = random.below(3); n > 0; --n) out += pick(random, kLoadedFields);
  for (uint64_t n = odd ? random.below(3) : 0; n > 0; --n) out += pick(random, kOddFields);
  for (uint64_t n = random.below(4); n > 0; --n) out += pick(random, kPlainFields);
  out += "\r\n";
  if (random.chance(0.5)) out += "the body's bytes: x\r\n\r\n";
  return out;
}

void mutate(Random& random, std::string& text) {
  constexpr std::string_view kSharp = "\r\n \t:,;/#?\x01\x7f\x80\xff-_0aZ\"\\";
  for (uint64_t n = 1 + random.below(3); n > 0 && !text.empty(); --n) {
    const size_t at = random.below(text.size());
    const char byte = random.chance(0.7) ? kSharp[random.below(kSharp.size())]
                                         : static_cast<char>(random.below(256));
    switch (random.below(4)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + random.below(3));
        break;
      default:
        text.resize(at);
    }
  }
}

TEST(HeadParser, ReadsOrdinaryHeadsAsLlhttpDoes) {
  for (const Kind kind : {Kind::kRequest, Kind::kResponse}) {
    SeededRandom random(7);
    TwoRoads roads(kind);
    for (int round = 0; round < 60'000; ++round) {
      std::string head = made_head(random, kind, random.chance(0.5));
      if (random.chance(0.5)) mutate(random, head);
      ASSERT_NO_FATAL_FAILURE(roads.compare(head));
    }
    EXPECT_GT(roads.ordinary, 5'000);
    EXPECT_GT(roads.accepted, roads.ordinary + 2'000);
    EXPECT_LT(roads.accepted, 50'000);
  }
}

TEST(HeadParser, ReadsEachByteInEachPlaceAsLlhttpDoes) {
  const std::string heads[] = {
      "GET /v1/a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nAccept-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-a_1: b c\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"};
  for (const std::string& head : heads) {
    TwoRoads roads(&head == &heads[0] ? Kind::kRequest : Kind::kResponse);
    for (size_t at = 0; at < head.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = head;
        text[at] = static_cast<char>(byte);
        ASSERT_NO_FATAL_FAILURE(roads.compare(text));
        text = head;
        text.insert(at, 1, static_cast<char>(byte));
        ASSERT_NO_FATAL_FAILURE(roads.compare(text));
      }
      ASSERT_NO_FATAL_FAILURE(roads.compare(head.substr(0, at)));
    }
    EXPECT_GT(roads.ordinary, 1'000);
  }
}

TEST(HeadParser, TakesTheUsualHeadsForOrdinary) {
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_TRUE(reads_as_ordinary(Kind::kRequest, std::string(kRequestLines[i]) + "\r\n")) << i;
  }
  EXPECT_TRUE(reads_as_ordinary(Kind::kRequest,
                                "POST /v1/chat/completions HTTP/1.1\r\nHost: h:1\r\n"
                                "Accept: application/json\r\nConnection: keep-alive\r\n"
                                "Content-Length: 2\r\n\r\n{}"));
  EXPECT_TRUE(reads_as_ordinary(Kind::kResponse,
                                "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n"
                                "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n"));
}

TEST(HeadParser, LeavesToLlhttpWhatIsLoaded) {
  for (const char* field :
       {"Upgrade: h2c", "TE: trailers", "Trailer: x", "Proxy-Connection: close",
        "Connection: upgrade", "Connection: keep-alive, close", "Content-Length: 1, 1",
        "Content-Length: 12345678901234567890", "Transfer-Encoding: gzip, chunked",
        "Content-Length: 1\r\nContent-Length: 1", "Connection: close\r\nConnection: close",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Content-Length: 1\r\nTransfer-Encoding: chunked", "A:", "A: ", "A:  b", "A: b "}) {
    const std::string rest = std::string("Host: h\r\n") + field + "\r\n\r\n";
    EXPECT_FALSE(reads_as_ordinary(Kind::kRequest, "GET / HTTP/1.1\r\n" + rest)) << field;
    EXPECT_FALSE(reads_as_ordinary(Kind::kResponse, "HTTP/1.1 200 OK\r\n" + rest)) << field;
  }
}

TEST(HeadParser, BoundsOrdinaryHeadsAsItDoesAll) {
  TwoRoads roads(Kind::kRequest);
  for (size_t count = limits::kHttpHeaderCountMax - 1; count < limits::kHttpHeaderCountMax + 3;
       ++count) {
    std::string head = "GET / HTTP/1.1\r\n";
    for (size_t i = 0; i < count; ++i) head += "A:b\r\n";
    ASSERT_NO_FATAL_FAILURE(roads.compare(head + "\r\nbody"));
  }
  EXPECT_EQ(roads.ordinary, 2);
  for (size_t size = kHeadBytesMax - 3; size < kHeadBytesMax + 4; ++size) {
    std::string head = "GET / HTTP/1.1\r\nA: ";
    head.append(size - head.size() - 4, 'x');
    ASSERT_NO_FATAL_FAILURE(roads.compare(head + "\r\n\r\n"));
    ASSERT_NO_FATAL_FAILURE(roads.compare(head + "\r\n\r\nbody"));
  }
  EXPECT_EQ(roads.ordinary, 2 + 2 * 4);
}

TEST(HeadParser, ReadsAHeadBehindAnotherAsOneByItself) {
  for (const Kind kind : {Kind::kRequest, Kind::kResponse}) {
    SeededRandom random(11);
    HeadParser alone(kind, kHeadBytesMax);
    HeadParser behind(kind, kHeadBytesMax);
    Headers before;
    std::string head;
    int ordinary = 0;
    int alike = 0;
    for (int round = 0; round < 30'000; ++round) {
      if (random.chance(0.1)) head = made_head(random, kind, random.chance(0.2));
      std::string next = head;
      if (random.chance(0.8)) mutate(random, next);
      const HeadParser::Status status = behind.feed_next(next, before.received());
      ASSERT_EQ(summary(behind, status, next), summary(alone, next, next.size()))
          << to_hex(head) << "\n"
          << next;
      ASSERT_EQ(behind.is_ordinary(), alone.is_ordinary());
      ordinary += behind.is_ordinary() ? 1 : 0;
      ASSERT_EQ(alone.same(), 0u);
      ASSERT_EQ(next.substr(0, behind.same()), before.received().substr(0, behind.same()));
      alike += behind.same() > 40 ? 1 : 0;
      if (status == HeadParser::Status::kDone) {
        before.assign(next, behind.fields());
      } else {
        behind.reset();
      }
    }
    EXPECT_GT(ordinary, 3'000);
    EXPECT_LT(ordinary, 25'000);
    EXPECT_GT(alike, 500);
  }
}

/// Cut anywhere, `next` is read behind `first` as it is by itself.
void expect_read_as_alone(Kind kind, const std::string& first, const std::string& next) {
  for (size_t size = 0; size <= next.size(); ++size) {
    const std::string_view head = std::string_view(next).substr(0, size);
    HeadParser alone(kind, kHeadBytesMax);
    HeadParser behind(kind, kHeadBytesMax);
    ASSERT_EQ(behind.feed(first), HeadParser::Status::kDone);
    const HeadParser::Status status =
        behind.feed_next(head, std::string_view(first).substr(0, first.size() - 4));
    ASSERT_EQ(summary(behind, status, head), summary(alone, head, head.size())) << head;
  }
}

TEST(HeadParser, ReadsLinesAgainThatBeganAlike) {
  const std::string first = "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
  for (const std::string& next :
       {std::string("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 57\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n b\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nA: b\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: host\r\nContent-Length: 5\r\n\r\n"),
        std::string("GET /5 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"),
        std::string("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"), first}) {
    expect_read_as_alone(Kind::kRequest, first, next);
  }
}

TEST(HeadParser, ReadsStatusesAgainThatBeganAlike) {
  const std::string first = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n";
  for (const std::string& next :
       {std::string("HTTP/1.1 201 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n"),
        std::string("HTTP/1.1 200 OKAY\r\nA: b\r\nContent-Length: 5\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nA: bc\r\nContent-Length: 5\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 57\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\n\r\n"), first}) {
    expect_read_as_alone(Kind::kResponse, first, next);
  }
}

TEST(HeadParser, TakesTheBlanksOffEveryValue) {
  for (const char* text : {"GET / HTTP/1.1\r\nA: b\r\nC:d\r\n\r\n",
                           "GET / HTTP/1.1\r\nA: \t b \t\r\nC:d\r\nE:\r\nF: \t\r\n\r\n"}) {
    HeadParser parser(Kind::kRequest, kHeadBytesMax);
    ASSERT_EQ(parser.feed(text), HeadParser::Status::kDone);
    Headers headers;
    headers.assign(text, parser.fields());
    EXPECT_EQ(headers.get("a"), "b");
    EXPECT_EQ(headers.get("c"), "d");
    EXPECT_EQ(headers.get("f").value_or(""), "");
    EXPECT_TRUE(headers.check());
  }
}

}  // namespace
}  // namespace drover::http
