#include "api/router.h"

#include <algorithm>
#include <array>

#include "api/json_route.h"
#include "api/request_headers.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/memory_pool.h"
#include "dialect/dialect.h"

namespace drover::api {
namespace {

bool is_param(const std::string& part) { return part.size() > 2 && part.front() == '{'; }

/// Patterns have fewer.
constexpr size_t kPathPartsMax = 8;

/// A path taken apart: "/a/b" is "a" and "b". Of one with more parts than any pattern has, only as
/// many as tell that.
struct PathParts {
  explicit PathParts(std::string_view path) {
    while (!path.empty() && size < all.size()) {
      path.remove_prefix(1);  // the '/'
      const std::string_view part = path.substr(0, path.find('/'));
      path.remove_prefix(part.size());
      all[size++] = part;
    }
  }
  /// "" if there is none.
  std::string_view second() const { return all[1]; }

  std::array<std::string_view, kPathPartsMax> all;
  size_t size = 0;
};

using Params = decltype(Exchange::params);

/// Whether a path is like the pattern in all but its {name} parts.
bool alike(const std::vector<std::string>& pattern, const PathParts& path) {
  if (pattern.size() != path.size) return false;
  for (size_t i = 0; i < path.size; ++i) {
    if (pattern[i] != path.all[i] && !is_param(pattern[i])) return false;
  }
  return true;
}

/// Whether a path is one of the pattern's; then `params` are the values of its {name} parts.
bool fits(const std::vector<std::string>& pattern, const PathParts& path, Params& params) {
  if (!alike(pattern, path)) return false;  // nothing is decoded for nothing
  params.clear();
  for (size_t i = 0; i < path.size; ++i) {
    if (!is_param(pattern[i])) continue;
    auto decoded = percent_decode(path.all[i]);
    if (!decoded || decoded->empty()) return false;
    params.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), std::move(*decoded));
  }
  return true;
}

/// What states the class of its data where nobody reads it is refused. Reading takes no data.
Result<void> check_class_is_read(const http::RequestHead& head) {
  if (head.method == "GET" || head.method == "HEAD" || head.method == "DELETE") return {};
  if (!head.headers.has(kDataClassHeader)) return {};
  return fail(Error(Code::kInvalidArgument,
                    std::string(kDataClassHeader) + " is not read by " + head.method + " " +
                        std::string(head.path()) +
                        ": state it of a model call, a session, a message, a worker's result or a "
                        "record of memory")
                  .with_reason("header_not_read"));
}

struct KeptExchange final : http::ServerRequest::Kept, Pooled {
  KeptExchange(http::ServerRequest& request, http::ServerResponse& response, WallTime now,
               Random& random)
      : exchange{request, response, {now, random}} {}
  Exchange exchange;
};

/// `allow`: the methods of the routes with that path; empty: there is no such path.
Error no_route(const http::RequestHead& head, const std::string& allow) {
  if (allow.empty()) {
    return Error(Code::kNotFound, "no such path: " + std::string(head.path()));
  }
  Error error(Code::kUnimplemented,
              "method " + head.method + " is not allowed here; there is " + allow);
  error.reason = "method_not_allowed";
  return error;
}

}  // namespace

const std::string& Exchange::param(std::string_view name) const {
  static const std::string none;
  for (const auto& [known, value] : params) {
    if (known == name) return value;
  }
  return none;
}

void Router::add(std::string method, std::string pattern, RouteHandler handler) {
  Route& route = routes_.emplace_back();
  route.method = std::move(method);
  const PathParts parts(pattern);
  DROVER_ASSERT(parts.size < kPathPartsMax);
  route.parts.assign(parts.all.begin(), parts.all.begin() + parts.size);
  route.handler = std::move(handler);
  route.fixed = std::none_of(route.parts.begin(), route.parts.end(), is_param);
  if (route.fixed) {
    const bool shared = std::any_of(routes_.begin(), routes_.end(), [&](const Route& other) {
      return !other.fixed && alike(other.parts, parts);
    });
    if (!shared) add_fixed(pattern, &route);
  } else {
    for (std::vector<FixedPath>& known : by_path_) {
      std::erase_if(
          known, [&](const FixedPath& fixed) { return alike(route.parts, PathParts(fixed.path)); });
    }
  }
  if (route.parts.size() > 1 && !is_param(route.parts[1])) {
    by_second_.try_emplace(route.parts[1], for_any_).first->second.push_back(&route);
    return;
  }
  for (auto& [second, routes] : by_second_) routes.push_back(&route);
  for_any_.push_back(&route);
}

void Router::add_fixed(const std::string& path, const Route* route) {
  if (path.size() >= by_path_.size()) by_path_.resize(path.size() + 1);
  std::vector<FixedPath>& known = by_path_[path.size()];
  auto here = std::find_if(known.begin(), known.end(),
                           [&](const FixedPath& fixed) { return fixed.path == path; });
  if (here == known.end()) here = known.insert(here, FixedPath{path, {}});
  here->routes.push_back(route);
}

