// Which connections the client keeps, and when it may send a request again on another.

#include <gtest/gtest.h>

#include "base/limits/http.h"
#include "http/client_test_fixture.h"

namespace drover::http {
namespace {

TEST_F(ClientTest, ReusesAConnectionThatWasReadToItsEnd) {
  for (int i = 0; i < 3; ++i) {
    Sent sent = call(request(),
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n0\r\n\r\n");
    ASSERT_TRUE(sent.has_value());
    EXPECT_EQ((*sent)->timing().reused, i > 0);
    EXPECT_EQ(body(sent), "abc");
  }
  EXPECT_EQ(hub_->dials, 1);
  // Without a body at all.
  Sent none = call(request("GET", ""), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(client_->idle_connections(), 1u);
  Sent head = call(request("HEAD", ""), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  EXPECT_EQ(body(head), "");
  EXPECT_EQ(hub_->dials, 1);
}

TEST_F(ClientTest, NeverReusesWhatCannotBeReused) {
  {
    Sent unread = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    ASSERT_TRUE(unread.has_value());
  }
  EXPECT_EQ(client_->idle_connections(), 0u);
  {
    Sent closing =
        call(request(), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na");
    EXPECT_EQ(body(closing), "a");
  }
  EXPECT_EQ(client_->idle_connections(), 0u);
  {
    Sent old = call(request(), "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na");
    EXPECT_EQ(body(old), "a");
  }
  EXPECT_EQ(client_->idle_connections(), 0u);
  {
    Sent extra =
        call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(body(extra), "a");
  }
  EXPECT_EQ(client_->idle_connections(), 0u);
  {
    Sent aborted = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na");
    (*aborted)->abort();
    EXPECT_FALSE(body(aborted).has_value());
  }
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, KeepsPoolsApart) {
  Sent a = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client_->idle_connections(), 1u);
  // The same origin under another address policy must be checked again.
  ClientRequest strict = request();
  strict.policy.allow_private = true;
  Sent b = call(std::move(strict), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(hub_->dials, 2);
  ClientRequest other = request();
  other.url.port = 1;
  Sent c = call(std::move(other), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(hub_->dials, 3);
  EXPECT_EQ(client_->idle_connections(), 3u);
  client_->clear_idle();
  settle();
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, AnIdleConnectionThatThePeerEndsLeavesThePool) {
  Sent a = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client_->idle_connections(), 1u);
  end();
  EXPECT_EQ(client_->idle_connections(), 0u);
  Sent b = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(b.has_value());
  feed("HTTP/1.1 408 Request Timeout\r\n\r\n");  // unasked
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(ClientTest, IdleConnectionsAreClosedInTime) {
  Sent a = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  loop_.run_for(limits::kHttpClientIdleTimeout + 1s);
  EXPECT_EQ(client_->idle_connections(), 0u);
  EXPECT_TRUE(server().in()->ended);
}

TEST_F(ClientTest, RepeatsAStaleRequestOnlyIfThatIsSafe) {
  Sent first = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  std::optional<Sent> out;
  begin(request("GET", ""), &out);
  end();  // the reused connection dies unanswered
  EXPECT_FALSE(out.has_value());
  EXPECT_EQ(hub_->dials, 2);
  EXPECT_TRUE(sent().starts_with("GET "));
  feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(out.has_value() && out->has_value());
  EXPECT_FALSE((**out)->timing().reused);
  // A POST may have been carried out.
  out.reset();
  begin(request("POST"), &out);
  end();
  ASSERT_TRUE(out.has_value() && !out->has_value());
  EXPECT_EQ(out->error().reason, "reset");
  EXPECT_EQ(out->error().retry, Retry::kOtherTarget);
  EXPECT_EQ(hub_->dials, 2);
}

// Any request may go on another connection while nothing of it has gone out on the first.
TEST_F(ClientTest, AConnectionThatEndsWhileItIsTakenIsNotWrittenTo) {
  for (const char* unasked : {"", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"}) {
    Sent first = call(request(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const int dials = hub_->dials;
    // It is here, and whoever watches the connection has not yet run.
    server().out()->bytes.append(unasked);
    server().out()->ended = *unasked == 0;
    server().out()->wake();
    std::optional<Sent> out;
    take(request("POST"), &out);
    settle();
    EXPECT_EQ(hub_->dials, dials + 1);
    EXPECT_TRUE(sent().starts_with("POST "));
    feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(out.has_value() && out->has_value());
    EXPECT_EQ((**out)->head().status, 200);
    EXPECT_FALSE((**out)->timing().reused);
  }
}

TEST_F(ClientTest, TellsWhetherTheRequestWentOut) {
  bool gone_out = false;
  std::optional<Sent> out;
  ClientRequest unanswered = request("POST");
  unanswered.sent = &gone_out;
  begin(std::move(unanswered), &out);
  EXPECT_TRUE(gone_out) << "before there is an answer";
  end();
  ASSERT_TRUE(out.has_value() && !out->has_value());

  gone_out = false;
  ClientRequest unsafe = request("POST");
  unsafe.headers.add("x", "a\r\nb");
  unsafe.sent = &gone_out;
  out.reset();
  begin(std::move(unsafe), &out);
  ASSERT_TRUE(out.has_value() && !out->has_value());
  EXPECT_FALSE(gone_out);
}

TEST_F(ClientTest, AFreshConnectionIsNotTriedTwice) {
  std::optional<Sent> out;
  begin(request("GET", ""), &out);
  end();
  ASSERT_TRUE(out.has_value() && !out->has_value());
  EXPECT_EQ(out->error().reason, "reset");
  EXPECT_EQ(hub_->dials, 1);
}

}  // namespace
}  // namespace drover::http
