#include "http/server.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/limits/http.h"
#include "http/memory_net.h"

namespace drover::http {
namespace {

using async::SimLoop;

ResponseHead text_head(int status = 200) {
  ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "text/plain");
  return head;
}

/// What the test handlers do, by path.
struct Log {
  std::vector<std::string> requests;
  std::vector<std::string> errors;
  int cancelled = 0;
};

Task<void> echo_logged(Log* log, Context ctx, ServerRequest& request, ServerResponse& response) {
  std::string path(request.head().path());
  log->requests.push_back(request.head().method + " " + request.head().target);
  if (path == "/silent") co_return;
  if (path == "/hang") {
    Result<void> slept = co_await async::sleep_for(ctx, 1000s);
    if (!slept && slept.error().code == Code::kCancelled) ++log->cancelled;
    co_return;
  }
  if (path == "/slow") {
    Result<void> slept = co_await async::sleep_for(ctx, 5s);
    if (!slept) ++log->cancelled;
  }
  if (path == "/stream" || path == "/cut" || path == "/drop") {
    Result<void> ok = co_await response.start(ctx, text_head());
    if (ok) ok = co_await response.write(ctx, "one");
    if (ok) ok = co_await response.write(ctx, "");
    if (ok) ok = co_await response.write(ctx, "twotwotwotwotwotwo");
    if (path == "/cut") response.abort();
    if (path == "/stream" && ok) ok = co_await response.finish(ctx);
    if (!ok) log->errors.push_back(ok.error().to_string());
    co_return;
  }
  if (path == "/together") {
    Result<void> ok = co_await response.start(ctx, text_head(), "one");
    if (ok) ok = co_await response.write(ctx, "two");
    if (ok) ok = co_await response.finish(ctx, "three");
    if (!ok) log->errors.push_back(ok.error().to_string());
    co_return;
  }
  if (path == "/noread") {
    Result<void> ok = co_await response.respond(ctx, text_head(), "unread");
    (void)ok;
    co_return;
  }
  if (path == "/parts") {
    std::string joined;
    for (;;) {
      Result<std::string_view> part = co_await request.read_some(ctx);
      if (!part) co_return;
      if (part->empty()) break;
      joined += *part;
    }
    Result<void> ok = co_await response.respond(ctx, text_head(), joined);
    (void)ok;
    co_return;
  }
  Result<std::string> body = co_await request.read_all(ctx, 1000);
  if (!body) {
    log->errors.push_back(body.error().reason);
    co_return;
  }
  std::string answer = "[" + request.head().method + " " + path + " " + *body + "]";
  Result<void> ok = co_await response.respond(ctx, text_head(), answer);
  if (!ok) log->errors.push_back(ok.error().to_string());
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override { start(ServerOptions()); }
  void start(ServerOptions options) {
    hub_ = std::make_shared<MemoryHub>();
    Log* log = &log_;
    Handler handler = [log](Context ctx, ServerRequest& request, ServerResponse& response) {
      return echo_logged(log, std::move(ctx), request, response);
    };
    server_ = std::make_unique<Server>(loop_, std::make_unique<MemoryListener>(hub_),
                                       std::move(handler), options);
    server_->start();
  }
  void TearDown() override {
    clients_.clear();
    size_t cut = loop_.run_task(server_->stop(Context(loop_), 1s));
    EXPECT_EQ(cut, 0u);
    EXPECT_EQ(server_->open_connections(), 0u);
    EXPECT_EQ(server_->in_flight(), 0u);
    server_.reset();
    loop_.run(100'000);
  }
  MemoryStream& connect() {
    clients_.push_back(hub_->connect());
    return *clients_.back();
  }
  void settle() { loop_.run_for(Duration(0)); }
  /// Sends the text on a new connection and returns all that comes back at once.
  std::string exchange(std::string_view text) {
    MemoryStream& c = connect();
    return exchange(c, text);
  }
  std::string exchange(MemoryStream& c, std::string_view text) {
    c.out()->bytes.append(text);
    c.out()->readable.wake_all();
    settle();
    return std::exchange(c.in()->bytes, std::string());
  }
  static int status_of(const std::string& answer) {
    return answer.size() > 12 ? std::atoi(answer.c_str() + 9) : 0;
  }

  SimLoop loop_;
  Log log_;
  std::shared_ptr<MemoryHub> hub_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<MemoryStream>> clients_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

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

TEST_F(ServerTest, RefusesWhatTwoParsersCouldReadInTwoWays) {
  const char* bad[] = {
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET /a  HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /a HTTP/1.1 \r\nHost: h\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\nHost: h\n\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /#x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET ftp://x/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
      "3\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n\r\n",
      "\x16\x03\x01\x02\x01\x01",
  };
  for (const char* text : bad) {
    std::string answer = exchange(std::string(text) + std::string(kGet));
    EXPECT_EQ(status_of(answer), 400) << text << "\n-> " << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << text;
    // The smuggled request behind it is never served.
    EXPECT_EQ(answer.find("[GET /a ]"), std::string::npos) << text;
    EXPECT_TRUE(clients_.back()->in()->ended) << text;
  }
  EXPECT_EQ(status_of(exchange("GET /\r\n\r\n")), 505);
  EXPECT_EQ(status_of(exchange(
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
            501);
  EXPECT_EQ(status_of(exchange("GET / HTTP/2.0\r\nHost: h\r\n\r\n")), 505);
  EXPECT_EQ(status_of(exchange("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n")), 501);
  EXPECT_EQ(status_of(exchange(
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
            501);
  EXPECT_EQ(status_of(exchange("POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n")), 417);
}

TEST_F(ServerTest, TakesTheAbsoluteForm) {
  std::string answer = exchange("GET http://other:81/a?b HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("[GET /a ]")) << answer;
  EXPECT_EQ(log_.requests.back(), "GET /a?b");
}

TEST_F(ServerTest, LimitsHeaders) {
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  EXPECT_EQ(status_of(exchange(many + "\r\n")), 431);
  std::string big =
      "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(limits::kHttpHeaderBytesMax, 'x');
  EXPECT_EQ(status_of(exchange(big)), 431);
  EXPECT_EQ(status_of(exchange("GET /" + std::string(limits::kHttpHeaderBytesMax, 'x'))), 431);
  std::string fits = "GET /a HTTP/1.1\r\nHost: h\r\nA: " + std::string(60'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(status_of(exchange(fits)), 200);
}

TEST_F(ServerTest, LimitsBodies) {
  // Announced as too large: refused before any of it is read.
  std::string answer = exchange("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(status_of(answer), 413);
  EXPECT_EQ(log_.errors.back(), "body_too_large");
  answer = exchange("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                    std::string(1001, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_of(answer), 413);
  answer = exchange("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" +
                    std::string(1000, 'x'));
  EXPECT_EQ(status_of(answer), 200);
}

TEST_F(ServerTest, AHandlerWithoutAnAnswerGets500) {
  std::string answer = exchange("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(status_of(answer), 500);
  EXPECT_TRUE(answer.ends_with(
      R"({"error":{"code":"internal_server_error","message":"the request could not be served"}})"))
      << answer;
}

TEST_F(ServerTest, SlowHeadersAreAnswered408) {
  MemoryStream& c = connect();
  EXPECT_EQ(exchange(c, "GET / HT"), "");
  // One byte now and then does not move the limit.
  for (int i = 0; i < 29; ++i) {
    loop_.run_for(1s);
    exchange(c, i == 0 ? "TP/1.1\r\nA:" : "x");
    EXPECT_FALSE(c.in()->ended) << i;
  }
  loop_.run_for(2s);
  EXPECT_EQ(status_of(c.in()->bytes), 408);
  EXPECT_TRUE(c.in()->ended);
}

TEST_F(ServerTest, SlowBodiesAreAnswered408) {
  MemoryStream& c = connect();
  exchange(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  loop_.run_for(29s);
  exchange(c, "c");
  loop_.run_for(29s);
  EXPECT_FALSE(c.in()->ended);
  loop_.run_for(2s);
  EXPECT_EQ(status_of(c.in()->bytes), 408) << c.in()->bytes;
  EXPECT_TRUE(c.in()->ended);
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  MemoryStream& fresh = connect();
  MemoryStream& kept = connect();
  exchange(kept, kGet);
  loop_.run_for(31s);
  EXPECT_TRUE(fresh.in()->ended) << "never sent anything";
  EXPECT_FALSE(kept.in()->ended);
  exchange(kept, kGet);
  loop_.run_for(119s);
  EXPECT_FALSE(kept.in()->ended);
  loop_.run_for(2s);
  EXPECT_TRUE(kept.in()->ended);
  EXPECT_EQ(kept.in()->bytes, "");
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(ServerTest, TheHandlerHearsThatItsClientLeft) {
  MemoryStream& c = connect();
  exchange(c, "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(server_->in_flight(), 1u);
  c.close();
  settle();
  EXPECT_EQ(log_.cancelled, 1);
  EXPECT_EQ(server_->in_flight(), 0u);
  // The same with a body that nobody has read.
  MemoryStream& d = connect();
  exchange(d, "POST /hang HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  d.close();
  settle();
  EXPECT_EQ(log_.cancelled, 2);
}

TEST_F(ServerTest, AClientThatLeavesMidBodyEndsTheRequest) {
  MemoryStream& c = connect();
  exchange(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc");
  c.close();
  settle();
  EXPECT_EQ(server_->in_flight(), 0u);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(ServerTest, WritingWaitsForASlowReader) {
  MemoryStream& c = connect();
  c.in()->capacity = 100;
  exchange(c, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(server_->in_flight(), 1u);
  std::string got;
  for (int i = 0; i < 20; ++i) {
    got += std::exchange(c.in()->bytes, std::string());
    c.in()->writable.wake_all();
    settle();
  }
  EXPECT_TRUE(got.ends_with("0\r\n\r\n")) << got;
  EXPECT_EQ(server_->in_flight(), 0u);
}

TEST_F(ServerTest, AReaderThatStopsIsGivenUp) {
  MemoryStream& c = connect();
  c.in()->capacity = 10;
  exchange(c, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  loop_.run_for(limits::kHttpWriteTimeout + 1s);
  EXPECT_EQ(server_->in_flight(), 0u);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(ServerTest, StopFinishesWhatIsInFlight) {
  MemoryStream& idle = connect();
  exchange(idle, kGet);
  MemoryStream& busy = connect();
  exchange(busy, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  size_t cut = loop_.run_task(server_->stop(Context(loop_), 10s));
  EXPECT_EQ(cut, 0u);
  EXPECT_TRUE(idle.in()->ended);
  EXPECT_NE(busy.in()->bytes.find("[GET /slow ]"), std::string::npos);
  EXPECT_NE(busy.in()->bytes.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, StopCutsWhatDoesNotEnd) {
  MemoryStream& c = connect();
  exchange(c, "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  MonoTime before = loop_.mono();
  size_t cut = loop_.run_task(server_->stop(Context(loop_), 10s));
  EXPECT_EQ(cut, 1u);
  EXPECT_EQ(log_.cancelled, 1);
  EXPECT_EQ(loop_.mono() - before, Duration(10s));
}

TEST_F(ServerTest, DropConnectionsCutsEverything) {
  MemoryStream& c = connect();
  exchange(c, "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  server_->drop_connections();
  settle();
  EXPECT_EQ(server_->open_connections(), 0u);
  EXPECT_EQ(log_.cancelled, 1);
  // It still serves new connections.
  EXPECT_TRUE(exchange(kGet).ends_with("[GET /a ]"));
}

TEST_F(ServerTest, RefusedBodiesAreReadAwayBeforeClosing) {
  MemoryStream& c = connect();
  exchange(c,
           "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n" + std::string(2000, 'x'));
  EXPECT_TRUE(c.in()->ended);
  EXPECT_FALSE(c.out()->broken) << "still reading, so that the answer is not lost to a reset";
  loop_.run_for(limits::kHttpLingerSilence + 1s);
  EXPECT_EQ(server_->open_connections(), 0u);
}

/// A body of `total` bytes for a server that takes 1000, written whole before the answer is read.
Task<Result<void>> write_all(MemoryStream* c, Context ctx, size_t total, Duration pause) {
  std::string head =
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n";
  CO_TRY_VOID(co_await c->write(ctx, head));
  std::string part(1u << 20, 'x');
  for (size_t sent = 0; sent < total; sent += part.size()) {
    if (pause > Duration::zero()) CO_TRY_VOID(co_await async::sleep_for(ctx, pause));
    CO_TRY_VOID(co_await c->write(ctx, part));
  }
  co_return Result<void>();
}

TEST_F(ServerTest, AClientThatSendsFarTooMuchStillReadsItsRefusal) {
  MemoryStream& c = connect();
  c.out()->capacity = 64u << 10;
  Result<void> written = loop_.run_task(write_all(&c, Context(loop_), 200u << 20, Duration(0)));
  EXPECT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(status_of(c.in()->bytes), 413) << c.in()->bytes;
  c.close();
  settle();
  EXPECT_EQ(server_->open_connections(), 0u) << "ended with the client, not after the silence";
}

TEST_F(ServerTest, ReadingAwayIsBounded) {
  MemoryStream& c = connect();
  c.out()->capacity = 64u << 10;
  MonoTime before = loop_.mono();
  Result<void> written = loop_.run_task(write_all(&c, Context(loop_), 200u << 20, 1s));
  EXPECT_FALSE(written) << "a trickle does not hold the connection for ever";
  EXPECT_LE(loop_.mono() - before, limits::kHttpLingerTotal + 2s);
  EXPECT_EQ(server_->open_connections(), 0u);
}

}  // namespace
}  // namespace drover::http