void Router::add_call(std::string method, std::string pattern, RouteHandler handler) {
  add(std::move(method), std::move(pattern), std::move(handler));
  routes_.back().manages = false;
}

void Router::add_open(std::string method, std::string pattern, RouteHandler handler) {
  add(std::move(method), std::move(pattern), std::move(handler));
  routes_.back().open = true;
}

const Router::FixedPath* Router::find_fixed(std::string_view path) const {
  if (path.size() >= by_path_.size()) return nullptr;
  for (const FixedPath& known : by_path_[path.size()]) {
    if (known.path == path) return &known;
  }
  return nullptr;
}

const Router::Route* Router::match(const http::RequestHead& head, Exchange& exchange) const {
  const std::string_view asked = head.path();
  if (const FixedPath* fixed = find_fixed(asked)) {
    for (const Route* route : fixed->routes) {
      if (takes(*route, head, exchange)) return route;
    }
    return nullptr;
  }
  const PathParts path(asked);
  auto known = by_second_.find(path.second());
  for (const Route* route : known == by_second_.end() ? for_any_ : known->second) {
    if (fits(route->parts, path, exchange.params) && takes(*route, head, exchange)) return route;
  }
  return nullptr;
}

bool Router::takes(const Route& route, const http::RequestHead& head, Exchange& exchange) {
  // Load balancers ask for the health by HEAD.
  const bool head_of_open = route.open && route.method == "GET" && head.method == "HEAD";
  if (route.method == head.method || head_of_open) {
    exchange.allow.reset();
    return true;
  }
  exchange.allow.make() += (exchange.allow->empty() ? "" : ", ") + route.method;
  return false;
}

Task<void> Router::handle(Context&& ctx, http::ServerRequest& request,
                          http::ServerResponse& response) {
  auto kept = std::make_unique<KeptExchange>(request, response, clock_.wall(), random_);
  Exchange& exchange = kept->exchange;
  request.keep(std::move(kept));
  return serve(std::move(ctx), exchange);
}

Task<void> Router::serve(Context&& ctx, Exchange& exchange) const {
  const http::RequestHead& head = exchange.request.head();
  const Route* route = match(head, exchange);
  if (route == nullptr) {
    return respond_error(std::move(ctx), exchange, no_route(head, *exchange.allow));
  }
  if (!route->open) {
    Result<KnownHeaders> known = read_headers(head.headers);
    if (!known) return respond_error(std::move(ctx), exchange, std::move(known).error());
    exchange.steered = known->steered;
    if (known->steered && !route->reads_data_class) {
      Result<void> read = check_class_is_read(head);
      if (!read) return respond_error(std::move(ctx), exchange, std::move(read).error());
    }
    auto principal = authenticate_(known->key, exchange.request.remote());
    if (!principal) {
      return respond_error(std::move(ctx), exchange, std::move(principal).error());
    }
    exchange.principal = std::move(*principal);
    const identity::Gate* gate = exchange.principal->gate;
    if (route->manages && gate != nullptr && gate->asks_outside()) {
      return serve_asking(std::move(ctx), exchange, route);
    }
  }
  return route->handler(std::move(ctx), exchange);
}

/// What the key may try at all is asked first, so that handlers need not wait for it.
Task<void> Router::serve_asking(Context ctx, Exchange& exchange, const Route* route) {
  co_await exchange.principal->gate->prepare(ctx, exchange.principal, std::nullopt,
                                             identity::Subject());
  co_await route->handler(std::move(ctx), exchange);
}

Task<void> respond_error(Context ctx, Exchange& exchange, Error error) {
  dialect::EncodedError encoded = dialect::openai().encode_error(error);
  http::ResponseHead head;
  head.status = encoded.status;
  head.headers.add("content-type", "application/json");
  head.headers.add_sound("x-request-id", exchange.request_id);
  for (const auto& [name, value] : encoded.headers) head.headers.add(name, value);
  if (head.status == 401) head.headers.add("www-authenticate", "Bearer");
  if (exchange.allow) head.headers.add("allow", *exchange.allow);
  for (const auto& [name, value] : exchange.headers->fields()) head.headers.add(name, value);
  std::string body = std::move(encoded.body);
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(body));
  (void)sent;  // the client may be gone
}

Task<void> respond_json(Context ctx, Exchange& exchange, int status, Json body) {
  return respond_text(std::move(ctx), exchange, status, body.dump());
}

Task<Result<Json>> read_json(Context ctx, Exchange& exchange) {
  CO_TRY(std::string body, co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax));
  if (trim(body).empty()) co_return Json::object();
  auto parsed = Json::parse(body);
  if (!parsed) co_return fail(std::move(parsed).error().with_reason("invalid_json"));
  if (!parsed->is_object()) {
    co_return fail(Code::kInvalidArgument,
                   "the body must be a JSON object, not " + std::string(parsed->type_name()));
  }
  co_return std::move(*parsed);
}

}  // namespace drover::api
