// What the server refuses, what it bounds, whom it gives up, and how it stops.

#include <gtest/gtest.h>

#include "base/limits/http.h"
#include "http/server_test_fixture.h"

namespace drover::http {
namespace {

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

TEST_F(ServerTest, WatchesAStreamThatTellsIfItIsEmpty) {
  MemoryStream& leaves = connect();
  MemoryStream& stays = connect();
  MemoryStream& waits = connect();
  for (MemoryStream* c : {&leaves, &stays, &waits}) c->out()->tells_if_empty = true;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status_of(exchange(stays, kGet)), 200);
  exchange(leaves, "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n");
  leaves.close();
  settle();
  EXPECT_EQ(log_.cancelled, 1) << "during a request";
  // The next request comes while one is being served.
  exchange(waits, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(exchange(waits, kGet), "");
  loop_.run_for(6s);
  EXPECT_NE(waits.in()->bytes.find("[GET /slow ]"), std::string::npos);
  EXPECT_NE(waits.in()->bytes.find("[GET /a ]"), std::string::npos);
  loop_.run_for(113s);
  EXPECT_FALSE(stays.in()->ended);
  loop_.run_for(2s);
  EXPECT_TRUE(stays.in()->ended) << "the idle timeout";
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
