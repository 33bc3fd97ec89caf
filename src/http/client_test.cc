// What the client writes and what it makes of answers.

#include "http/client.h"

#include <gtest/gtest.h>

#include "http/client_test_fixture.h"

namespace drover::http {
namespace {

TEST_F(ClientTest, WritesBodiesOfAllSizesWhole) {
  for (bool at_once : {false, true}) {
    for (size_t size : {0u, 4'095u, 4'096u, 4'097u, 16'384u, 16'385u, 400'000u}) {
      for (size_t capacity : {SIZE_MAX, size_t{5}, size_t{100}, size_t{6'000}}) {
        SCOPED_TRACE(std::to_string(size) + " through " + std::to_string(capacity) +
                     (at_once ? " at once" : ""));
        std::string text(size, ' ');
        for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
        hub_->capacity_up = capacity;
        hub_->tells_at_once_up = at_once;
        std::optional<Sent> out;
        begin(request("POST", text), &out);
        std::string got;
        for (std::string part = sent(); !part.empty(); part = sent()) {
          got += part;
          server().in()->writable.wake_all();
          settle();
        }
        ASSERT_TRUE(got.ends_with("\r\n\r\n" + text));
        EXPECT_NE(got.find("Content-Length: " + std::to_string(size) + "\r\n"), got.npos);
        feed("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        ASSERT_TRUE(out && out->has_value());
      }
    }
  }
}

TEST_F(ClientTest, WritesARequestAndReadsItsAnswer) {
  ClientRequest r = request("POST", "hello");
  r.headers.add("Authorization", "Bearer k");
  r.headers.add("Content-Length", "999");  // ours to say
  Sent sent = call(std::move(r), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A:  b \r\n\r\nabc");
  EXPECT_EQ(request_text_,
            "POST /v1/x?y HTTP/1.1\r\nHost: up.example:8080\r\nAuthorization: Bearer k\r\n"
            "Content-Length: 5\r\n\r\nhello");
  EXPECT_EQ(server().in()->writes, 1u);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ((*sent)->head().status, 200);
  EXPECT_EQ((*sent)->head().headers.get("x-a"), "b");
  EXPECT_EQ(body(sent), "abc");
  EXPECT_EQ(client_->idle_connections(), 1u);
}

TEST_F(ClientTest, TakesEachAnswerForWhatItSays) {
  const std::string interim = "HTTP/1.1 103 Early\r\nX-A: 1\r\n\r\n";
  for (const std::string& before : {std::string(), interim}) {
    for (int status : {200, 200, 404, 200}) {
      for (std::string more : {"X-A: 1\r\n", "X-A: 1\r\n", "X-A: 12\r\n", "X-A: 1\r\nX-B: 2\r\n",
                               "X-A: 1\r\n", "X-C: large\r\nX-A: 1\r\n", "X-A:  1 \r\n", ""}) {
        if (more.starts_with("X-C")) more.insert(5, 5'000, 'x');
        const std::string head = "HTTP/1.1 " + std::to_string(status) + " Some\r\n" + more;
        for (std::string text : {"abc", "abcd"}) {
          const std::string length = "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n";
          Sent sent = call(request(), before + head + length + text);
          ASSERT_TRUE(sent.has_value());
          EXPECT_EQ((*sent)->head().status, status);
          const std::string_view a = more.empty() ? "none" : more.find("12") == 5 ? "12" : "1";
          EXPECT_EQ((*sent)->head().headers.get("x-a").value_or("none"), a);
          EXPECT_EQ((*sent)->head().headers.has("x-b"), more.ends_with("2\r\n") && a == "1");
          EXPECT_EQ((*sent)->take_buffered(9), text);
        }
      }
    }
  }
  EXPECT_EQ(hub_->dials, 1);
}

TEST_F(ClientTest, TakesABodyWithoutATaskWhereAllOfItIsHere) {
  Sent whole = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ((*whole)->take_buffered(2), std::nullopt) << "more than may be taken";
  EXPECT_EQ((*whole)->take_buffered(3), "abc");
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Sent chunked = call(request(), head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ((*chunked)->take_buffered(4), std::nullopt);
  EXPECT_EQ((*chunked)->take_buffered(5), "abcde");
  EXPECT_EQ(hub_->dials, 1) << "each time the connection was given back";
  // What is not all here, or is in no order, is read as ever.
  Sent half = call(request(), head + "3\r\nabc\r\n");
  EXPECT_EQ((*half)->take_buffered(9), std::nullopt);
  feed("0\r\n\r\n");
  EXPECT_EQ(body(half), "abc");
  Sent broken = call(request(), head + "3\r\nabcdef");
  EXPECT_EQ((*broken)->take_buffered(9), std::nullopt);
  Result<std::string> read = body(broken);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "protocol");
  Sent open = call(request(), "HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_EQ((*open)->take_buffered(9), std::nullopt) << "its end is the connection's";
}

TEST_F(ClientTest, ChunksThatCameTogetherAreOnePart) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Sent sent = call(request(), head + "3\r\nabc\r\n2;x=y\r\nde\r\n4\r\nfg");
  auto next = [&] { return loop_.run_task((*sent)->read_some(Context(loop_))); };
  EXPECT_EQ(*next(), "abcdefg");
  feed("hi\r\n1\r\nj\r\n0\r\n\r\n");
  EXPECT_EQ(*next(), "hij");
  EXPECT_EQ(*next(), "");
  // What precedes a fault is not lost.
  sent = call(request(), head + "3\r\nabc\r\nzz\r\n");
  EXPECT_EQ(*next(), "abc");
  Result<std::string_view> broken = next();
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().reason, "protocol");
}

TEST_F(ClientTest, AnEndThatIsHereNeedsNoReading) {
  Sent sent =
      call(request(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  Result<std::string_view> part = loop_.run_task((*sent)->read_some(Context(loop_)));
  ASSERT_EQ(*part, "abc");
  EXPECT_EQ((*sent)->take_buffered(0), "");
  EXPECT_EQ(client_->idle_connections(), 1u);
}

TEST_F(ClientTest, ACutBodyIsAnError) {
  Sent sent = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", true);
  ASSERT_TRUE(sent.has_value());
  Result<std::string> all = body(sent);
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().reason, "cut");
  EXPECT_EQ(all.error().code, Code::kUnavailable);
  Sent chunked =
      call(request(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true);
  all = body(chunked);
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().reason, "cut");
  // Until close is the one form whose end is the end.
  Sent until = call(request(), "HTTP/1.1 200 OK\r\n\r\nabc", true);
  EXPECT_EQ(body(until), "abc");
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, TakesAnAnswerSplitAnywhere) {
  const std::string answer =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n4\r\ndefg\r\n0\r\nT: v\r\n\r\n";
  for (size_t at = 0; at <= answer.size(); ++at) {
    std::optional<Sent> out;
    begin(request(), &out);
    feed(std::string_view(answer).substr(0, at));
    std::string rest = answer.substr(at);
    feed(rest);
    ASSERT_TRUE(out.has_value() && out->has_value()) << at;
    EXPECT_EQ((**out)->head().status, 200);
    EXPECT_EQ(body(*out), "abcdefg") << at;
  }
  EXPECT_EQ(hub_->dials, 1);
}

TEST_F(ClientTest, RefusesAnswersThatAreNotProper) {
  for (const char* bad :
       {"SSH-2.0-x\r\n", "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n"}) {
    Sent sent = call(request(), bad);
    ASSERT_FALSE(sent.has_value()) << bad;
    EXPECT_EQ(sent.error().reason, "protocol") << bad;
  }
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  EXPECT_EQ(call(request(), many + "\r\n").error().reason, "protocol");
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(call(request(), interim).error().reason, "protocol");
  Sent bad_chunk = call(request(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(body(bad_chunk).error().reason, "protocol");
}

TEST_F(ClientTest, RefusesInjection) {
  ClientRequest r = request();
  r.headers.add("X", "a\r\nEvil: b");
  Sent sent = loop_.run_task(client_->send(Context(loop_), r));
  EXPECT_EQ(sent.error().code, Code::kInvalidArgument);
  ClientRequest target = request();
  target.url.target = "/a b";
  EXPECT_FALSE(loop_.run_task(client_->send(Context(loop_), target)).has_value());
  ClientRequest method = request("GET /");
  EXPECT_FALSE(loop_.run_task(client_->send(Context(loop_), method)).has_value());
  EXPECT_EQ(hub_->dials, 0);
}

TEST_F(ClientTest, RequestsToAPreparedTargetReadTheSame) {
  constexpr const char* kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  ClientRequest r = request();
  r.headers.add("Accept", "text/plain");
  r.headers.add("Content-Length", "77");  // ours to say
  r.more_headers[1] = {"X-Attempt", "2"};
  ASSERT_TRUE(call(r, kAnswer));
  const std::string plain = request_text_;
  EXPECT_EQ(plain,
            "POST /v1/x?y HTTP/1.1\r\nHost: up.example:8080\r\nAccept: text/plain\r\n"
            "X-Attempt: 2\r\nContent-Length: 2\r\n\r\n{}");
  r.prepare();
  EXPECT_FALSE(r.prepared.empty());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(call(r, kAnswer));
    EXPECT_EQ(request_text_, plain);
  }
  r.more_headers[0] = {"X", "a\r\nEvil: b"};
  EXPECT_EQ(loop_.run_task(client_->send(Context(loop_), r)).error().code, Code::kInvalidArgument);
}

TEST_F(ClientTest, ATargetThatIsNotUsableStaysSo) {
  ClientRequest r = request();
  r.headers.add("X", "a\r\nEvil: b");
  r.prepare();
  EXPECT_TRUE(r.prepared.empty());
  EXPECT_FALSE(loop_.run_task(client_->send(Context(loop_), r)));
  EXPECT_EQ(hub_->dials, 0);
}

TEST_F(ClientTest, NamesTheTimeLimitThatPassed) {
  ClientRequest r = request();
  r.headers_timeout = 3s;
  std::optional<Sent> out;
  MonoTime before = loop_.mono();
  begin(std::move(r), &out);
  while (!out && loop_.step()) {
  }
  ASSERT_TRUE(out.has_value() && !out->has_value());
  EXPECT_EQ(out->error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(out->error().reason, "headers");
  EXPECT_EQ(loop_.mono() - before, Duration(3s));

  Sent stalled = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  Context ctx = Context(loop_).with_timeout(2s);
  Result<std::string> all = loop_.run_task((*stalled)->read_all(ctx, 100));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(all.error().reason, "body");

  // On a reused connection too, whose read was pending before the request.
  Sent warm = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ClientRequest again = request();
  again.headers_timeout = 3s;
  out.reset();
  begin(std::move(again), &out);
  while (!out && loop_.step()) {
  }
  EXPECT_EQ(out->error().reason, "headers");
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, BoundsABufferedAnswer) {
  Sent sent = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nab");
  EXPECT_EQ(body(sent, 100).error().code, Code::kResourceExhausted);
  Sent chunked = call(request(),
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n");
  EXPECT_EQ(body(chunked, 9).error().code, Code::kResourceExhausted);
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, TakesAnEarlyAnswerToARequestThatCannotBeWritten) {
  // The server answers and goes while the body is still being written.
  hub_->capacity_up = 50'000;
  std::optional<Sent> out;
  begin(request("POST", std::string(100'000, 'x')), &out);
  EXPECT_FALSE(out.has_value());
  feed("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  server().in()->broken = true;
  server().in()->wake();
  settle();
  ASSERT_TRUE(out.has_value() && out->has_value());
  EXPECT_EQ((**out)->head().status, 413);
}

TEST_F(ClientTest, AnAnswerMayOutliveItsClient) {
  Sent sent = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
  client_.reset();
  feed("bc");
  EXPECT_EQ(body(sent), "abc");
  settle();
  EXPECT_TRUE(server().in()->ended) << "not pooled any more";
}

}  // namespace
}  // namespace drover::http
