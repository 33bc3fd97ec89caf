#include "http/client_pool.h"

#include <utility>

#include "async/sim_loop.h"
#include "base/decimal.h"
#include "base/limits/http.h"

namespace drover::http {
namespace {

/// Everything that makes a connection usable for another request.
std::string pool_key(const Url& url, const net::TlsClientOptions& tls,
                     const net::AddressPolicy& policy) {
  std::string key;
  key.reserve(url.scheme.size() + url.host.size() + 16);
  key += url.scheme;
  key += "://";
  key += url.host;
  key += ':';
  append_decimal(key, url.port);
  if (url.is_tls()) {
    key += tls.verify ? "|v|" : "|n|";
    key += tls.ca_file;
    for (const std::string& protocol : tls.alpn) key += "|" + protocol;
  }
  key += policy.allow_private ? "|p" : "|q";
  for (const std::string& entry : policy.allow) key += "|" + entry;
  return key;
}

}  // namespace

ClientPool::Origin::Origin(ClientPool& pool, const RequestTarget& target)
    : pool_(pool), policy_(target.policy), tls_(target.tls) {
  url_.scheme = target.url.scheme;
  url_.host = target.url.host;
  url_.port = target.url.port;
}

/// What pool_key() says, without a text.
bool ClientPool::Origin::takes(const RequestTarget& target) const {
  if (url_.port != target.url.port || url_.host != target.url.host ||
      url_.is_tls() != target.url.is_tls() ||
      policy_.allow_private != target.policy.allow_private ||
      policy_.allow != target.policy.allow) {
    return false;
  }
  return !url_.is_tls() || (tls_.verify == target.tls.verify &&
                            tls_.ca_file == target.tls.ca_file && tls_.alpn == target.tls.alpn);
}

ClientPool::Origin& ClientPool::enter(const RequestTarget& target) {
  if (last_ == nullptr || !last_->takes(target)) {
    std::string key = pool_key(target.url, target.tls, target.policy);
    last_ = &origins_.try_emplace(std::move(key), *this, target).first->second;
  }
  ++last_->calls_;
  return *last_;
}

void ClientPool::leave(Origin& origin) {
  --origin.calls_;
  end_if_unused(origin);
}

ClientPool::Origins::iterator ClientPool::drop(Origins::iterator it) {
  if (last_ == &it->second) last_ = nullptr;
  return origins_.erase(it);
}

void ClientPool::end_if_unused(Origin& origin) {
  if (origin.unused()) drop(origins_.find(pool_key(origin.url_, origin.tls_, origin.policy_)));
}

ClientPool::ConnectionPtr ClientPool::take(Origin& origin) {
  if (origin.idle_.empty()) return nullptr;
  ConnectionPtr out = std::move(origin.idle_.back());
  origin.idle_.pop_back();
  --total_;
  out->leave_pool();
  return out;
}

void ClientPool::put(Origin& origin, ConnectionPtr connection) {
  if (stopped_) {
    connection->close();
    return;
  }
  connection->enter_pool();
  if (!connection->watched_by_pool()) {
    // While a connection is idle, its origin and this pool are there.
    connection->on_idle_close(
        [&origin, raw = connection.get()] { origin.pool_.forget(origin, raw); });
  }
  if (origin.idle_.size() >= limits::kHttpIdlePerOriginMax) close_oldest(origin);
  if (total_ >= limits::kHttpIdleTotalMax) close_any_oldest();
  origin.idle_.push_back(connection);
  ++total_;
  scope_.spawn(ClientConnection::watch(std::move(connection)));
  arm_sweep();
}

void ClientPool::clear() {
  for (auto it = origins_.begin(); it != origins_.end();) {
    while (!it->second.idle_.empty()) close_oldest(it->second);
    it = it->second.unused() ? drop(it) : std::next(it);
  }
}

void ClientPool::stop(LocalPtr<ClientPool> self) {
  self->stopped_ = true;
  self->clear();
  if (self->timer_ != 0) self->loop_.cancel_timer(std::exchange(self->timer_, 0));
  if (self->scope_.running() > 0) async::detail::start_detached(reap(self));
}

void ClientPool::forget(Origin& origin, ClientConnection* raw) {
  total_ -= std::erase_if(origin.idle_, [raw](const auto& c) { return c.get() == raw; });
  end_if_unused(origin);
}

void ClientPool::close_oldest(Origin& origin) {
  if (origin.idle_.empty()) return;
  origin.idle_.front()->leave_pool();
  origin.idle_.front()->close();
  origin.idle_.erase(origin.idle_.begin());
  --total_;
}

void ClientPool::close_any_oldest() {
  Origin* oldest = nullptr;
  for (auto& [key, origin] : origins_) {
    if (origin.idle_.empty()) continue;
    if (oldest == nullptr ||
        origin.idle_.front()->idle_since() < oldest->idle_.front()->idle_since()) {
      oldest = &origin;
    }
  }
  if (oldest != nullptr) close_oldest(*oldest);
}

/// One timer for the pool: connections idle for too long are closed.
void ClientPool::arm_sweep() {
  if (timer_ != 0) return;
  timer_ = loop_.call_after(limits::kHttpClientIdleTimeout, [this] {
    timer_ = 0;
    sweep();
    if (total_ > 0) arm_sweep();
  });
}

void ClientPool::sweep() {
  const MonoTime limit = loop_.mono() - limits::kHttpClientIdleTimeout;
  for (auto it = origins_.begin(); it != origins_.end();) {
    auto& idle = it->second.idle_;
    while (!idle.empty() && idle.front()->idle_since() <= limit) close_oldest(it->second);
    it = it->second.unused() ? drop(it) : std::next(it);
  }
}

}  // namespace drover::http
