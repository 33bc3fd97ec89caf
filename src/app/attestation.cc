#include "app/attestation.h"

#include <algorithm>

#include "app/evidence_trust.h"
#include "async/sync.h"
#include "base/bytes.h"
#include "base/log.h"
#include "crypto/hash_chain.h"
#include "net/tls_peer.h"

namespace drover::app {
namespace {

using async::Context;
using async::Task;
using Dialled = Result<std::unique_ptr<net::Stream>>;
using Sent = Result<std::unique_ptr<http::ClientResponse>>;

Task<Sent> refused(Error error) { co_return fail(std::move(error)); }

/// `client` is part of what `held` keeps; the request outlives the task.
Task<Sent> send_held(std::shared_ptr<void> held, http::Client* client, Context ctx,
                     const http::RequestTarget& target, const http::RequestCall& call) {
  co_return co_await client->send_to(std::move(ctx), target, call);
}

/// Dials, and keeps in mind with whose key.
class RecordingDialer final : public net::Dialer {
 public:
  explicit RecordingDialer(net::Dialer& inner) : inner_(inner) {}
  Task<Dialled> dial(Context ctx, net::DialTarget target) override {
    Dialled stream = co_await inner_.dial(std::move(ctx), std::move(target));
    if (stream) key_ = net::peer_key(**stream);
    co_return stream;
  }
  const std::string& key() const { return key_; }

 private:
  net::Dialer& inner_;
  std::string key_;
};

/// Dials only who has the key.
class PinningDialer final : public net::Dialer {
 public:
  PinningDialer(net::Dialer& inner, const crypto::Digest& key) : inner_(inner), key_(key) {}
  Task<Dialled> dial(Context ctx, net::DialTarget target) override {
    const std::string host = target.host;
    Dialled stream = co_await inner_.dial(std::move(ctx), std::move(target));
    if (!stream) co_return stream;
    if (net::peer_key(**stream) == key_.view()) co_return stream;
    (*stream)->close();
    co_return fail(Error(Code::kUnavailable,
                         host + " answers with another key than the one it proved to hold",
                         Retry::kOtherTarget)
                       .with_reason("attestation"));
  }

