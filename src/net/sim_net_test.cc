#include "net/sim_net.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"

namespace drover::net {
namespace {

using async::Scope;

struct World {
  explicit World(uint64_t seed = 1) : net(loop, seed) {
    Endpoint at;
    at.ip = "model.test";
    at.port = 80;
    auto made = net.listen(at, TlsServerOptions());
    listener = std::move(*made);
  }
  async::SimLoop loop;
  SimNetwork net;
  std::unique_ptr<Listener> listener;
  Context ctx{loop};
};

DialTarget target(std::string host = "model.test", uint16_t port = 80) {
  DialTarget t;
  t.host = std::move(host);
  t.port = port;
  return t;
}

/// What one connection carried: the server sends `size` bytes, the client reads them all.
struct Outcome {
  std::string got;
  Result<void> read;
  Result<void> written;
  MonoTime first_byte;
  MonoTime end;
};

std::string pattern(size_t size) {
  std::string out(size, ' ');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i % 26);
  return out;
}

Task<void> serve_bytes(Context ctx, Listener* listener, size_t size, Result<void>* written) {
  auto stream = co_await listener->accept(ctx);
  if (!stream) {
    *written = fail(stream.error());
    co_return;
  }
  std::string text = pattern(size);
  *written = co_await (*stream)->write(ctx, text);
  (*stream)->close();
}

Task<Result<void>> read_bytes(Context ctx, Dialer* dialer, DialTarget to, Outcome* out) {
  CO_TRY(auto stream, co_await dialer->dial(ctx, to));
  std::vector<char> buffer(1000);
  for (;;) {
    CO_TRY(size_t n, co_await stream->read(ctx, buffer));
    if (out->got.empty()) out->first_byte = ctx.loop().mono();
    if (n == 0) co_return Result<void>();
    out->got.append(buffer.data(), n);
  }
}

Task<Outcome> transfer_task(Context ctx, World* world, size_t size) {
  Outcome out;
  Scope scope(ctx);
  scope.spawn(serve_bytes(scope.context(), world->listener.get(), size, &out.written));
  out.read = co_await read_bytes(ctx, &world->net.dialer(), target(), &out);
  out.end = ctx.loop().mono();
  scope.cancel("over");
  co_await scope.join();
  co_return out;
}

Outcome transfer(World& world, size_t size, Duration timeout = 1h) {
  return world.loop.run_task(transfer_task(world.ctx.with_timeout(timeout), &world, size));
}

TEST(SimNet, CarriesBytesInOrder) {
  World w;
  Outcome o = transfer(w, 300'000);
  ASSERT_TRUE(o.read);
  EXPECT_EQ(o.got, pattern(300'000));
  EXPECT_EQ(w.net.open_connections("model.test"), 0u);
}

TEST(SimNet, LatencyAndBandwidthTakeVirtualTime) {
  World w;
  LinkOptions link = LinkOptions::of(20ms);
  link.bytes_per_second = 1'000'000;
  w.net.set_link("model.test", link);
  Outcome o = transfer(w, 500'000);
  ASSERT_TRUE(o.read);
  // Dial 40 ms, bytes 500 ms, the way 20 ms; the window of 64 KiB is filled within its 20 ms.
  EXPECT_GE(o.end.time_since_epoch(), Duration(560ms));
  EXPECT_LT(o.end.time_since_epoch(), Duration(900ms));
}

TEST(SimNet, JitterKeepsOrder) {
  World w(7);
  LinkOptions link = LinkOptions::of(1ms);
  link.jitter = 50ms;
  link.window = 100;
  w.net.set_link("*", link);
  Outcome o = transfer(w, 5'000);
  ASSERT_TRUE(o.read);
  EXPECT_EQ(o.got, pattern(5'000));
}

TEST(SimNet, WriterWaitsForASlowReader) {
  World w;
  Result<void> written;
  auto slow = [](Context ctx, World* world, Result<void>* result) -> Task<bool> {
    Scope scope(ctx);
    scope.spawn(serve_bytes(scope.context(), world->listener.get(), 200'000, result));
    auto stream = co_await world->net.dialer().dial(ctx, target());
    // Nothing is read, so the write cannot end however long one waits.
    auto slept = co_await async::sleep_for(ctx, 1h);
    bool blocked = slept && scope.running() == 1;
    (*stream)->close();
    co_await scope.join();
    co_return blocked;
  };
  EXPECT_TRUE(w.loop.run_task(slow(w.ctx, &w, &written)));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, "reset");
}

TEST(SimNet, ResetAfterBytes) {
  World w;
  w.net.add_fault("model.test", Fault::reset_after(70'001));
  Outcome o = transfer(w, 100'000);
  ASSERT_FALSE(o.read);
  EXPECT_EQ(o.read.error().code, Code::kUnavailable);
  EXPECT_EQ(o.read.error().reason, "reset");
  EXPECT_EQ(o.got, pattern(70'001));
  EXPECT_FALSE(o.written);
}

TEST(SimNet, CutLooksLikeAnEnd) {
  World w;
  w.net.add_fault("model.test", Fault::cut_after(1'234).only(1));
  Outcome o = transfer(w, 100'000);
  EXPECT_TRUE(o.read);
  EXPECT_EQ(o.got, pattern(1'234));
  EXPECT_FALSE(o.written);
  o = transfer(w, 100'000);  // it struck once
  EXPECT_EQ(o.got, pattern(100'000));
}

TEST(SimNet, StallIsSilence) {
  World w;
  w.net.add_fault("model.test", Fault::stall_after(10));
  Outcome o = transfer(w, 100, 30s);
  ASSERT_FALSE(o.read);
  EXPECT_EQ(o.read.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(o.got, pattern(10));
  EXPECT_EQ(o.end.time_since_epoch(), Duration(30s));
}

TEST(SimNet, DelayPausesOnce) {
  World w;
  w.net.add_fault("model.test", Fault::delay_after(50, 3s));
  Outcome o = transfer(w, 100);
  ASSERT_TRUE(o.read);
  EXPECT_EQ(o.got, pattern(100));
  EXPECT_EQ(o.first_byte.time_since_epoch(), Duration(0));
  EXPECT_EQ(o.end.time_since_epoch(), Duration(3s));
}

TEST(SimNet, CorruptsExactlyOneByte) {
  for (uint64_t at : {0u, 17u, 70'000u, 99'999u}) {
    World w;
    w.net.add_fault("model.test", Fault::corrupt_at(at));
    Outcome o = transfer(w, 100'000);
    ASSERT_TRUE(o.read);
    std::string expected = pattern(100'000);
    expected[at] = static_cast<char>(expected[at] ^ 1);
    EXPECT_TRUE(o.got == expected) << at;
  }
}

TEST(SimNet, RefusedUnknownAndBlackHoled) {
  World w;
  Context ctx = w.ctx.with_timeout(5s);
  auto none = w.loop.run_task(w.net.dialer().dial(ctx, target("nowhere.test")));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "dns");
  auto closed = w.loop.run_task(w.net.dialer().dial(ctx, target("model.test", 81)));
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, "connect");
  EXPECT_EQ(closed.error().retry, Retry::kOtherTarget);
  w.net.add_fault("model.test", Fault::refuse().only(1));
  auto refused = w.loop.run_task(w.net.dialer().dial(ctx, target()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "connect");
  w.net.add_fault("model.test", Fault::dns_failure().only(1));
  auto dns = w.loop.run_task(w.net.dialer().dial(ctx, target()));
  ASSERT_FALSE(dns);
  EXPECT_EQ(dns.error().reason, "dns");
  w.net.add_fault("model.test", Fault::black_hole());
  auto silent = w.loop.run_task(w.net.dialer().dial(ctx, target()));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(silent.error().reason, "connect");
  w.net.clear_faults("model.test");
  EXPECT_TRUE(w.loop.run_task(w.net.dialer().dial(w.ctx, target())));
}

TEST(SimNet, ChecksTheAddressPolicy) {
  World w;
  Endpoint inside;
  inside.ip = "169.254.169.254";
  inside.port = 80;
  auto listener = w.net.listen(inside, TlsServerOptions());
  ASSERT_TRUE(listener);
  w.net.set_host("rebind.test", {"169.254.169.254"});
  auto forbidden = w.loop.run_task(w.net.dialer().dial(w.ctx, target("rebind.test")));
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().code, Code::kPermissionDenied);
  EXPECT_EQ(forbidden.error().reason, "address_forbidden");
  DialTarget allowed = target("rebind.test");
  allowed.policy.allow.push_back("169.254.0.0/16");
  EXPECT_TRUE(w.loop.run_task(w.net.dialer().dial(w.ctx, allowed)));
}

TEST(SimNet, PartitionHoldsTrafficUntilItHeals) {
  World w;
  w.net.set_link("model.test", LinkOptions::of(1ms));
  w.loop.call_after(3ms, [&] { w.net.set_partitioned("model.test", true); });
  w.loop.call_after(10s, [&] { w.net.set_partitioned("model.test", false); });
  Outcome o = transfer(w, 1'000'000);
  ASSERT_TRUE(o.read);
  EXPECT_EQ(o.got, pattern(1'000'000));
  EXPECT_GE(o.end.time_since_epoch(), Duration(10s));
}

TEST(SimNet, ResetConnectionsIsACrashOfTheHost) {
  World w;
  w.net.set_link("model.test", LinkOptions::of(1ms));
  w.loop.call_after(10ms, [&] { w.net.reset_connections("model.test"); });
  Outcome o = transfer(w, 10'000'000);
  ASSERT_FALSE(o.read);
  EXPECT_EQ(o.read.error().reason, "reset");
  EXPECT_GT(o.got.size(), 0u);
  EXPECT_LT(o.got.size(), 10'000'000u);
}

TEST(SimNet, TlsAndAlpnMustMatch) {
  World w;
  TlsServerOptions tls;
  tls.enabled = true;
  Endpoint at;
  at.ip = "secure.test";
  at.port = 443;
  auto listener = w.net.listen(at, tls);
  ASSERT_TRUE(listener);
  auto plain = w.loop.run_task(w.net.dialer().dial(w.ctx, target("secure.test", 443)));
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().reason, "tls");
  DialTarget secure = target("secure.test", 443);
  secure.tls.enabled = true;
  secure.tls.alpn.push_back("http/1.1");
  auto stream = w.loop.run_task(w.net.dialer().dial(w.ctx, secure));
  ASSERT_TRUE(stream);
  EXPECT_EQ((*stream)->alpn(), "http/1.1");
  EXPECT_TRUE((*stream)->is_tls());
}

TEST(SimNet, CloseEndsAPendingReadHere) {
  World w;
  auto both = [](Context ctx, World* world) -> Task<Result<size_t>> {
    CO_TRY(auto stream, co_await world->net.dialer().dial(ctx, target()));
    Stream* raw = stream.get();
    ctx.loop().call_after(1s, [raw] { raw->close(); });
    char buffer[10];
    co_return co_await raw->read(ctx, buffer);
  };
  auto r = w.loop.run_task(both(w.ctx, &w));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kCancelled);
}

/// A run with random faults as text: equal for equal seeds.
std::string history(uint64_t seed) {
  World w(seed);
  LinkOptions link = LinkOptions::of(2ms);
  link.jitter = 30ms;
  link.window = 4'096;
  w.net.set_link("*", link);
  Fault reset = Fault::reset_after(1).one_in(3);
  reset.after_bytes_max = 20'000;
  w.net.add_fault("*", reset);
  w.net.add_fault("*", Fault::refuse().one_in(5));
  std::string out;
  for (int i = 0; i < 40; ++i) {
    Outcome o = transfer(w, 20'000);
    out += std::to_string(o.got.size()) + (o.read ? "" : o.read.error().reason) + "@" +
           std::to_string(o.end.time_since_epoch().count()) + " ";
  }
  return out;
}

TEST(SimNet, SameSeedSameHistory) {
  EXPECT_EQ(history(3), history(3));
  EXPECT_NE(history(3), history(4));
  EXPECT_NE(history(3).find("reset"), std::string::npos);
  EXPECT_NE(history(3).find("connect"), std::string::npos);
}

}  // namespace
}  // namespace drover::net
