#include "http/json_rpc.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "http/memory_net.h"

namespace drover::http {
namespace {

TEST(JsonRpc, WritesAndReadsEachKind) {
  for (const char* text : {
           R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})",
           R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1.50,"é"]}})",
           R"({"jsonrpc":"2.0","method":"notifications/initialized","params":[]})",
           R"({"jsonrpc":"2.0","id":-7,"result":{"tools":[]}})",
           R"({"jsonrpc":"2.0","id":1,"result":null})",
           R"({"jsonrpc":"2.0","id":"x","error":{"code":-32601,"message":"no","data":{"a":1}}})",
           R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}})",
       }) {
    Result<RpcMessage> message = decode_rpc(text);
    ASSERT_TRUE(message.has_value()) << text << message.error().to_string();
    EXPECT_EQ(encode(*message), text);
  }
}

TEST(JsonRpc, RefusesWhatIsNoMessage) {
  for (const char* text : {
           "",
           "{",
           "7",
           "[]",
           R"({"id":1,"method":"m"})",
           R"({"jsonrpc":"1.0","id":1,"method":"m"})",
           R"({"jsonrpc":"2.0"})",
           R"({"jsonrpc":"2.0","id":1})",
           R"({"jsonrpc":"2.0","id":null,"method":"m"})",
           R"({"jsonrpc":"2.0","id":1.5,"method":"m"})",
           R"({"jsonrpc":"2.0","id":{},"method":"m"})",
           R"({"jsonrpc":"2.0","id":1,"method":7})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","params":"text"})",
           R"({"jsonrpc":"2.0","id":1,"method":"m","result":1})",
           R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"x"}})",
           R"({"jsonrpc":"2.0","id":null,"result":1})",
           R"({"jsonrpc":"2.0","id":1,"error":{"message":"x"}})",
           R"({"jsonrpc":"2.0","id":1,"error":"x"})",
       }) {
    EXPECT_FALSE(decode_rpc(std::string_view(text)).has_value()) << text;
  }
}

TEST(JsonRpc, ReadsBatches) {
  EXPECT_EQ(decode_rpc_batch(R"({"jsonrpc":"2.0","method":"m"})")->size(), 1u);
  EXPECT_EQ(
      decode_rpc_batch(R"([{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","id":1,"result":2}])")
          ->size(),
      2u);
  EXPECT_FALSE(decode_rpc_batch("[]").has_value());
  EXPECT_FALSE(decode_rpc_batch("[1]").has_value());
  std::string huge = "[";
  for (int i = 0; i < 1001; ++i) huge += R"({"jsonrpc":"2.0","method":"m"},)";
  huge.back() = ']';
  EXPECT_FALSE(decode_rpc_batch(huge).has_value());
}

class LineTest : public testing::Test {
 protected:
  std::vector<std::string> read_all(std::string_view text, size_t piece, size_t max = 100) {
    MemoryPair pair = make_memory_pair();
    pair.client->out()->bytes = text;
    pair.client->out()->ended = true;
    pair.client->out()->read_max = piece;
    LineReader reader(*pair.server, max);
    std::vector<std::string> out;
    for (;;) {
      auto line = loop_.run_task(reader.next(async::Context(loop_)));
      if (!line) {
        out.push_back("error " + line.error().reason);
        return out;
      }
      if (!*line) return out;
      out.push_back(**line);
    }
  }
  async::SimLoop loop_;
};

TEST_F(LineTest, SplitsAtEveryPieceSize) {
  for (size_t piece = 1; piece < 30; ++piece) {
    EXPECT_EQ(read_all("one\r\ntwo\n\n  \nthree\nlast", piece),
              (std::vector<std::string>{"one", "two", "three", "last"}));
  }
  EXPECT_TRUE(read_all("", 1).empty());
  EXPECT_TRUE(read_all("\n\n", 1).empty());
}

TEST_F(LineTest, BoundsALine) {
  std::string fits(100, 'x');
  EXPECT_EQ(read_all(fits + "\n" + fits, 7), (std::vector<std::string>{fits, fits}));
  EXPECT_EQ(read_all(fits + "y\n", 7), (std::vector<std::string>{"error line_too_long"}));
  EXPECT_EQ(read_all(std::string(100'000, 'x'), 5000),
            (std::vector<std::string>{"error line_too_long"}));
}

TEST_F(LineTest, WritesOneLine) {
  MemoryPair pair = make_memory_pair();
  async::Context ctx(loop_);
  EXPECT_TRUE(loop_.run_task(write_line(ctx, *pair.client, "{}")).has_value());
  EXPECT_FALSE(loop_.run_task(write_line(ctx, *pair.client, "a\nb")).has_value());
  EXPECT_EQ(pair.client->out()->bytes, "{}\n");
  EXPECT_EQ(pair.client->out()->writes, 1u);
}

}  // namespace
}  // namespace drover::http
