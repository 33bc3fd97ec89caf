#pragma once
// A route whose handler reads parameters and returns JSON or an error: the usual kind. The services
// are a small struct of pointers, copied into each call; what they point to outlives the router.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "api/router.h"
#include "session/manager.h"

namespace drover::api {

/// What a handler returns: Json, or JSON that it has written itself. What is answered once a commit
/// is durable is prepared while it is on its way: then it returns no text.
using TextOrPrepared = std::optional<std::string>;
template <typename Services, typename Body>
using Handler = Task<Result<Body>> (*)(Context ctx, Exchange& exchange, Services services);

Task<void> respond_text(Context ctx, Exchange& exchange, int status, std::string json);
/// Has the same ready for respond_prepared(); what it returns may tell it before.
session::Tell prepare_text(Exchange& exchange, int status, std::string json);
Task<void> respond_prepared(Context ctx, Exchange& exchange);

template <typename Services, typename Body>
Task<void> answer_with(Context ctx, Exchange& exchange, Services services,
                       Handler<Services, Body> handler, int status) {
  auto result = co_await handler(ctx, exchange, std::move(services));
  if (!result) {
    co_await respond_error(ctx, exchange, std::move(result).error());
  } else if constexpr (std::is_same_v<Body, Json>) {
    co_await respond_json(ctx, exchange, status, std::move(*result));
  } else if (result->has_value()) {
    co_await respond_text(ctx, exchange, status, std::move(**result));
  } else {
    co_await respond_prepared(ctx, exchange);
  }
}

template <typename Services, typename Body>
void add_json(Router& router, std::string method, std::string pattern, Services services,
              Handler<Services, Body> handler, int status = 200) {
  router.add(std::move(method), std::move(pattern),
             [services, handler, status](Context ctx, Exchange& exchange) {
               return answer_with<Services, Body>(ctx, exchange, services, handler, status);
             });
}

/// All of the text as a number in decimal digits; nullopt if it is anything else.
std::optional<uint64_t> whole_number(std::string_view text);
/// A query parameter that is a number of things, from 1, and not more than `most` are taken;
/// `fallback` if absent.
Result<uint64_t> query_limit(const Exchange& exchange, uint64_t fallback, uint64_t most);
/// {"object":"list","has_more":…,"data":[…]}.
Json list_json(Json data, bool has_more);

}  // namespace drover::api
