// What the server makes of proper requests, however their bytes come.

#include "http/server.h"

#include <gtest/gtest.h>

#include "http/server_test_fixture.h"

namespace drover::http {
namespace {

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  MemoryStream& c = connect();
  for (int i = 0; i < 3; ++i) {
    std::string answer = exchange(c, kGet);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: "))
        << answer;
    EXPECT_TRUE(answer.ends_with("Content-Length: 9\r\n\r\n[GET /a ]")) << answer;
    EXPECT_EQ(answer.find("Connection:"), std::string::npos);
  }
  EXPECT_EQ(c.in()->writes, 3u) << "one write an answer";
  EXPECT_EQ(server_->open_connections(), 1u);
}

TEST_F(ServerTest, TakesEachRequestForWhatItSays) {
  MemoryStream& c = connect();
  std::vector<std::string> said;
  for (std::string line : {"GET /a", "GET /a", "GET /b", "PUT /b", "PUT /b?c", "PUT /b", "PUT /",
                           "GET http://h/a", "GET /a", "PURGE /a", "GET /a", "GET /a?1"}) {
    for (const char* more : {"", "X-A: 1\r\n", "X-A: 1\r\nX-B: 2\r\n", "X-A: 2\r\n"}) {
      exchange(c, line + " HTTP/1.1\r\nHost: h\r\n" + more + "\r\n");
      said.push_back(line == "GET http://h/a" ? "GET /a" : line);
    }
  }
  EXPECT_EQ(log_.requests, said);
}

TEST_F(ServerTest, KeepsWhatAHandlerNeedsUntilItHasEnded) {
  MemoryStream& c = connect();
  for (int i = 0; i < 2; ++i) {
    exchange(c, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(log_.kept, 1);
    loop_.run_for(2s);
    EXPECT_EQ(log_.kept, 0);
    EXPECT_TRUE(std::exchange(c.in()->bytes, std::string()).ends_with("[GET /keep ]"));
  }
  exchange(c, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(log_.kept, 1);
  server_->drop_connections();
  settle();
  EXPECT_EQ(log_.kept, 0) << "gone with its client";
  EXPECT_EQ(log_.cancelled, 1);
}

TEST_F(ServerTest, TakesARequestSplitAnywhere) {
  const std::string request =
      "POST /a?q=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-Empty:\r\n\r\n"
      "5;ext=1\r\nhello\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t at = 0; at <= request.size(); ++at) {
    MemoryStream& c = connect();
    std::string answer = exchange(c, std::string_view(request).substr(0, at));
    if (at < request.size()) EXPECT_EQ(answer, "") << at;
    answer += exchange(c, std::string_view(request).substr(at));
    EXPECT_TRUE(answer.ends_with("[POST /a hello0123456789]")) << at << answer;
    clients_.pop_back();
  }
  MemoryStream& c = connect();
  std::string answer;
  for (char byte : request) answer += exchange(c, std::string_view(&byte, 1));
  EXPECT_TRUE(answer.ends_with("[POST /a hello0123456789]")) << answer;
}

TEST_F(ServerTest, ReadsABodyByLengthInParts) {
  MemoryStream& c = connect();
  c.out()->read_max = 7;
  std::string answer = exchange(c,
                                "POST /parts HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\n"
                                "abcdefghijklmnopqrstuvwxyz");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabcdefghijklmnopqrstuvwxyz")) << answer;
  answer = exchange(c, kGet);
  EXPECT_TRUE(answer.ends_with("[GET /a ]"));
}

TEST_F(ServerTest, ServesPipelinedRequestsInOrder) {
  std::string answer = exchange(
      "GET /slow?1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
      "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer, "");
  loop_.run_for(6s);
  answer = clients_[0]->in()->bytes;
  size_t a = answer.find("[GET /slow ]");
  size_t b = answer.find("[POST /b xyz]");
  size_t s = answer.find("3\r\none\r\n12\r\ntwotwotwotwotwotwo\r\n0\r\n\r\n");
  size_t d = answer.find("[GET /c ]");
  EXPECT_LT(a, b);
  EXPECT_LT(b, s);
  EXPECT_LT(s, d);
  EXPECT_NE(d, std::string::npos) << answer;
  EXPECT_TRUE(clients_[0]->in()->ended);
  EXPECT_EQ(log_.requests.size(), 4u);
}

TEST_F(ServerTest, ABodyInPiecesLeavesTheNextRequestWhole) {
  const std::string body(900, 'x');
  const std::string post = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n";
  const std::string answers = "[POST /b " + body + "]";
  for (size_t first : {0u, 1u, 450u, 899u, 900u}) {
    SCOPED_TRACE(first);
    MemoryStream& c = connect();
    std::string got = exchange(c, post + body.substr(0, first));
    got += exchange(c, body.substr(first) + post + body.substr(0, 100));
    got += exchange(c, body.substr(100) + std::string(kGet));
    size_t one = got.find(answers);
    ASSERT_NE(one, got.npos) << got;
    EXPECT_NE(got.find(answers, one + 1), got.npos) << got;
    EXPECT_TRUE(got.ends_with("[GET /a ]")) << got;
  }
}

TEST_F(ServerTest, StreamsChunked) {
  std::string answer = exchange("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(answer.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n3\r\none\r\n12\r\ntwotwotwotwotwotwo\r\n0\r\n\r\n"))
      << answer;
}

TEST_F(ServerTest, WhatIsHereAtTheBeginningAndAtTheEndGoesOutWithThem) {
  MemoryStream& c = connect();
  std::string answer = exchange(c, "GET /together HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"))
      << answer;
  EXPECT_EQ(c.in()->writes, 3u);
  EXPECT_TRUE(exchange(c, kGet).ends_with("[GET /a ]")) << "the connection is kept";
  answer = exchange(c, "HEAD /together HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("chunked\r\n\r\n")) << answer;
  answer = exchange(c, "GET /together HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nonetwothree")) << answer;
}

TEST_F(ServerTest, ACutStreamIsNeverAWholeOne) {
  for (const char* path : {"/cut", "/drop"}) {
    MemoryStream& c = connect();
    std::string answer = exchange(c, std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << answer;
    EXPECT_TRUE(c.in()->ended);
  }
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  MemoryStream& c = connect();
  std::string answer = exchange(c, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("Content-Length: 10\r\n\r\n")) << answer;
  answer = exchange(c, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("chunked\r\n\r\n")) << answer;
  EXPECT_TRUE(exchange(c, kGet).ends_with("[GET /a ]"));
}

TEST_F(ServerTest, SpeaksHttp10) {
  MemoryStream& c = connect();
  std::string answer = exchange(c, "GET /a HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(c.in()->ended);
  MemoryStream& kept = connect();
  answer = exchange(kept, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(answer.find("Connection: keep-alive\r\n"), std::string::npos);
  EXPECT_FALSE(kept.in()->ended);
  answer = exchange(kept, "GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nonetwotwotwotwotwotwo")) << answer;
  EXPECT_TRUE(kept.in()->ended);
}

TEST_F(ServerTest, ContinuesOnlyWhenTheBodyIsWanted) {
  MemoryStream& c = connect();
  std::string answer = exchange(
      c, "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(exchange(c, "hi").ends_with("[POST /a hi]"));
  answer = exchange(
      c, "POST /noread HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
}

TEST_F(ServerTest, TakesTheAbsoluteForm) {
  std::string answer = exchange("GET http://other:81/a?b HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("[GET /a ]")) << answer;
  EXPECT_EQ(log_.requests.back(), "GET /a?b");
}

}  // namespace
}  // namespace drover::http
