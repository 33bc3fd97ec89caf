#include "api/router.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "dialect/dialect.h"

namespace drover::api {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the leading '/'
    size_t end = path.find('/');
    out.emplace_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return out;
}

bool is_param(const std::string& part) { return part.size() > 2 && part.front() == '{'; }

std::string_view bearer(const http::RequestHead& head) {
  auto value = head.headers.get("authorization");
  if (value && value->size() > 7 && iequals(value->substr(0, 7), "bearer ")) {
    return trim(value->substr(7));
  }
  // Azure's and Anthropic's SDKs send the key in headers of their own.
  for (std::string_view name : {"api-key", "x-api-key"}) {
    if (auto key = head.headers.get(name)) return trim(*key);
  }
  return {};
}

}  // namespace

const std::string& Exchange::param(std::string_view name) const {
  static const std::string none;
  auto it = params.find(name);
  return it == params.end() ? none : it->second;
}

void Router::add(std::string method, std::string pattern, RouteHandler handler) {
  Route route;
  route.method = std::move(method);
  route.parts = split_path(pattern);
  route.handler = std::move(handler);
  routes_.push_back(std::move(route));
}

void Router::add_open(std::string method, std::string pattern, RouteHandler handler) {
  add(std::move(method), std::move(pattern), std::move(handler));
  routes_.back().open = true;
}

const Router::Route* Router::match(const http::RequestHead& head, Exchange& exchange,
                                   bool* path_known) const {
  std::vector<std::string> parts = split_path(head.path());
  for (const Route& route : routes_) {
    if (route.parts.size() != parts.size()) continue;
    std::map<std::string, std::string, std::less<>> params;
    bool same = true;
    for (size_t i = 0; same && i < parts.size(); ++i) {
      const std::string& pattern = route.parts[i];
      if (!is_param(pattern)) {
        same = pattern == parts[i];
        continue;
      }
      auto decoded = percent_decode(parts[i]);
      same = decoded && !decoded->empty();
      if (same) params[pattern.substr(1, pattern.size() - 2)] = std::move(*decoded);
    }
    if (!same) continue;
    *path_known = true;
    if (route.method != head.method) continue;
    exchange.params = std::move(params);
    return &route;
  }
  return nullptr;
}

Task<void> Router::handle(Context ctx, http::ServerRequest& request,
                          http::ServerResponse& response) {
  Exchange exchange{request, response, identity::Principal(), {}, {}};
  exchange.request_id = CallId::make(clock_.wall(), random_).str();
  bool path_known = false;
  const Route* route = match(request.head(), exchange, &path_known);
  if (route == nullptr) {
    Error error(path_known ? Code::kUnimplemented : Code::kNotFound,
                path_known ? "method " + request.head().method + " is not allowed here"
                           : "no such path: " + std::string(request.head().path()));
    if (path_known) error.reason = "method_not_allowed";
    co_await respond_error(ctx, exchange, std::move(error));
    co_return;
  }
  if (!route->open) {
    auto principal = authenticate_(bearer(request.head()), request.remote());
    if (!principal) {
      co_await respond_error(ctx, exchange, std::move(principal).error());
      co_return;
    }
    exchange.principal = std::move(*principal);
  }
  co_await route->handler(ctx, exchange);
}

int http_status(const Error& error) {
  if (error.reason == "method_not_allowed") return 405;
  if (error.reason == "body_too_large") return 413;
  // The prompt is at fault, and a client must not take it for a conflict that it may repeat.
  if (error.reason == "content_filter") return 400;
  if (error.reason == "disk_full") return 507;  // ours to mend; 429 would blame the caller
  switch (error.code) {
    case Code::kCancelled:
      return 499;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return 400;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
    case Code::kFailedPrecondition:
      return 409;
    case Code::kPermissionDenied:
      return 403;
    case Code::kUnauthenticated:
      return 401;
    case Code::kResourceExhausted:
      return 429;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kInternal:
    case Code::kDataLoss:
      return 500;
  }
  return 500;
}

std::string error_body(const Error& error) {
  std::string_view type = "api_error";
  int status = http_status(error);
  if (status == 401)
    type = "authentication_error";
  else if (status == 403)
    type = "permission_error";
  else if (status == 429)
    type = "rate_limit_error";
  else if (status >= 400 && status < 500)
    type = "invalid_request_error";
  Json body = Json::object();
  body.set("message", error.message);
  body.set("type", type);
  body.set("param", Json());
  body.set("code", error.reason.empty() ? std::string(code_name(error.code)) : error.reason);
  return Json::object().set("error", std::move(body)).dump();
}

Task<void> respond_error(Context ctx, Exchange& exchange, Error error) {
  http::ResponseHead head;
  head.status = http_status(error);
  head.headers.add("content-type", "application/json");
  head.headers.add("x-request-id", exchange.request_id);
  if (error.retry_after) {
    int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(*error.retry_after).count();
    head.headers.add("retry-after", std::to_string((ms + 999) / 1000));
    head.headers.add("retry-after-ms", std::to_string(ms));
  }
  if (head.status == 401) head.headers.add("www-authenticate", "Bearer");
  // SDKs repeat 409 and 5xx by themselves; what can never succeed says so.
  if (error.retry == Retry::kNever) head.headers.add("x-should-retry", "false");
  std::string body = error_body(error);
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(body));
  (void)sent;  // the client may be gone
}

Task<void> respond_json(Context ctx, Exchange& exchange, int status, Json body) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", "application/json");
  head.headers.add("x-request-id", exchange.request_id);
  std::string text = body.dump();
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(text));
  (void)sent;
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
