// Any bytes as lines from a tool's standard output: however they are cut into pieces the lines are
// the same, and what is read as a message is written and read again as the same message.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"
#include "http/json_rpc.h"
#include "http/memory_net.h"

namespace {

using namespace drover;
using namespace drover::http;

std::vector<std::string> lines(std::string_view bytes, size_t piece) {
  async::SimLoop loop;
  MemoryPair pair = make_memory_pair();
  pair.client->out()->bytes = bytes;
  pair.client->out()->ended = true;
  pair.client->out()->read_max = piece;
  LineReader reader(*pair.server, 500);
  std::vector<std::string> out;
  for (;;) {
    Result<std::optional<std::string>> line = loop.run_task(reader.next(async::Context(loop)));
    if (!line) {
      out.push_back("error " + line.error().reason);
      return out;
    }
    if (!*line) return out;
    if ((*line)->size() > 500 || (*line)->find('\n') != std::string::npos) __builtin_trap();
    out.push_back(std::move(**line));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string> whole = lines(bytes, SIZE_MAX);
  if (whole != lines(bytes, 1 + data[0] % 64)) __builtin_trap();
  for (const std::string& line : whole) {
    Result<std::vector<RpcMessage>> messages = decode_rpc_batch(line);
    if (!messages) continue;
    for (const RpcMessage& message : *messages) {
      std::string text = encode(message);
      Result<RpcMessage> again = decode_rpc(text);
      if (!again || encode(*again) != text) __builtin_trap();
    }
  }
  return 0;
}
