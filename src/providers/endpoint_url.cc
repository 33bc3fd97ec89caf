#include "providers/endpoint_url.h"

#include "base/bytes.h"
#include "base/decimal.h"
#include "base/limits/catalog.h"
#include "cloud/host_region.h"

namespace drover::providers {
namespace {

constexpr std::string_view kHeaderOption = "header:";
constexpr std::string_view kIdempotencyKey = "idempotency-key";
constexpr std::string_view kAttempt = "x-drover-attempt";
constexpr std::string_view kUserAgent = "drover/0.1";

/// Headers that an option must not set: they are authentication or framing.
bool is_reserved_header(std::string_view name) {
  for (std::string_view reserved : {"authorization", "api-key", "host", "content-length",
                                    "content-type", "transfer-encoding", "connection", "cookie"}) {
    if (iequals(name, reserved)) return true;
  }
  return false;
}

/// Stated by itself, or a fact of the place that the endpoint is at.
std::string stated_region(const catalog::Endpoint& endpoint) {
  return endpoint.region.empty() ? std::string(endpoint.facts.text("region")) : endpoint.region;
}

Failure bad(const catalog::Endpoint& endpoint, const std::string& what) {
  return fail(Code::kInvalidArgument, "endpoint '" + endpoint.id + "': " + what);
}

}  // namespace

Result<http::Url> join_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string text(base);
  text += '/';
  text += path;
  return http::Url::parse(text);
}

TargetPtr& EndpointTargets::at(const catalog::Endpoint& endpoint, const SecretPtr& key, bool stream,
                               MonoTime now) {
  DROVER_DASSERT(endpoint.number != 0);
  if (now >= next_sweep_) sweep(now);
  auto it = known_.find(endpoint.number);
  if (it == known_.end()) {
    if (known_.size() >= limits::kEndpointsMax) known_.clear();
    it = known_.try_emplace(endpoint.number).first;
  }
  Entry& entry = it->second;
  if (entry.key.get() != key.get()) {
    entry = Entry();
    entry.key = key;
  }
  entry.used = now;
  return stream ? entry.streamed : entry.whole;
}

void EndpointTargets::sweep(MonoTime now) {
  next_sweep_ = now + kKeptUnused;
  std::erase_if(known_, [now](const auto& one) { return now - one.second.used >= kKeptUnused; });
}

Result<void> check_base_url(const catalog::Endpoint& endpoint) {
  if (endpoint.base_url.empty()) return {};
  Result<http::Url> url = http::Url::parse(endpoint.base_url);
  if (!url) return bad(endpoint, "base_url: " + url.error().message);
  if (url->target.find('?') != std::string::npos) {
    return bad(endpoint, "base_url must have no query; it ends before \"/chat/completions\"");
  }
  // Its facts are those of the region stated, which is then not where its calls go.
  const std::string region = stated_region(endpoint);
  const std::string reached = cloud::region_of_host(url->host);
  if (!region.empty() && !reached.empty() && reached != to_lower(region)) {
    return bad(endpoint, "base_url leads to the region '" + reached + "', and its region is '" +
                             region + "'");
  }
  return {};
}

Result<void> check_options(const catalog::Endpoint& endpoint,
                           std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : endpoint.options) {
    bool found = false;
    std::string names;
    for (std::string_view name : known) {
      found = found || key == name || (name.ends_with(':') && key.starts_with(name));
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    if (!found) {
      return bad(endpoint, "unknown option '" + key + "'; " +
                               (names.empty() ? "this provider has none" : "known: " + names));
    }
    if (key.starts_with(kHeaderOption)) {
      std::string name = key.substr(kHeaderOption.size());
      if (name.empty() || is_reserved_header(name)) {
        return bad(endpoint, "option '" + key + "' may not set this header");
      }
      if (value.find_first_of("\r\n") != std::string::npos) {
        return bad(endpoint, "option '" + key + "' has a line end in its value");
      }
    }
  }
  return {};
}

const std::string& upstream_model(const catalog::Endpoint& endpoint) {
  return endpoint.upstream_model.empty() ? endpoint.model : endpoint.upstream_model;
}

void put_common(http::RequestTarget& target, const dialect::Dialect& dialect,
                const catalog::Endpoint& endpoint, bool stream) {
  target.headers.add("content-type", "application/json");
  bool event_stream = dialect.framing() == dialect::Framing::kEventStream;
  target.headers.add("accept", !stream        ? "application/json"
                               : event_stream ? "application/vnd.amazon.eventstream"
                                              : "text/event-stream");
  target.headers.add("user-agent", kUserAgent);
  target.tls.ca_file = endpoint.ca_file;
  // Operators name endpoints; they may stand on private networks.
  target.policy.allow_private = true;
}

void put_attempt(WireCall& call, const AttemptOptions& options) {
  if (options.idempotency_key.empty()) return;
  const std::string_view number = call.attempt.emplace(options.attempt).view();
  call.request.more_headers = {{{kIdempotencyKey, options.idempotency_key}, {kAttempt, number}}};
}

void put_attempt(http::Headers& headers, const AttemptOptions& options) {
  if (options.idempotency_key.empty()) return;
  headers.add(kIdempotencyKey, options.idempotency_key);
  headers.add(kAttempt, Decimal(options.attempt).view());
}

bool has_option_headers(const catalog::Endpoint& endpoint) {
  for (const auto& [key, value] : endpoint.options) {
    if (key.starts_with(kHeaderOption)) return true;
  }
  return false;
}

void put_option_headers(http::Headers& headers, const catalog::Endpoint& endpoint) {
  for (const auto& [key, value] : endpoint.options) {
    if (!key.starts_with(kHeaderOption)) continue;
    headers.set(std::string_view(key).substr(kHeaderOption.size()), value);
  }
}

void put_bearer(http::Headers& headers, const Secret& token) {
  if (token.empty()) return;
  headers.add("authorization", "Bearer " + std::string(token.reveal()));
}

}  // namespace drover::providers
