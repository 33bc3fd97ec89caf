#include "sim/wall/upstreams.h"

#include "async/sync.h"
#include "base/bytes.h"
#include "base/json.h"

namespace drover::sim::wall {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string key_of(const Scenario& scenario, const Upstream& upstream) {
  return std::string(scenario.name) + "/" + std::string(upstream.name);
}

/// The value of a header, "" if there is none. `head` is in lower case but for nothing that
/// matters.
std::string_view header(std::string_view head, std::string_view lower, std::string_view name) {
  std::string line = "\r\n" + std::string(name) + ":";
  size_t at = lower.find(line);
  if (at == std::string_view::npos) return {};
  size_t begin = at + line.size();
  return trim(head.substr(begin, head.find("\r\n", begin) - begin));
}

/// A chunked body without its framing.
std::string unchunked(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    size_t line = body.find("\r\n");
    if (line == std::string_view::npos) break;
    size_t size = std::strtoul(std::string(body.substr(0, line)).c_str(), nullptr, 16);
    if (size == 0 || size > body.size() || line + 2 + size > body.size()) break;
    out += body.substr(line + 2, size);
    body.remove_prefix(std::min(body.size(), line + 2 + size + 2));
  }
  return out;
}

/// Whose script a path asks for.
const Upstream* upstream_of(std::string_view path, const Scenario** scenario) {
  if (path.empty() || path.front() != '/') return nullptr;
  path.remove_prefix(1);
  size_t slash = path.find('/');
  if (slash == std::string_view::npos) return nullptr;
  *scenario = find_scenario(path.substr(0, slash));
  if (*scenario == nullptr) return nullptr;
  path.remove_prefix(slash + 1);
  std::string_view name = path.substr(0, path.find('/'));
  for (const Upstream& u : (*scenario)->upstreams) {
    if (u.name == name) return &u;
  }
  return nullptr;
}

}  // namespace

std::string base_url(uint16_t port, const Scenario& scenario, const Upstream& upstream) {
  std::string path = "/" + key_of(scenario, upstream) + "/v1";
  std::string here = "127.0.0.1:" + std::to_string(port);
  switch (upstream.place) {
    case Place::kRefused:
      return "http://127.0.0.1:1" + path;
    case Place::kNoName:
      return "http://nowhere.invalid" + path;
    case Place::kNoTls:
      return "https://" + here + path;
    case Place::kHere:
      break;
  }
  return "http://" + here + path;
}

std::optional<Request> read_request(std::string_view bytes) {
  size_t head_end = bytes.find(kHeadEnd);
  if (head_end == std::string_view::npos) return std::nullopt;
  std::string_view head = bytes.substr(0, head_end + 2);
  std::string lower = to_lower(head);
  std::string_view body = bytes.substr(head_end + kHeadEnd.size());
  Request out;
  if (header(head, lower, "transfer-encoding") == "chunked") {
    if (!body.ends_with(kLastChunk)) return std::nullopt;
    out.body = unchunked(body);
  } else {
    std::string size(header(head, lower, "content-length"));
    if (body.size() < std::strtoul(size.c_str(), nullptr, 10)) return std::nullopt;
    out.body = body;
  }
  size_t space = head.find(' ');
  if (space != std::string_view::npos) {
    out.path = head.substr(space + 1, head.find_first_of(" \r", space + 1) - space - 1);
  }
  std::string_view key = header(head, lower, "authorization");
  if (to_lower(key).starts_with("bearer ")) out.key = trim(key.substr(7));
  Result<Json> json = Json::parse(out.body);
  out.stream = json && json->get_bool("stream").value_or(false);
  return out;
}

/// A connection, and whether its other end is still there.
struct Upstreams::Peer {
  std::unique_ptr<net::Stream> stream;
  bool gone = false;
};

Result<void> Upstreams::start(uint16_t port) {
  net::Endpoint local;
  local.ip = "127.0.0.1";
  local.port = port;
  TRY(listener_, network_.listen(local, net::TlsServerOptions()));
  local_ = listener_->local();
  scope_.spawn(accept_loop(this));
  return {};
}

Task<void> Upstreams::stop() {
  scope_.cancel("the wall is over");
  if (listener_ != nullptr) listener_->close();
  co_await scope_.join();
}

