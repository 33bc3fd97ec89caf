#pragma once
// The wall's upstreams: one listener that plays all scenarios. Which scenario and which of its
// upstreams a request is for says its path (/SCENARIO/UPSTREAM/v1/…), so a gateway under test needs
// only base URLs; what a gateway cannot reach (a refused port, a name, TLS) is a URL too.
//
//   Upstreams upstreams(loop, network);
//   TRY_VOID(upstreams.start(0));
//   … upstreams.base_url(scenario, upstream) … upstreams.traffic(scenario, upstream) …
//   co_await upstreams.stop();
//
// Owned by the command or the test; loop and network outlive it. Loop thread only. Limits: requests
// of at most kRequestBytesMax; a script holds a silent connection for at most kHoldMax.

#include <map>
#include <memory>
#include <string>

#include "async/scope.h"
#include "net/stream.h"
#include "sim/wall/scenario.h"

namespace drover::sim::wall {

using async::Context;
using async::Task;

inline constexpr size_t kRequestBytesMax = 1u << 20;
inline constexpr Duration kHoldMax = 30s;

/// Where a gateway finds an upstream: "http://127.0.0.1:PORT/SCENARIO/UPSTREAM/v1", or what is
/// meant not to work.
std::string base_url(uint16_t port, const Scenario& scenario, const Upstream& upstream);

class Upstreams {
 public:
  Upstreams(async::Loop& loop, net::Network& network) : scope_(Context(loop)), network_(network) {}
  /// On loopback; port 0 takes a free one.
  Result<void> start(uint16_t port);
  Task<void> stop();

  uint16_t port() const { return local_.port; }
  const Traffic& traffic(const Scenario& scenario, const Upstream& upstream);
  /// For a slow client that reads on: how far has each upstream of its scenario got?
  void mark_pause_end(const Scenario& scenario);

 private:
  struct Peer;
  static Task<void> accept_loop(Upstreams* self);
  static Task<void> serve(Upstreams* self, std::unique_ptr<net::Stream> stream);
  Task<bool> play(Context ctx, Peer* peer, Script script, Traffic* traffic);
  Task<bool> play_step(Context ctx, Peer* peer, const Step* step, Traffic* traffic);

  async::Scope scope_;
  net::Network& network_;
  std::unique_ptr<net::Listener> listener_;
  net::Endpoint local_;
  std::map<std::string, Traffic> traffic_;  // by "SCENARIO/UPSTREAM"
};

/// The parts of a request's bytes; nullopt while it is not whole. Exposed for its test.
std::optional<Request> read_request(std::string_view bytes);

}  // namespace drover::sim::wall
