// Any bytes as a chat completions request: the scan and the full reading agree on what they both
// accept, splicing gives a body that says what was asked for, and what was read is written and
// read again as the same request.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dialect/dialect.h"
#include "dialect/openai_scan.h"

namespace {

using namespace drover::dialect;

void check(bool ok) {
  if (!ok) __builtin_trap();
}

void check_splice(std::string_view body, const OpenAiScan& scan) {
  auto json = drover::Json::parse(body);
  check(json.has_value());
  auto again = scan_openai_request(splice_openai_request(body, scan, "other \"model\"", true));
  check(again.has_value() && again->model == "other \"model\"" &&
        again->messages == scan.messages && again->stream == scan.stream &&
        again->include_usage == (scan.stream || scan.include_usage));
}

/// Whether calls share an id and one of them has no result: which one the others answer is then
/// told by their places alone, and Converse, which takes two messages of one role together, moves
/// those.
bool leaves_a_shared_call_open(const drover::contract::ChatRequest& request) {
  std::map<std::string, int> calls;
  std::map<std::string, int> results;
  for (const drover::contract::Message& message : request.messages) {
    for (const drover::contract::ToolCall& call : message.tool_calls) ++calls[call.id];
    if (message.role == drover::contract::Role::kTool) ++results[message.tool_call_id];
  }
  for (const auto& [id, count] : calls) {
    if (count > 1 && results[id] != count) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view body(reinterpret_cast<const char*>(data), size);
  auto scan = scan_openai_request(body);
  if (scan) check_splice(body, *scan);
  auto request = openai().decode_request(body);
  if (!request) return 0;
  if (scan) {
    check(scan->model == request->model && scan->stream == request->stream);
    check(scan->include_usage == request->include_usage);
    check(scan->messages == request->messages.size());
  }
  for (const Dialect* dialect : {&openai(), &azure(), &converse()}) {
    auto first = dialect->encode_request(*request);
    if (!first) continue;
    auto again = dialect->decode_request(first->body);
    check(again.has_value());
    again->model = request->model;  // Converse has it in the path
    if (dialect == &converse() && leaves_a_shared_call_open(*request)) continue;
    auto second = dialect->encode_request(*again);
    check(second.has_value() && second->body == first->body);
  }
  return 0;
}