const Traffic& Upstreams::traffic(const Scenario& scenario, const Upstream& upstream) {
  return traffic_[key_of(scenario, upstream)];
}

void Upstreams::mark_pause_end(const Scenario& scenario) {
  for (const Upstream& u : scenario.upstreams) {
    Traffic& t = traffic_[key_of(scenario, u)];
    t.bytes_at_pause_end = t.bytes;
  }
}

Task<void> Upstreams::accept_loop(Upstreams* self) {
  Context ctx = self->scope_.context();
  while (true) {
    Result<std::unique_ptr<net::Stream>> stream = co_await self->listener_->accept(ctx);
    if (!stream) co_return;
    self->scope_.spawn(serve(self, std::move(*stream)));
  }
}

Task<void> Upstreams::serve(Upstreams* self, std::unique_ptr<net::Stream> stream) {
  Context ctx = self->scope_.context();
  Context reading = ctx.with_timeout(kHoldMax);
  std::string bytes;
  std::vector<char> part(64 << 10);
  std::optional<Request> request;
  while (!request) {
    std::span<char> room(part);
    Result<size_t> n = co_await stream->read(reading, room);
    if (!n || *n == 0 || bytes.size() + *n > kRequestBytesMax) co_return;
    bytes.append(part.data(), *n);
    if (bytes.front() == '\x16') {
      // A TLS client in the wrong place.
      Result<void> told = co_await stream->write(reading, "HTTP/1.1 400 Bad Request\r\n\r\n");
      (void)told;
      co_return;
    }
    request = read_request(bytes);
  }
  const Scenario* scenario = nullptr;
  const Upstream* upstream = upstream_of(request->path, &scenario);
  if (upstream == nullptr || upstream->play == nullptr) {
    std::string lost = Script::json(404, error_json("no such scenario", "not_found", "")).bytes();
    Result<void> told = co_await stream->write(reading, lost);
    (void)told;
    co_return;
  }
  Traffic& traffic = self->traffic_[key_of(*scenario, *upstream)];
  request->number = ++traffic.requests;
  request->now = ctx.loop().wall();
  traffic.keys.push_back(request->key);
  ++traffic.open;
  Script script = upstream->play(*request);
  Peer peer;
  peer.stream = std::move(stream);
  bool whole = co_await self->play(ctx, &peer, std::move(script), &traffic);
  --traffic.open;
  if (peer.gone) ++traffic.left;
  if (!whole) co_return;
  Result<void> ended = co_await peer.stream->shutdown_write(ctx);
  (void)ended;
}

Task<bool> Upstreams::play(Context ctx, Peer* peer, Script script, Traffic* traffic) {
  for (const Step& step : script.steps()) {
    bool on = co_await play_step(ctx, peer, &step, traffic);
    if (!on) co_return false;
  }
  co_return true;
}

Task<bool> Upstreams::play_step(Context ctx, Peer* peer, const Step* step, Traffic* traffic) {
  using Kind = Step::Kind;
  if (step->kind == Kind::kReset) {
    peer->stream->reset();
    co_return false;
  }
  if (step->kind == Kind::kPause) {
    Result<void> slept = co_await async::sleep_for(ctx, step->time);
    co_return slept.has_value();
  }
  if (step->kind == Kind::kHold) {
    Context holding = ctx.with_timeout(kHoldMax);
    std::vector<char> ignored(4096);
    while (true) {
      std::span<char> room(ignored);
      Result<size_t> n = co_await peer->stream->read(holding, room);
      if (n && *n > 0) continue;
      peer->gone = ctx.check().has_value() && holding.check().has_value();
      co_return false;
    }
  }
  bool trickle = step->kind == Kind::kTrickle;
  size_t parts = trickle ? step->bytes.size() : step->times;
  std::string_view bytes = step->bytes;
  for (size_t i = 0; i < parts; ++i) {
    if (step->time > Duration::zero()) {
      Result<void> slept = co_await async::sleep_for(ctx, step->time);
      if (!slept) co_return false;
    }
    std::string_view part = trickle ? bytes.substr(i, 1) : bytes;
    Result<void> written = co_await peer->stream->write(ctx, part);
    if (!written) {
      peer->gone = !ctx.cancelled();
      co_return false;
    }
    traffic->bytes += static_cast<int64_t>(part.size());
  }
  co_return true;
}

}  // namespace drover::sim::wall
