// Clients that do not read as fast as a model writes, or leave.

#include "sim/wall/scenario_parts.h"

namespace drover::sim::wall {
namespace {

constexpr size_t kEvents = 1024;
constexpr size_t kEventBytes = 48 << 10;

Script large(const Request&) {
  Script out = Script::stream();
  std::string event = chunked(sse_event(chunk_json(text_delta(std::string(kEventBytes, 'w')))));
  out.flood(std::move(event), kEvents).done();
  return out;
}

Script goes_on(const Request&) {
  Script out = Script::stream();
  out.flood(chunked(sse_event(chunk_json(text_delta("on ")))), 400, 50ms);
  return out;
}

}  // namespace

void add_clients(std::vector<Scenario>& out) {
  Expect slow;
  slow.text = "w";
  slow.text_bytes_min = slow.text_bytes_max = kEvents * kEventBytes;
  slow.requests = {between(1, 1)};
  slow.within = 20s;
  slow.ahead_bytes_max = static_cast<int64_t>(24 * kMiB);
  out.push_back({.name = "slow-reader",
                 .story = "48 MiB of text come fast; the client reads nothing for two seconds",
                 .right = "the answer, whole; meanwhile the endpoint was kept waiting",
                 .upstreams = {first(large)},
                 .expect = slow,
                 .conduct = Conduct::kSlow});
  Expect gone;
  gone.end = End::kLeft;
  gone.requests = {between(1, 1)};
  out.push_back(
      {.name = "client-gone",
       .story = "the client leaves after the first text; the endpoint would go on for 20 s",
       .right = "the endpoint is let go within 8 s",
       .upstreams = {first(goes_on)},
       .expect = gone,
       .conduct = Conduct::kLeaves});
}

}  // namespace drover::sim::wall
