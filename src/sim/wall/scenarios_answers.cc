// Answers that are whole but not what they should be: too large, too long, with a broken tool call.

#include "base/json.h"
#include "sim/wall/scenario_parts.h"

namespace drover::sim::wall {
namespace {

constexpr std::string_view kBrokenArguments = R"({"city": "Pari)";

Script oversize(const Request&) {
  Script out;
  out.send(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
      "transfer-encoding: chunked\r\n\r\n");
  std::string begin = completion_json("");
  out.send(chunked(begin.substr(0, begin.find(R"("content":"")") + 11)));
  out.flood(chunked(std::string(kMiB, 'x')), 512);
  return out;
}

Script broken_tool_call(const Request& request) {
  std::string call =
      R"("tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather",)"
      R"("arguments":)";
  append_json_string(call, kBrokenArguments);
  call += "}}]";
  if (!request.stream) return Script::json(200, completion_json("", "tool_calls", "," + call));
  Script out = Script::stream();
  out.event(chunk_json("{" + call + "}")).done("tool_calls");
  return out;
}

Script ignores_max_tokens(const Request&) {
  Script out = Script::stream();
  out.flood(chunked(sse_event(chunk_json(text_delta("more ")))), 20'000, 1ms);
  return out;
}

}  // namespace

void add_answers(std::vector<Scenario>& out) {
  Expect too_large;
  too_large.end = End::kError;
  too_large.statuses = {500, 502, 503, 504, 413};
  too_large.requests = {between(1, 2)};
  too_large.within = 20s;
  too_large.bytes_max = static_cast<int64_t>(160 * kMiB);
  out.push_back({.name = "oversize-answer",
                 .story = "the endpoint's JSON body grows without end",
                 .right = "an error, before 160 MiB were taken in",
                 .upstreams = {first(oversize)},
                 .expect = too_large,
                 .stream = false});
  Expect tool;
  tool.tool_arguments = kBrokenArguments;
  tool.finish_reason = "tool_calls";
  tool.requests = {between(1, 1), between(0, 0)};
  out.push_back({.name = "malformed-tool-call",
                 .story = "the arguments of the model's tool call are no JSON",
                 .right = "the tool call as the model wrote it, after one attempt",
                 .upstreams = {first(broken_tool_call), second()},
                 .expect = tool});
  Expect cut;
  cut.text = "more ";
  cut.text_bytes_min = 64 * 4;
  cut.text_bytes_max = 64 * 16;
  cut.finish_reason = "length";
  cut.requests = {between(1, 1), between(0, 0)};
  out.push_back({.name = "ignores-max-tokens",
                 .story = "asked for at most 64 tokens, the endpoint goes on and on",
                 .right = "a little more than 64 tokens, then the end with reason \"length\"",
                 .upstreams = {first(ignores_max_tokens), second()},
                 .expect = cut,
                 .max_tokens = 64});
}

}  // namespace drover::sim::wall
