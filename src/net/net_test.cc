#include <gtest/gtest.h>
#include <sys/resource.h>

#include "net/test_net.h"

namespace drover::net {
namespace {

using async::Scope;

Task<Result<std::string>> echo_once(Context ctx, Network* network, Endpoint at) {
  CO_TRY(auto listener, network->listen(at, TlsServerOptions()));
  Scope scope(ctx);
  scope.spawn(echo_server(scope.context(), listener.get()));
  auto answer = co_await ask(ctx, &network->dialer(), target_of(listener->local()), "hello");
  listener->close();
  co_await scope.join();
  co_return answer;
}

TEST(RealSockets, Echo) {
  RealNet net;
  auto r = net.loop.run_task(echo_once(net.ctx, net.network.get(), any_port()));
  ASSERT_TRUE(r) << r.error().to_string();
  EXPECT_EQ(*r, "hello");
}

TEST(RealSockets, EchoOnIpv6) {
  RealNet net;
  auto r = net.loop.run_task(echo_once(net.ctx, net.network.get(), any_port("::1")));
  if (!r && r.error().message.find("listen") != std::string::npos) {
    GTEST_SKIP() << "no IPv6 here: " << r.error().to_string();
  }
  ASSERT_TRUE(r) << r.error().to_string();
  EXPECT_EQ(*r, "hello");
}

Task<void> ask_rounds(Context ctx, Dialer* dialer, DialTarget target, int id, int* good) {
  auto stream = co_await dialer->dial(ctx, target);
  if (!stream) co_return;
  for (int round = 0; round < 3; ++round) {
    std::string text = "client " + std::to_string(id) + " round " + std::to_string(round);
    auto written = co_await (*stream)->write(ctx, text);
    auto answer = co_await read_n(ctx, stream->get(), text.size());
    if (!written || !answer || *answer != text) co_return;
  }
  ++*good;
}

Task<int> many_clients(Context ctx, Network* network, int clients) {
  auto listener = network->listen(any_port(), TlsServerOptions());
  int good = 0;
  Scope servers(ctx);
  servers.spawn(echo_server(servers.context(), listener->get()));
  Scope asking(ctx);
  for (int i = 0; i < clients; ++i) {
    asking.spawn(ask_rounds(asking.context(), &network->dialer(), target_of((*listener)->local()),
                            i, &good));
  }
  co_await asking.join();
  servers.cancel();
  co_await servers.join();
  co_return good;
}

TEST(RealSockets, AThousandConnectionsAtOnce) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2'200) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4'096);
    setrlimit(RLIMIT_NOFILE, &files);
  }
  RealNet net;
  EXPECT_EQ(net.loop.run_task(many_clients(net.ctx, net.network.get(), 1'000)), 1'000);
}

Task<Result<size_t>> read_some(Context ctx, Stream* stream) {
  std::vector<char> buffer(100);
  co_return co_await stream->read(ctx, buffer);
}

TEST(RealSockets, DeadlineEndsAReadAndTheStreamLivesOn) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  for (int i = 0; i < 3; ++i) {
    auto r = net.loop.run_task(read_some(net.ctx.with_timeout(5ms), pair->client.get()));
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Code::kDeadlineExceeded);
  }
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "late")));
  auto r = net.loop.run_task(read_some(net.ctx, pair->client.get()));
  ASSERT_TRUE(r);
  EXPECT_EQ(*r, 4u);
}

TEST(RealSockets, AnOverdueContextReadsNothing) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "ready")));
  auto r = net.loop.run_task(read_some(net.ctx.with_timeout(-1s), pair->client.get()));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kDeadlineExceeded);
}

TEST(RealSockets, CancelEndsAReadAnAcceptAndAWrite) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  auto listener = net.network->listen(any_port(), TlsServerOptions());
  async::CancelSource source(net.ctx);
  net.loop.call_after(10ms, [&] { source.cancel("enough"); });
  auto read = net.loop.run_task(read_some(source.context(), pair->client.get()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCancelled);
  EXPECT_EQ(read.error().message, "enough");

  async::CancelSource second(net.ctx);
  net.loop.call_after(10ms, [&] { second.cancel(); });
  auto accepted = net.loop.run_task((*listener)->accept(second.context()));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::kCancelled);

  async::CancelSource third(net.ctx);
  net.loop.call_after(10ms, [&] { third.cancel(); });
  std::string large(64 << 20, 'x');  // nobody reads
  auto written = net.loop.run_task(pair->client->write(third.context(), large));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kCancelled);
}

