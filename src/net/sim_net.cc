#include "net/sim_net.h"

#include <algorithm>
#include <deque>

#include "async/sync.h"
#include "net/address.h"
#include "net/sim_pipe.h"
#include "net/tls_peer.h"

namespace drover::net {
namespace {

using async::Wake;

constexpr size_t kBacklogMax = 1024;
constexpr uint16_t kFirstFreePort = 49'152;

struct Connection {
  std::shared_ptr<SimPipe> to_client;
  std::shared_ptr<SimPipe> to_server;
};

Error unavailable(std::string message, std::string reason) {
  return Error(Code::kUnavailable, std::move(message), Retry::kOtherTarget)
      .with_reason(std::move(reason));
}

class SimStream final : public Stream, public TlsPeer {
 public:
  SimStream(std::shared_ptr<Connection> connection, bool client, Endpoint remote, bool tls,
            std::string alpn, std::string peer_key)
      : connection_(std::move(connection)),
        in_(client ? connection_->to_client : connection_->to_server),
        out_(client ? connection_->to_server : connection_->to_client),
        remote_(std::move(remote)),
        tls_(tls),
        alpn_(std::move(alpn)),
        peer_key_(std::move(peer_key)) {}
  ~SimStream() override { SimStream::close(); }

  Task<Result<size_t>> read(Context ctx, std::span<char> buffer) override {
    return SimPipe::read(in_, std::move(ctx), buffer);
  }
  Task<Result<void>> write(Context ctx, std::string_view data) override {
    return SimPipe::write(out_, std::move(ctx), data);
  }
  Task<Result<void>> shutdown_write(Context ctx) override {
    out_->finish();
    co_return Result<void>();
  }
  void close() override {
    if (std::exchange(closed_, true)) return;
    out_->finish();
    out_->close_writer();
    in_->close_reader();
    connection_.reset();
  }
  void reset() override {
    if (closed_) return;
    out_->reset();
    in_->reset();
    close();
  }
  const Endpoint& remote() const override { return remote_; }
  std::string_view alpn() const override { return alpn_; }
  bool is_tls() const override { return tls_; }
  std::string peer_key() const override { return peer_key_; }

 private:
  std::shared_ptr<Connection> connection_;  // while open: the network counts it
  std::shared_ptr<SimPipe> in_;
  std::shared_ptr<SimPipe> out_;
  Endpoint remote_;
  bool tls_;
  std::string alpn_;
  std::string peer_key_;
  bool closed_ = false;
};

/// What a listener shares with the network.
struct Port {
  Endpoint local;
  TlsServerOptions tls;
  bool closed = false;
  std::deque<std::unique_ptr<Stream>> backlog;
  async::WaitQueue acceptors;
};

class SimListener final : public Listener {
 public:
  explicit SimListener(std::shared_ptr<Port> port) : port_(std::move(port)) {}
  ~SimListener() override { SimListener::close(); }
  Task<Result<std::unique_ptr<Stream>>> accept(Context ctx) override {
    return accept_on(port_, std::move(ctx));
  }
  Endpoint local() const override { return port_->local; }
  void close() override {
    port_->closed = true;
    port_->backlog.clear();
    port_->acceptors.wake_all();
  }

 private:
  static Task<Result<std::unique_ptr<Stream>>> accept_on(std::shared_ptr<Port> port, Context ctx) {
    CO_TRY_VOID(ctx.check());
    for (;;) {
      if (port->closed) co_return fail(Code::kCancelled, "the listener was closed");
      if (!port->backlog.empty()) {
        auto stream = std::move(port->backlog.front());
        port->backlog.pop_front();
        co_return stream;
      }
      Wake wake = co_await port->acceptors.wait(ctx);
      if (wake != Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
  }
  std::shared_ptr<Port> port_;
};

}  // namespace

struct SimNetwork::State {
  State(async::Loop& l, uint64_t seed) : loop(&l), random(seed) {}

  async::Loop* loop;
  SeededRandom random;
  std::map<std::string, std::vector<std::string>> names;
  std::map<std::pair<std::string, uint16_t>, std::shared_ptr<Port>> ports;
  std::map<std::string, LinkOptions> links;
  std::vector<std::pair<std::string, Fault>> faults;
  std::map<std::string, std::shared_ptr<SimHost>> hosts;
  std::map<std::string, std::vector<std::weak_ptr<Connection>>> connections;
  uint32_t next_address = 1;
  uint16_t next_port = kFirstFreePort;

  std::shared_ptr<SimHost> host(const std::string& name) {
    auto& out = hosts[name];
    if (!out) out = std::make_shared<SimHost>();
    return out;
  }