 private:
  net::Dialer& inner_;
  crypto::Digest key_;
};

Result<http::ClientRequest> evidence_request(const AttestedEndpoint& endpoint,
                                             std::string_view nonce) {
  http::ClientRequest out;
  out.method = "GET";
  TRY(out.url, http::Url::parse(endpoint.url));
  out.url.target += out.url.target.find('?') == std::string::npos ? "?" : "&";
  out.url.target += "nonce=" + to_hex(nonce);
  out.headers.add("accept", "application/cbor, application/json");
  out.tls.ca_file = endpoint.ca_file;
  out.policy.allow_private = true;
  return out;
}

struct Fetched {
  std::string document;
  std::string key;
};

Task<Result<Fetched>> fetch(Context ctx, net::Dialer* network, const AttestedEndpoint* endpoint,
                            std::string nonce) {
  CO_TRY(http::ClientRequest request, evidence_request(*endpoint, nonce));
  // A client of its own: the answer must come by a connection whose key is known.
  RecordingDialer dialer(*network);
  std::unique_ptr<http::Client> client = http::make_client(ctx.loop(), dialer);
  CO_TRY(auto response, co_await client->send(ctx, request));
  if (response->head().status != 200) {
    co_return fail(Code::kUnavailable, endpoint->url + " answered with status " +
                                           std::to_string(response->head().status));
  }
  Fetched out;
  CO_TRY(out.document, co_await response->read_all(ctx, limits::kEvidenceBytesMax));
  out.key = dialer.key();
  co_return out;
}

Error no_evidence(std::string message) {
  return Error(Code::kUnavailable, std::move(message), Retry::kOtherTarget)
      .with_reason("attestation");
}

}  // namespace

EvidenceKeeper::EvidenceKeeper(const Context& parent, net::Dialer& dialer, Random& random)
    : loop_(parent.loop()), dialer_(dialer), holder_(random), scope_(parent) {}

void EvidenceKeeper::set_endpoints(std::vector<AttestedEndpoint> endpoints,
                                   const std::vector<policy::EvidenceNeed>& wanted) {
  if (generation_) generation_->cancel("a new configuration");
  for (const auto& endpoint : endpoints_) holder_.forget(endpoint->endpoint);
  endpoints_.clear();
  origins_.clear();
  failures_.clear();
  wanted_.clear();
  for (const policy::EvidenceNeed& need : wanted) {
    auto kind = attest::parse_kind(need.kind);
    if (!kind) continue;
    Duration& least = wanted_[*kind].configured;
    least = std::min(least, need.max_age);
  }
  generation_ = async::CancelState::make(scope_.context().cancel_state());
  for (AttestedEndpoint& endpoint : endpoints) {
    auto shared = std::make_shared<AttestedEndpoint>(std::move(endpoint));
    endpoints_.push_back(shared);
    origins_[shared->origin].push_back(shared);
    scope_.spawn(keep(scope_.context().with_cancel(generation_), std::move(shared)));
  }
}

Task<void> EvidenceKeeper::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

Task<Result<attest::Claims>> EvidenceKeeper::refresh(Context ctx,
                                                     const AttestedEndpoint* endpoint) {
  std::string nonce = holder_.issue_nonce(endpoint->endpoint, loop_.wall());
  Context bounded = ctx.with_timeout(limits::kEvidenceFetchTimeout);
  CO_TRY(Fetched fetched, co_await fetch(std::move(bounded), &dialer_, endpoint, nonce));
  attest::Expectations expected;
  expected.kind = endpoint->kind;
  expected.now = loop_.wall();
  expected.max_age = endpoint->max_age;
  expected.trust = endpoint->trust;
  if (auto key = crypto::parse_digest(to_hex(fetched.key))) expected.connection_key = *key;
  const std::string document = evidence_document(endpoint->kind, std::move(fetched.document));
  co_return holder_.accept(endpoint->endpoint, nonce, document, std::move(expected));
}

Task<void> EvidenceKeeper::keep(Context ctx, std::shared_ptr<AttestedEndpoint> endpoint) {
  Duration pause = limits::kEvidencePauseMin;
  bool was_good = false;
  bool told = false;
  for (;;) {
    auto claims = co_await refresh(ctx, endpoint.get());
    if (ctx.cancelled()) co_return;
    const MonoTime fetched = loop_.mono();
    MonoTime next = fetched + pause;
    if (claims) {
      failures_.erase(endpoint->endpoint);
      next = next_fetch(*endpoint, *claims, fetched);
      pause = limits::kEvidencePauseMin;
      if (!was_good)
        LOG_INFO("{} has proved what it runs ({})", endpoint->endpoint,
                 attest::kind_name(endpoint->kind));
    } else {
      pause = std::min(pause * 2, limits::kEvidencePauseMax);
      failures_[endpoint->endpoint] = {loop_.wall(), claims.error().to_string()};
      // Once an episode, not once a try.
      if (was_good || !told) {
        LOG_WARN("no evidence from {}: {}", endpoint->endpoint, claims.error().to_string());
      }
      told = true;
    }
    was_good = claims.has_value();
    while (loop_.mono() < next) {
      Context waiting = ctx.with_deadline(next);
      async::Wake wake = co_await sooner_.wait(waiting);
      if (ctx.cancelled()) co_return;
      if (wake == async::Wake::kWoken && claims) {
        next = std::min(next, next_fetch(*endpoint, *claims, fetched));
      }
    }
  }
}

MonoTime EvidenceKeeper::next_fetch(const AttestedEndpoint& endpoint, const attest::Claims& claims,
                                    MonoTime fetched) const {
  Duration age = endpoint.max_age;
  if (auto it = wanted_.find(endpoint.kind); it != wanted_.end()) {
    age = std::min(age, it->second.configured);
    if (loop_.mono() < it->second.until) age = std::min(age, it->second.by_calls);
  }
  // Half of what is left of the evidence's time.
  const WallTime now = loop_.wall();
  const WallTime end = std::min(claims.issued_at + age, claims.expires_at);
  const Duration least =
      std::clamp(endpoint.max_age / 2, limits::kEvidencePauseMin, limits::kEvidenceRefetchMin);
  return std::max(fetched + least, loop_.mono() + (end - now) / 2);
}

void EvidenceKeeper::want(attest::Kind kind, Duration max_age) const {
  Wanted& wanted = wanted_[kind];
  const MonoTime now = loop_.mono();
  if (now >= wanted.until) wanted.by_calls = Duration::max();
  if (max_age >= wanted.configured || max_age > wanted.by_calls) return;
  wanted.until = now + limits::kEvidenceAskedFor;
  if (max_age == wanted.by_calls) return;
  wanted.by_calls = max_age;
  sooner_.wake_all();
}

bool EvidenceKeeper::fresh(std::string_view endpoint, std::string_view kind,
                           Duration max_age) const {
  auto parsed = attest::parse_kind(kind);
  if (!parsed) return false;
  if (!endpoints_.empty()) want(*parsed, max_age);
  attest::Requirement requirement;
  requirement.kind = *parsed;
  requirement.max_age = max_age;
  return attest::why_not(holder_.find(endpoint), requirement, loop_.wall()).empty();
}

bool EvidenceKeeper::reachable(std::string_view endpoint) const {
  for (const auto& attested : endpoints_) {
    if (attested->endpoint == endpoint) return key_of(attested->origin).has_value();
  }
  return true;
}

std::string EvidenceKeeper::last_failure(std::string_view endpoint) const {
  auto failed = failures_.find(endpoint);
  return failed == failures_.end() ? std::string() : failed->second.second;
}

Result<crypto::Digest> EvidenceKeeper::key_of(std::string_view origin) const {
  auto it = origins_.find(origin);
  if (it == origins_.end()) return fail(no_evidence("it is not attested"));
  std::string why;
  for (const auto& endpoint : it->second) {
    attest::Requirement requirement;
    requirement.kind = endpoint->kind;
    requirement.max_age = endpoint->max_age;
    const attest::Evidence* held = holder_.find(endpoint->endpoint);
    why = attest::why_not(held, requirement, loop_.wall());
    if (why.empty()) return held->connection_key;
  }
  return fail(no_evidence("nothing is sent to " + std::string(origin) + ": " + why));
}

struct AttestedClient::Guarded {
  Guarded(const EvidenceKeeper& keeper, const crypto::Digest& k)
      : key(k), dialer(keeper.dialer(), k), client(http::make_client(keeper.loop(), dialer)) {}
  crypto::Digest key;
  PinningDialer dialer;
  std::unique_ptr<http::Client> client;
};

std::shared_ptr<AttestedClient::Guarded> AttestedClient::guarded(const std::string& origin,
                                                                 const crypto::Digest& key) {
  std::shared_ptr<Guarded>& slot = guarded_[origin];
  // Another key: the old client ends with its last call, and its connections with it.
  if (slot == nullptr || slot->key != key) slot = std::make_shared<Guarded>(keeper_, key);
  return slot;
}

Task<Sent> AttestedClient::send_to(Context ctx, const http::RequestTarget& target,
                                   const http::RequestCall& call) {
  // Nearly all requests: they cost no task of their own.
  if (!keeper_.guards_any()) return rest_.send_to(std::move(ctx), target, call);
  const std::string origin = target.url.origin();
  if (!keeper_.guards(origin)) return rest_.send_to(std::move(ctx), target, call);
  auto key = keeper_.key_of(origin);
  if (!key) {
    guarded_.erase(origin);
    return refused(std::move(key).error());
  }
  std::shared_ptr<Guarded> held = guarded(origin, *key);
  http::Client* client = held->client.get();
  return send_held(std::move(held), client, std::move(ctx), target, call);
}

void AttestedClient::clear_idle() {
  rest_.clear_idle();
  for (auto& [origin, held] : guarded_) held->client->clear_idle();
}

size_t AttestedClient::idle_connections() const {
  size_t out = rest_.idle_connections();
  for (const auto& [origin, held] : guarded_) out += held->client->idle_connections();
  return out;
}

}  // namespace drover::app
