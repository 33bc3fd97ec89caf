#pragma once
// A route whose handler reads parameters and returns JSON or an error: the usual kind. The services
// are a small struct of pointers, copied into each call; what they point to outlives the router.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/router.h"

namespace drover::api {

template <typename Services>
using JsonHandler = Task<Result<Json>> (*)(Context ctx, Exchange& exchange, Services services);

template <typename Services>
Task<void> answer_with(Context ctx, Exchange& exchange, Services services,
                       JsonHandler<Services> handler, int status) {
  auto result = co_await handler(ctx, exchange, std::move(services));
  if (result) {
    co_await respond_json(ctx, exchange, status, std::move(*result));
  } else {
    co_await respond_error(ctx, exchange, std::move(result).error());
  }
}

template <typename Services>
void add_json(Router& router, std::string method, std::string pattern, Services services,
              JsonHandler<Services> handler, int status = 200) {
  router.add(std::move(method), std::move(pattern),
             [services, handler, status](Context ctx, Exchange& exchange) {
               return answer_with<Services>(ctx, exchange, services, handler, status);
             });
}

/// The same where the handler writes the JSON itself: what is answered once a commit is durable is
/// written while it is on its way.
template <typename Services>
using TextHandler = Task<Result<std::string>> (*)(Context ctx, Exchange& exchange,
                                                  Services services);

Task<void> respond_text(Context ctx, Exchange& exchange, int status, std::string json);

template <typename Services>
Task<void> answer_with_text(Context ctx, Exchange& exchange, Services services,
                            TextHandler<Services> handler, int status) {
  auto result = co_await handler(ctx, exchange, std::move(services));
  if (result) {
    co_await respond_text(ctx, exchange, status, std::move(*result));
  } else {
    co_await respond_error(ctx, exchange, std::move(result).error());
  }
}

template <typename Services>
void add_text(Router& router, std::string method, std::string pattern, Services services,
              TextHandler<Services> handler, int status = 200) {
  router.add(std::move(method), std::move(pattern),
             [services, handler, status](Context ctx, Exchange& exchange) {
               return answer_with_text<Services>(ctx, exchange, services, handler, status);
             });
}

/// All of the text as a number in decimal digits; nullopt if it is anything else.
std::optional<uint64_t> whole_number(std::string_view text);
/// A query parameter that is a number of things, kept within [1, most]; `fallback` if absent.
Result<uint64_t> query_limit(const Exchange& exchange, uint64_t fallback, uint64_t most);
/// {"object":"list","has_more":…,"data":[…]}.
Json list_json(Json data, bool has_more);

}  // namespace drover::api
