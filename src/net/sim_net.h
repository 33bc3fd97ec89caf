#pragma once
// The simulated network: hosts, ports and links in memory, on any Loop (virtual time in tests).
// The same seed and the same calls give the same bytes at the same times.
//
//   async::SimLoop loop;
//   SimNetwork net(loop, /*seed=*/1);
//   auto listener = net.listen(Endpoint{"model.test", 443}, tls);   // the name resolves from now
//   on net.set_link("model.test", LinkOptions::of(20ms)); net.add_fault("model.test",
//   Fault::reset_after(1000).one_in(10)); auto stream = co_await net.dialer().dial(ctx, target);
//
// A name that is listened on gets a public address; set_host() gives it another (address policies
// are checked as on the real network). TLS is simulated: who speaks it to whom and which ALPN, not
// its bytes; a server's key is the name of its certificate's file. Streams hold at most `window`
// bytes per direction, so back-pressure is real. Owner: the network and the loop outlive listeners
// and streams. Loop thread only.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/loop.h"
#include "base/random.h"
#include "net/stream.h"

namespace drover::net {

struct LinkOptions {
  /// One way. A dial takes twice that.
  Duration latency{};
  /// Added to each part's latency, uniform up to this; order is kept.
  Duration jitter{};
  /// 0: no limit.
  uint64_t bytes_per_second = 0;
  /// Bytes of one direction on the wire and not yet read; a writer waits beyond.
  size_t window = 64u << 10;
  static LinkOptions of(Duration latency) {
    LinkOptions out;
    out.latency = latency;
    return out;
  }
};

/// What goes wrong with connections to a host. Decided when one is dialled.
struct Fault {
  enum class Kind : uint8_t {
    kDnsFailure,  // the name does not resolve
    kRefuse,      // connection refused
    kBlackHole,   // the dial is never answered
    kReset,       // after n bytes: error on both sides
    kCut,         // after n bytes: an orderly end that came too early
    kStall,       // after n bytes: silence, without an end
    kDelay,       // after n bytes: one pause
    kCorrupt,     // byte n arrives with a bit flipped
  };
  enum class Direction : uint8_t { kToClient, kToServer };

  Kind kind = Kind::kRefuse;
  Direction direction = Direction::kToClient;
  uint64_t after_bytes = 0;
  /// Larger than after_bytes: drawn uniformly between both.
  uint64_t after_bytes_max = 0;
  Duration delay{};
  /// Probability for each connection.
  double probability = 1.0;
  /// How many connections it strikes; negative: any number.
  int64_t times = -1;

  static Fault of(Kind kind, uint64_t after = 0) {
    Fault out;
    out.kind = kind;
    out.after_bytes = after;
    return out;
  }
  static Fault dns_failure() { return of(Kind::kDnsFailure); }
  static Fault refuse() { return of(Kind::kRefuse); }
  static Fault black_hole() { return of(Kind::kBlackHole); }
  static Fault reset_after(uint64_t n) { return of(Kind::kReset, n); }
  static Fault cut_after(uint64_t n) { return of(Kind::kCut, n); }
  static Fault stall_after(uint64_t n) { return of(Kind::kStall, n); }
  static Fault corrupt_at(uint64_t n) { return of(Kind::kCorrupt, n); }
  static Fault delay_after(uint64_t n, Duration d) {
    Fault out = of(Kind::kDelay, n);
    out.delay = d;
    return out;
  }
  Fault to_server() const {
    Fault out = *this;
    out.direction = Direction::kToServer;
    return out;
  }
  Fault one_in(double n) const {
    Fault out = *this;
    out.probability = 1 / n;
    return out;
  }
  Fault only(int64_t connections) const {
    Fault out = *this;
    out.times = connections;
    return out;
  }
};

/// What stands for the key of a simulated server (net/tls_peer.h).
std::string sim_peer_key(const TlsServerOptions& server);

class SimNetwork final : public Network {
 public:
  struct State;

  SimNetwork(async::Loop& loop, uint64_t seed);
  ~SimNetwork() override;

  /// `local.ip` is a name or an address; port 0 takes a free one.
  Result<std::unique_ptr<Listener>> listen(Endpoint local, TlsServerOptions tls) override;
  Dialer& dialer() override;

  /// Makes a name resolve to these addresses.
  void set_host(std::string name, std::vector<std::string> addresses);
  /// For connections dialled from now on.
  void set_link(std::string host, LinkOptions link);
  /// `host` as dialled, or "*" for all. Faults are tried in the order added.
  void add_fault(std::string host, Fault fault);
  void clear_faults(std::string host);
  /// Nothing passes between anyone and the host until healed; what was sent arrives then.
  void set_partitioned(std::string host, bool on);
  /// Resets every open connection to the host, as a crash of its machine would.
  void reset_connections(std::string host);
  size_t open_connections(std::string host) const;

 private:
  std::shared_ptr<State> state_;
  std::unique_ptr<Dialer> dialer_;
};

}  // namespace drover::net
