#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

#include "net/test_net.h"

namespace drover::net {
namespace {

TEST(RealSockets, WhatTheKernelHasSaidIsNotAskedAgain) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "four")));
  auto ready = net.loop.run_task(pair->client->readable(net.ctx));
  ASSERT_TRUE(ready);
  char four[4];
  auto n = pair->client->try_read(four);  // full: nothing says that no more is there
  ASSERT_TRUE(n && *n);
  EXPECT_EQ(**n, 4u);
  EXPECT_FALSE(pair->client->try_read(four));
  ready = net.loop.run_task(pair->client->readable(net.ctx.with_timeout(5ms)));
  ASSERT_FALSE(ready) << "it waits for the next event";
  EXPECT_EQ(ready.error().code, Code::kDeadlineExceeded);
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "more")));
  ASSERT_TRUE(net.loop.run_task(pair->client->readable(net.ctx)));
  n = pair->client->try_read(four);
  ASSERT_TRUE(n && *n);
  EXPECT_EQ(std::string(four, 4), "more");
}

Task<std::string> wait_and_take(Context ctx, Stream* stream) {
  while (async::WaitQueue* arriving = stream->nothing_to_read()) co_await arriving->wait(ctx);
  std::array<char, 8> room;
  std::optional<Result<size_t>> n = stream->try_read(room);
  if (!n) co_return "nothing";
  if (!*n) co_return (*n).error().message;
  co_return std::string(room.data(), **n);
}

TEST(RealSockets, OneWaitsForWhatComesWithoutATask) {
  RealNet net;
  auto pair = plain_pair(net);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->client->nothing_to_read(), nullptr) << "nobody has asked the kernel";
  std::array<char, 8> room;
  EXPECT_FALSE(pair->client->try_read(room));
  EXPECT_NE(pair->client->nothing_to_read(), nullptr);
  ASSERT_TRUE(net.loop.run_task(pair->server->write(net.ctx, "abc")));
  EXPECT_EQ(net.loop.run_task(wait_and_take(net.ctx, pair->client.get())), "abc");
  EXPECT_NE(pair->client->nothing_to_read(), nullptr) << "it took less than there was room for";
  // A close ends the wait.
  net.loop.call_after(5ms, [&] { pair->client->close(); });
  EXPECT_EQ(net.loop.run_task(wait_and_take(net.ctx, pair->client.get())), "the stream was closed");
  EXPECT_EQ(pair->client->nothing_to_read(), nullptr);
}

}  // namespace
}  // namespace drover::net