TEST(RealSockets, CloseEndsPendingReadsAndWrites) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  net.loop.call_after(10ms, [&] { pair->client->close(); });
  auto read = net.loop.run_task(read_some(net.ctx, pair->client.get()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCancelled);
  EXPECT_FALSE(net.loop.run_task(read_some(net.ctx, pair->client.get())));
  EXPECT_FALSE(net.loop.run_task(pair->client->write(net.ctx, "x")));
  pair->client->close();  // idempotent
  auto end = net.loop.run_task(read_some(net.ctx, pair->server.get()));
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, 0u);
}

TEST(RealSockets, AStreamMayGoWhileItIsRead) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  net.loop.call_after(10ms, [&] { pair->client.reset(); });
  auto read = net.loop.run_task(read_some(net.ctx, pair->client.get()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCancelled);
}

TEST(RealSockets, ClosingAListenerEndsAccept) {
  RealNet net;
  auto listener = net.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(listener);
  net.loop.call_after(10ms, [&] { (*listener)->close(); });
  auto accepted = net.loop.run_task((*listener)->accept(net.ctx));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::kCancelled);
}

TEST(RealSockets, HalfCloseLeavesTheOtherHalf) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  ASSERT_TRUE(net.loop.run_task(pair->client->write(net.ctx, "question")));
  ASSERT_TRUE(net.loop.run_task(pair->client->shutdown_write(net.ctx)));
  auto all = net.loop.run_task(read_n(net.ctx, pair->server.get(), 1'000));
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, "question");
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "answer")));
  pair->server->close();
  all = net.loop.run_task(read_n(net.ctx, pair->client.get(), 1'000));
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, "answer");
}

Task<Result<std::string>> read_twice(Context ctx, Stream* stream) {
  // The loop hears of all that has happened before the first read, so nothing more will be told.
  CO_TRY_VOID(co_await async::sleep_for(ctx, 20ms));
  char buffer[100];
  CO_TRY(size_t n, co_await stream->read(ctx, buffer));
  CO_TRY(size_t end, co_await stream->read(ctx, buffer));
  co_return std::string(buffer, n) + (end == 0 ? "" : " and more");
}

TEST(RealSockets, AnEndThatCameWithTheLastBytesIsSeen) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  ASSERT_TRUE(net.loop.run_task(pair->client->write(net.ctx, "last words")));
  pair->client->close();
  Context soon = net.ctx.with_timeout(5s);
  auto all = net.loop.run_task(read_twice(soon, pair->server.get()));
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ(*all, "last words");
}

TEST(RealSockets, TwoPiecesGoAsOne) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  auto n = pair->client->try_write_both("a head, ", "a body");
  ASSERT_TRUE(n);
  EXPECT_EQ(*n, 14u);
  EXPECT_EQ(*net.loop.run_task(read_n(net.ctx, pair->server.get(), 14)), "a head, a body");
  const std::string large(64 << 20, 'x');  // nobody reads
  n = pair->client->try_write_both("a head", large);
  ASSERT_TRUE(n);
  EXPECT_GT(*n, 6u);
  EXPECT_LT(*n, large.size());
  auto all = net.loop.run_task(read_n(net.ctx, pair->server.get(), *n));
  EXPECT_EQ(*all, "a head" + large.substr(0, *n - 6));
  pair->client->close();
  EXPECT_FALSE(pair->client->try_write_both("a", "b"));
}

TEST(RealSockets, ResetIsAnErrorToThePeer) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  pair->server->reset();
  auto read = net.loop.run_task(read_some(net.ctx, pair->client.get()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kUnavailable);
  EXPECT_EQ(read.error().reason, "reset");
  EXPECT_EQ(read.error().retry, Retry::kOtherTarget);
}