  LinkOptions link(const std::string& name) const {
    auto it = links.find(name);
    if (it == links.end()) it = links.find("*");
    return it == links.end() ? LinkOptions() : it->second;
  }

  const std::string& address_of(const std::string& name) {
    auto it = names.find(name);
    if (it == names.end()) {
      // 8.0.0.0/9 is public and never leaves this process.
      uint32_t n = next_address++;
      std::string ip = "8." + std::to_string(n >> 16 & 127) + "." + std::to_string(n >> 8 & 255) +
                       "." + std::to_string(n & 255);
      it = names.emplace(name, std::vector<std::string>(1, ip)).first;
    }
    return it->second.front();
  }

  /// The faults that strike this new connection; draws and counts each.
  std::vector<Fault> draw_faults(const std::string& name) {
    std::vector<Fault> out;
    for (auto& [pattern, fault] : faults) {
      if ((pattern != "*" && pattern != name) || fault.times == 0) continue;
      if (fault.probability < 1 && !random.chance(fault.probability)) continue;
      if (fault.times > 0) --fault.times;
      Fault drawn = fault;
      if (fault.after_bytes_max > fault.after_bytes) {
        drawn.after_bytes += random.below(fault.after_bytes_max - fault.after_bytes + 1);
      }
      out.push_back(drawn);
    }
    return out;
  }

  void remember(const std::string& name, const std::shared_ptr<Connection>& connection) {
    auto& list = connections[name];
    std::erase_if(list, [](const std::weak_ptr<Connection>& c) { return c.expired(); });
    list.push_back(connection);
  }
};

namespace {

bool has(const std::vector<Fault>& faults, Fault::Kind kind) {
  return std::any_of(faults.begin(), faults.end(),
                     [kind](const Fault& f) { return f.kind == kind; });
}

std::string negotiate(const std::vector<std::string>& server,
                      const std::vector<std::string>& client) {
  for (const std::string& mine : server) {
    if (std::find(client.begin(), client.end(), mine) != client.end()) return mine;
  }
  return {};
}

Task<Result<void>> silence(Context ctx, std::string host) {
  async::WaitQueue never;
  Wake wake = co_await never.wait(ctx);
  Error error = async::wake_error(wake, ctx);
  error.reason = "connect";
  error.note("while connecting to " + host);
  co_return fail(std::move(error));
}

std::unique_ptr<Stream> join(SimNetwork::State& net, Port& port, const DialTarget& target,
                             const std::vector<Fault>& faults) {
  LinkOptions link = net.link(target.host);
  auto host = net.host(target.host);
  auto connection = std::make_shared<Connection>();
  connection->to_client = std::make_shared<SimPipe>(*net.loop, link, host, net.random.next());
  connection->to_server = std::make_shared<SimPipe>(*net.loop, link, host, net.random.next());
  connection->to_client->set_other(connection->to_server);
  connection->to_server->set_other(connection->to_client);
  for (const Fault& f : faults) {
    bool client = f.direction == Fault::Direction::kToClient;
    (client ? connection->to_client : connection->to_server)->add_fault(f);
  }
  net.remember(target.host, connection);
  bool tls = target.tls.enabled;
  std::string alpn = tls ? negotiate(port.tls.alpn, target.tls.alpn) : std::string();
  Endpoint client;
  client.ip = "8.128.0.1";
  client.port = net.next_port++;
  if (net.next_port < kFirstFreePort) net.next_port = kFirstFreePort;
  port.backlog.push_back(std::make_unique<SimStream>(connection, false, client, tls, alpn, ""));
  port.acceptors.wake_one();
  return std::make_unique<SimStream>(connection, true, port.local, tls, alpn,
                                     tls ? sim_peer_key(port.tls) : "");
}

class SimDialer final : public Dialer {
 public:
  explicit SimDialer(std::shared_ptr<SimNetwork::State> state) : state_(std::move(state)) {}
  Task<Result<std::unique_ptr<Stream>>> dial(Context ctx, DialTarget target) override {
    return dial_on(state_, std::move(ctx), std::move(target));
  }

 private:
  using State = SimNetwork::State;

  static Result<std::vector<std::string>> resolve(State& net, const DialTarget& target,
                                                  const std::vector<Fault>& faults) {
    std::vector<std::string> out;
    auto it = net.names.find(target.host);
    if (it != net.names.end()) out = it->second;
    if (out.empty() && IpAddress::parse(target.host)) out.push_back(target.host);
    if (out.empty() || has(faults, Fault::Kind::kDnsFailure)) {
      return fail(unavailable("cannot resolve " + target.host, "dns"));
    }
    std::erase_if(out, [&](const std::string& ip) {
      return !address_allowed(target.policy, target.host, target.port, ip);
    });
    if (out.empty()) {
      return fail(Error(Code::kPermissionDenied,
                        target.host + " is not a public address, and the address policy does not "
                                      "allow it")
                      .with_reason("address_forbidden"));
    }
    return out;
  }

  static std::shared_ptr<Port> find(State& net, const std::vector<std::string>& addresses,
                                    uint16_t port) {
    for (const std::string& ip : addresses) {
      auto it = net.ports.find(std::make_pair(ip, port));
      if (it != net.ports.end() && !it->second->closed) return it->second;
    }
    return nullptr;
  }

  static Task<Result<std::unique_ptr<Stream>>> dial_on(std::shared_ptr<State> net, Context ctx,
                                                       DialTarget target) {
    CO_TRY_VOID(ctx.check());
    std::vector<Fault> faults = net->draw_faults(target.host);
    CO_TRY(auto addresses, resolve(*net, target, faults));
    if (has(faults, Fault::Kind::kBlackHole) || net->host(target.host)->partitioned) {
      CO_TRY_VOID(co_await silence(ctx, target.host));
    }
    Duration round_trip = net->link(target.host).latency * 2;
    if (round_trip > Duration::zero()) CO_TRY_VOID(co_await async::sleep_for(ctx, round_trip));
    auto port = find(*net, addresses, target.port);
    if (port == nullptr || port->backlog.size() >= kBacklogMax ||
        has(faults, Fault::Kind::kRefuse)) {
      co_return fail(unavailable("cannot connect to " + target.host + ":" +
                                     std::to_string(target.port) + ": Connection refused",
                                 "connect"));
    }
    if (port->tls.enabled != target.tls.enabled) {
      co_return fail(unavailable(
          "one side of the connection to " + target.host + " speaks TLS, the other does not",
          "tls"));
    }
    co_return join(*net, *port, target, faults);
  }

  std::shared_ptr<State> state_;
};

}  // namespace

SimNetwork::SimNetwork(async::Loop& loop, uint64_t seed)
    : state_(std::make_shared<State>(loop, seed)), dialer_(std::make_unique<SimDialer>(state_)) {}
SimNetwork::~SimNetwork() = default;

Dialer& SimNetwork::dialer() { return *dialer_; }

std::string sim_peer_key(const TlsServerOptions& server) {
  std::string out = server.cert_file;
  out.resize(32, '\0');
  return out;
}

Result<std::unique_ptr<Listener>> SimNetwork::listen(Endpoint local, TlsServerOptions tls) {
  if (!IpAddress::parse(local.ip)) local.ip = state_->address_of(local.ip);
  if (local.port == 0) local.port = state_->next_port++;
  auto& place = state_->ports[std::make_pair(local.ip, local.port)];
  if (place && !place->closed) {
    return fail(Code::kAlreadyExists, "cannot listen on " + local.to_string() + ": in use");
  }
  place = std::make_shared<Port>();
  place->local = std::move(local);
  place->tls = std::move(tls);
  return std::make_unique<SimListener>(place);
}

void SimNetwork::set_host(std::string name, std::vector<std::string> addresses) {
  state_->names[std::move(name)] = std::move(addresses);
}
void SimNetwork::set_link(std::string host, LinkOptions link) {
  state_->links[std::move(host)] = link;
}
void SimNetwork::add_fault(std::string host, Fault fault) {
  state_->faults.emplace_back(std::move(host), fault);
}
void SimNetwork::clear_faults(std::string host) {
  std::erase_if(state_->faults, [&](const auto& f) { return f.first == host; });
}

void SimNetwork::set_partitioned(std::string host, bool on) {
  state_->host(host)->partitioned = on;
  if (on) return;
  for (auto& weak : state_->connections[host]) {
    if (auto c = weak.lock()) {
      c->to_client->wake();
      c->to_server->wake();
    }
  }
}

void SimNetwork::reset_connections(std::string host) {
  for (auto& weak : state_->connections[host]) {
    if (auto c = weak.lock()) {
      c->to_client->reset();
      c->to_server->reset();
    }
  }
}

size_t SimNetwork::open_connections(std::string host) const {
  auto it = state_->connections.find(host);
  if (it == state_->connections.end()) return 0;
  return static_cast<size_t>(std::count_if(it->second.begin(), it->second.end(),
                                           [](const auto& c) { return !c.expired(); }));
}

}  // namespace drover::net