Task<void> write_all(Context ctx, Stream* stream, const std::string* data, size_t* done) {
  // In parts, so that `done` shows how far it got.
  for (size_t at = 0; at < data->size(); at += 65'536) {
    auto written = co_await stream->write(ctx, std::string_view(*data).substr(at, 65'536));
    if (!written) break;
    *done = std::min(at + 65'536, data->size());
  }
  auto ended = co_await stream->shutdown_write(ctx);
  (void)ended;
}

struct SlowRead {
  std::string got;
  size_t written_before_reading = 0;
};

Task<SlowRead> read_slowly(Context ctx, Pair* pair, const std::string* data) {
  SlowRead out;
  size_t done = 0;
  Scope scope(ctx);
  scope.spawn(write_all(scope.context(), pair->server.get(), data, &done));
  auto slept = co_await async::sleep_for(ctx, 50ms);
  (void)slept;
  out.written_before_reading = done;
  std::vector<char> buffer(50'000);
  for (;;) {
    auto n = co_await pair->client->read(ctx, buffer);
    if (!n || *n == 0) break;
    out.got.append(buffer.data(), *n);
  }
  co_await scope.join();
  co_return out;
}

TEST(RealSockets, AWriterWaitsForASlowReader) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  std::string data(48 << 20, ' ');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 999);
  SlowRead r = net.loop.run_task(read_slowly(net.ctx, &*pair, &data));
  EXPECT_TRUE(r.got == data);
  EXPECT_LT(r.written_before_reading, data.size() / 2);  // the kernel's buffers, not all of it
}

TEST(RealSockets, DialsANameThroughTheResolver) {
  RealNet net;
  auto listener = net.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(listener);
  DialTarget target = target_of((*listener)->local());
  target.host = "localhost";  // ::1 may come first and be refused: the next address is tried
  auto stream = net.loop.run_task(net.network->dialer().dial(net.ctx, target));
  ASSERT_TRUE(stream) << stream.error().to_string();
  EXPECT_EQ((*stream)->remote(), (*listener)->local());
}

TEST(RealSockets, SaysWhyADialFailed) {
  RealNet net;
  auto listener = net.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(listener);
  DialTarget closed = target_of((*listener)->local());
  listener->reset();
  auto refused = net.loop.run_task(net.network->dialer().dial(net.ctx, closed));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().reason, "connect");
  DialTarget unknown;
  unknown.host = "no-such-name.invalid";
  unknown.port = 80;
  auto none = net.loop.run_task(net.network->dialer().dial(net.ctx, unknown));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "dns");
  unknown.host = "";
  EXPECT_FALSE(net.loop.run_task(net.network->dialer().dial(net.ctx, unknown)));
}

TEST(RealSockets, NoSpellingOfAnInsideAddressPassesThePolicy) {
  RealNet net;
  // Whatever getaddrinfo understands is judged by what it becomes.
  for (const char* host : {"127.0.0.1",
                           "localhost",
                           "127.1",
                           "0177.0.0.1",
                           "0x7f.0.0.1",
                           "2130706433",
                           "0x7f000001",
                           "0",
                           "0.0.0.0",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:7f00:1",
                           "169.254.169.254",
                           "2852039166",
                           "10.0.0.1",
                           "192.168.1.1",
                           "172.16.0.1",
                           "100.64.0.1",
                           "fd00::8",
                           "fe80::1",
                           "fe80::1%lo",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a9fe:a9fe",
                           "2002:7f00:1::",
                           "224.0.0.1",
                           "255.255.255.255",
                           "168.63.129.16",
                           "fd00:ec2::254",
                           "localhost."}) {
    DialTarget target;
    target.host = host;
    target.port = 9;
    auto r = net.loop.run_task(net.network->dialer().dial(net.ctx, target));
    ASSERT_FALSE(r) << host;
    // A spelling that the resolver does not know is as good.
    if (r.error().reason == "dns") continue;
    EXPECT_EQ(r.error().code, Code::kPermissionDenied) << host;
    EXPECT_EQ(r.error().reason, "address_forbidden") << host;
  }
}

TEST(RealSockets, TwoListenersOnOnePortAreRefused) {
  RealNet net;
  auto first = net.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(first);
  auto second = net.network->listen((*first)->local(), TlsServerOptions());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  auto odd = net.network->listen(any_port("not an address"), TlsServerOptions());
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace drover::net
